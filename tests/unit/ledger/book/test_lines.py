"""Balances: the order of lines, taking by largest remainder, and exact rows and columns."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book import lines

LINES = (
    *("UNK", "PRIM", "PRE", "BMW", "POST", "PRE/sold", "BMW/sold", "POST/sold"),
    *("PRE/AAAAAAAAAAAA", "BMW/AAAAAAAAAAAA", "POST/AAAAAAAAAAAA", "POST/BBBBBBBBBBBB"),
)
pages = st.dictionaries(st.sampled_from(LINES), st.integers(1, 10**12), min_size=1)
small_pages = st.dictionaries(st.sampled_from(LINES), st.integers(1, 4), min_size=1)
lots = st.dictionaries(st.sampled_from(["Al", "Cu", "Pb"]), pages | small_pages, min_size=1)
LEAST_CLAIMABLE_FIRST = [
    "UNK", "PRIM",
    "PRE/sold", "BMW/sold", "POST/sold",
    "PRE/0A", "PRE/9A", "BMW/0A", "BMW/9A", "POST/0A", "POST/9A",
    "PRE", "BMW", "POST",
]  # fmt: skip


PAIRS = list(itertools.combinations(LEAST_CLAIMABLE_FIRST, 2))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_lines_stand_least_claimable_first(first: str, second: str) -> None:
    assert lines.rank(first) < lines.rank(second)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_tie_goes_to_the_line_that_is_less_claimable(first: str, second: str) -> None:
    for page in ({first: 5, second: 5}, {second: 5, first: 5}):
        assert lines.take_lines(page, 1) == {first: 1}
        assert lines.take_lines(page, 7) == {first: 4, second: 3}


def test_substances_tie_by_code_point() -> None:
    lot = {"Cu": {"UNK": 5}, "Al": {"UNK": 5}, "OTHER": {"-": 5}, "H2O": {"-": 5}}
    assert lines.take(lot, 1) == {"Al": {"UNK": 1}}
    assert lines.take(lot, 2) == {"Al": {"UNK": 1}, "Cu": {"UNK": 1}}
    assert lines.take(lot, 3) == {"Al": {"UNK": 1}, "Cu": {"UNK": 1}, "H2O": {"-": 1}}


def test_a_line_says_its_origin_and_its_claim() -> None:
    assert lines.split("POST") == ("POST", "")
    assert lines.split("PRE/sold") == ("PRE", "sold")
    assert lines.serial_of("POST/ABCDEFGHJKMN") == "ABCDEFGHJKMN"
    assert lines.serial_of("PRE/sold") == lines.serial_of("POST") == lines.serial_of("-") == ""


def test_serials_and_what_they_hold_are_found_over_all_substances() -> None:
    lot = {"Al": {"POST": 1, "POST/B": 2, "PRE/A": 3}, "Cu": {"POST/B": 4, "POST/sold": 5}}
    assert lines.serials(lot) == ["A", "B"]
    assert lines.held_mg(lot, "B") == {"Al": {"POST/B": 2}, "Cu": {"POST/B": 4}}


def test_a_line_at_zero_is_gone_and_so_is_its_substance() -> None:
    lot = {"Al": {"POST": 5, "PRE": 1}}
    lines.add(lot, "Al", "POST", -5)
    assert lot == {"Al": {"PRE": 1}}
    lines.add_all(lot, {"Al": {"PRE": 1}, "Cu": {"UNK": 2}}, -1)
    assert lot == {"Cu": {"UNK": -2}}


def test_a_copy_is_changed_alone() -> None:
    lot = {"Al": {"POST": 5}}
    lines.add(lines.copy(lot), "Al", "POST", 1)
    assert lot == {"Al": {"POST": 5}}


@given(lots, st.data())
def test_what_is_taken_and_what_is_left_are_the_lot(
    lot: lines.Balances, data: st.DataObject
) -> None:
    mass_mg = data.draw(st.integers(0, lines.wet_mg(lot)))
    taken, left = lines.take(lot, mass_mg), lines.copy(lot)
    lines.add_all(left, taken, -1)
    assert lines.wet_mg(taken) == mass_mg
    assert all(mg > 0 for page in (*taken.values(), *left.values()) for mg in page.values())


@given(lots)
def test_taking_a_lot_whole_takes_every_line_as_it_is(lot: lines.Balances) -> None:
    assert lines.take(lot, lines.wet_mg(lot)) == lot


@given(lots, st.lists(st.integers(0, 1000), min_size=1, max_size=5))
def test_a_lot_split_and_merged_again_is_what_it_was(lot: lines.Balances, cuts: list[int]) -> None:
    left = lines.copy(lot)
    merged: lines.Balances = {}
    for cut in cuts:
        piece = lines.take(left, lines.wet_mg(left) * cut // 1000)
        lines.add_all(left, piece, -1)
        lines.add_all(merged, piece)
    lines.add_all(merged, left)
    assert merged == lot


@given(pages, st.lists(st.integers(0, 10**12), max_size=6))
def test_rows_and_columns_of_an_attribution_are_exact(pool: lines.Lines, wanted: list[int]) -> None:
    total = sum(pool.values())
    parts: list[int] = []
    for want in wanted:
        parts.append(min(want, total - sum(parts)))
    parts.append(total - sum(parts))
    shares = lines.attribute(pool, parts)
    assert [sum(share.values()) for share in shares] == parts
    for line, mass_mg in pool.items():
        assert sum(share.get(line, 0) for share in shares) == mass_mg
    assert all(mg > 0 for share in shares for mg in share.values())


@given(st.integers(1, 10**6), st.lists(st.integers(1, 500), min_size=2, max_size=5))
def test_shares_of_a_pool_do_not_depend_on_its_scale(unit: int, whole: list[int]) -> None:
    """A whole fraction of a pool carries exactly the pool's proportions."""
    names = ("UNK", "PRIM", "PRE", "BMW", "POST")[: len(whole)]
    pool = {name: weight * unit for name, weight in zip(names, whole, strict=True)}
    assert lines.take_lines(pool, sum(whole)) == dict(zip(names, whole, strict=True))


@given(small_pages, st.data())
def test_ties_never_favour_the_more_claimable_line(page: lines.Lines, data: st.DataObject) -> None:
    taken = lines.take_lines(page, data.draw(st.integers(0, sum(page.values()))))
    for one, two in itertools.permutations(page, 2):
        if page[one] == page[two] and lines.rank(one) < lines.rank(two):
            assert taken.get(one, 0) >= taken.get(two, 0)
