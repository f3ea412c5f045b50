"""Quantities as people write them, and rounding against the claim."""

from __future__ import annotations

import decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book import mass
from ledger.errors import FormatError

MAX = 2**53 - 1
amounts = st.integers(0, MAX)
weights = st.lists(st.integers(0, MAX), min_size=1, max_size=12)


def refusal(parse: Any, value: object, **more: Any) -> str:
    with pytest.raises(FormatError) as caught:
        parse(value, "body.mass", **more)
    assert caught.value.field == "body.mass"
    return caught.value.code


@pytest.mark.parametrize(
    ("written", "mass_mg"),
    [
        ("24.98 t", 24_980_000_000),
        ("24 980 kg", 24_980_000_000),
        ("24980 kg", 24_980_000_000),
        ("24 980 000 000 mg", 24_980_000_000),
        ("24980000000 mg", 24_980_000_000),
        (24_980_000_000, 24_980_000_000),
        ("9 g", 9_000),
        ("5 mg", 5),
        ("5.000 mg", 5),
        ("0.001 g", 1),
        ("0.000001 kg", 1),
        ("0.000000001 t", 1),
        ("1 000.5 kg", 1_000_500_000),
        ("1." + "0" * 5000 + " t", 1_000_000_000),
        ("9007199254740991 mg", MAX),
        ("9 007 199.254740991 t", MAX),
        (1, 1),
        (MAX, MAX),
    ],
)
def test_a_mass_is_read_to_the_milligram(written: object, mass_mg: int) -> None:
    assert mass.parse_mass(written, "body.mass") == mass_mg


NOT_EXACT = [
    *("5", "kg", "", " ", "5kg", "5  kg", " 5 kg", "5 kg ", "5 kg\n", "5\tkg", "5\u00a0kg"),
    *("05 kg", "00 kg", "+5 kg", "-5 kg", "−5 kg", ".5 kg", "5. kg", "1e3 kg", "1E3 kg", "٣ kg"),
    *("1 00 kg", "1 0000 kg", "0 500 kg", "1234 567 kg", "12 34 567 kg", "1,5 kg", "1'000 kg"),
    *("1_000 kg", "5 000", "5.5.5 kg", "0x5 kg", "NaN kg", "Infinity kg", "½ kg", "five kg"),
    *("0.5 mg", "0.0000000001 t", "1." + "0" * 5000 + "1 t", "5 0 kg"),
    *("9007199254740992 mg", "9007199.254740992 t", "10000000 t", "9" * 5000 + " mg"),
    *(-1, 2**53, 10**30, "all", "rest", "5 kg 3 g", "5/2 kg"),
]


@pytest.mark.parametrize("written", NOT_EXACT, ids=lambda written: repr(written)[:20])
def test_another_spelling_or_size_is_not_exact(written: object) -> None:
    assert refusal(mass.parse_mass, written) == "NUMBER_NOT_EXACT"


@pytest.mark.parametrize(
    "written", ["5 lb", "5 T", "5 KG", "5 Kg", "5 %", "5 ppm", "5 kgs", "1 000 st", "5 µg", "5 t."]
)
def test_our_number_with_another_word_is_an_unknown_unit(written: str) -> None:
    assert refusal(mass.parse_mass, written) == "UNIT_UNKNOWN"


@pytest.mark.parametrize("written", [None, True, False, [], {}, ["5 kg"], 5.0, b"5 kg"])
def test_another_json_type_is_an_invalid_field(written: object) -> None:
    assert refusal(mass.parse_mass, written) == "FIELD_INVALID"


@pytest.mark.parametrize("written", [0, "0 kg", "0.000 t", "0 mg"])
def test_nothing_is_a_mass_only_where_it_is_allowed(written: object) -> None:
    assert refusal(mass.parse_mass, written) == "FIELD_INVALID"
    assert mass.parse_mass(written, "body.tare", zero=True) == 0


@pytest.mark.parametrize(
    ("written", "ppb"),
    [
        ("96.4 %", 964_000_000),
        ("100 %", 10**9),
        ("0 %", 0),
        ("0.0000001 %", 1),
        ("35 ppm", 35_000),
        ("1 000 ppm", 1_000_000),
        ("0.001 ppm", 1),
        ("12 ppb", 12),
        (964_000_000, 964_000_000),
        (0, 0),
        (10**9, 10**9),
    ],
)
def test_a_share_is_read_to_the_billionth(written: object, ppb: int) -> None:
    assert mass.parse_share(written, "body.moisture") == ppb


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("100.0000001 %", "FIELD_INVALID"),
        (10**9 + 1, "FIELD_INVALID"),
        ("101 %", "FIELD_INVALID"),
        (None, "FIELD_INVALID"),
        ("0.00000001 %", "NUMBER_NOT_EXACT"),
        ("0.5 ppb", "NUMBER_NOT_EXACT"),
        ("96.4%", "NUMBER_NOT_EXACT"),
        ("96,4 %", "NUMBER_NOT_EXACT"),
        (-1, "NUMBER_NOT_EXACT"),
        (2**53, "NUMBER_NOT_EXACT"),
        ("5 kg", "UNIT_UNKNOWN"),
        ("5 percent", "UNIT_UNKNOWN"),
        ("5 ‰", "UNIT_UNKNOWN"),
    ],
)
def test_a_share_that_is_none_is_refused(written: object, code: str) -> None:
    assert refusal(mass.parse_share, written) == code


def test_a_content_may_be_over_a_whole_because_the_sum_is_judged() -> None:
    assert mass.parse_content("101 %", "body.assay.Al") == 1_010_000_000


@given(amounts.filter(bool), st.sampled_from([("t", 9), ("kg", 6), ("g", 3), ("mg", 0)]))
def test_every_mass_is_read_back_from_any_unit(mass_mg: int, unit: tuple[str, int]) -> None:
    name, places = unit
    written = format(decimal.Decimal(mass_mg).scaleb(-places), "f")
    assert mass.parse_mass(f"{written} {name}", "mass") == mass_mg


@given(amounts.filter(bool))
def test_a_mass_for_people_is_exact(mass_mg: int) -> None:
    assert mass.parse_mass(mass.format_mass(mass_mg), "mass") == mass_mg


@pytest.mark.parametrize(
    ("mass_mg", "shown"),
    [
        (0, "0 mg"),
        (5, "5 mg"),
        (1_500, "1.5 g"),
        (24_980_000_000, "24.98 t"),
        (24_980_000_001, "24 980.000001 kg"),
        (1_234_567_000_000, "1 234.567 t"),
    ],
)
def test_a_mass_is_shown_in_its_largest_short_unit(mass_mg: int, shown: str) -> None:
    assert mass.format_mass(mass_mg) == shown


# Percentages, rounded down.


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "0.00"),
        (5, 0, "0.00"),
        (0, 7, "0.00"),
        (7, 7, "100.00"),
        (1, 3, "33.33"),
        (2, 3, "66.66"),
        (1, 10_001, "0.00"),
        (1, 10_000, "0.01"),
        (99_999, 100_000, "99.99"),
        (8_736_319_212, 18_101_600_000, "48.26"),
        (MAX - 1, MAX, "99.99"),
    ],
)
def test_a_percentage_is_floored_to_two_decimals(part: int, whole: int, shown: str) -> None:
    assert mass.percent_floor(part, whole) == shown


@given(st.integers(1, MAX).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_a_percentage_never_says_more_than_there_is(pair: tuple[int, int]) -> None:
    part, whole = pair
    shown = Fraction(mass.percent_floor(part, whole))
    assert shown <= Fraction(100 * part, whole) < shown + Fraction(1, 100)


# Largest remainder.


@pytest.mark.parametrize(
    ("amount", "over", "parts"),
    [
        (7, [5, 5, 5], [3, 2, 2]),
        (1, [5, 5, 5], [1, 0, 0]),
        (2, [1, 1, 1, 1], [1, 1, 0, 0]),
        (1, [1, 3], [0, 1]),
        (0, [], []),
        (0, [0, 0], [0, 0]),
        (9, [1, 2], [3, 6]),
        (2, [0, 1, 1], [0, 1, 1]),
        (3, [2, 3, 5], [1, 1, 1]),
    ],
)
def test_largest_remainder_of_small_numbers(amount: int, over: list[int], parts: list[int]) -> None:
    assert mass.largest_remainder(amount, over) == parts


def test_something_cannot_be_split_over_nothing() -> None:
    with pytest.raises(ValueError, match="nothing to split over"):
        mass.largest_remainder(1, [0, 0])


@given(weights, amounts)
def test_parts_sum_to_the_amount_and_lie_within_one_of_their_share(
    over: list[int], amount: int
) -> None:
    total = sum(over)
    if not total:
        return
    parts = mass.largest_remainder(amount, over)
    assert sum(parts) == amount
    for part, weight in zip(parts, over, strict=True):
        assert amount * weight // total <= part <= amount * weight // total + 1
        assert weight or not part


@given(weights, st.data())
def test_who_takes_at_most_the_total_gets_at_most_each_weight(
    over: list[int], data: st.DataObject
) -> None:
    parts = mass.largest_remainder(data.draw(st.integers(0, sum(over))), over)
    assert all(part <= weight for part, weight in zip(parts, over, strict=True))


@given(weights, amounts)
def test_left_over_milligrams_go_to_the_largest_remainders_and_ties_to_the_first(
    over: list[int], amount: int
) -> None:
    total = sum(over)
    if not total:
        return
    parts = mass.largest_remainder(amount, over)
    extra = [part - amount * weight // total for part, weight in zip(parts, over, strict=True)]
    by_claim = sorted(range(len(over)), key=lambda i: (-(amount * over[i] % total), i))
    assert [extra[i] for i in by_claim] == sorted(extra, reverse=True)


@given(weights, st.integers(0, 10**6), st.integers(1, 1000))
def test_scaling_all_weights_changes_nothing(over: list[int], amount: int, factor: int) -> None:
    if sum(over):
        scaled = [weight * factor for weight in over]
        assert mass.largest_remainder(amount, scaled) == mass.largest_remainder(amount, over)
