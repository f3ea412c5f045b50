"""The random histories: the same for a seed, deep, conserving, and refused without a trace."""

from __future__ import annotations

import functools
from collections import Counter

import pytest

from tests.oracle import histories, model, words
from tests.oracle.state import State, serials
from tests.oracle.world import World

SEEDS = range(12)


@functools.cache
def grown(seed: int) -> World:
    return histories.grow(seed, 250)


def test_the_same_seed_gives_the_same_lines() -> None:
    assert histories.history(7, 80) == histories.history(7, 80)
    assert histories.history(7, 80) != histories.history(8, 80)


def test_every_kind_and_every_code_of_a_trial_is_reached() -> None:
    kinds: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for seed in SEEDS:
        kinds += grown(seed).kinds
        codes += grown(seed).codes
    assert set(codes) >= histories.CODES - histories.NOT_IN_A_TRIAL
    assert words.KINDS - {"log_opened", "key_revoked"} <= set(kinds)
    assert 0.15 < codes.total() / (kinds.total() + codes.total()) < 0.35


def test_the_lines_alone_give_the_same_answers() -> None:
    world = grown(3)
    answer = model.run_lines(world.lines)
    refused = Counter(r["error"]["code"] for r in answer["results"] if not r["ok"])
    assert refused == world.codes


@pytest.mark.parametrize("seed", SEEDS)
def test_every_substance_sums_to_zero_over_all_accounts(seed: int) -> None:
    totals: Counter[str] = Counter()
    for account in grown(seed).state.accounts.values():
        for substance, lines in account.items():
            totals[substance] += sum(lines.values())
    assert not any(totals.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_claimable_origin_is_only_received_or_declared(seed: int) -> None:
    accounts = grown(seed).state.accounts
    for origin in words.CLAIMABLE:
        received = declared = there = 0
        for name, account in accounts.items():
            amount = sum(v for by in account.values() for (o, _), v in by.items() if o == origin)
            if name.startswith("source:"):
                received -= amount
            else:
                assert not amount or name.split(":")[0] in ("lot", "transit", "sink", "loss")
                there += amount
        declared = declared_into(grown(seed), origin)
        assert there == received + declared


def declared_into(world: World, origin: str) -> int:
    """Grams that scrap declarations of a history moved into a class."""
    state, moved = State(), 0
    for number, line in enumerate(world.lines, start=1):
        if b"scrap_declared" not in line:
            if line.strip():
                model.result_of(state, line, number)
            continue
        before = of_origin(state, origin)
        model.result_of(state, line, number)
        moved += of_origin(state, origin) - before
    return moved


def of_origin(state: State, origin: str) -> int:
    """Grams of an origin on all lots."""
    return sum(
        amount
        for name, account in state.accounts.items()
        if name.startswith("lot:")
        for lines in account.values()
        for (found, _), amount in lines.items()
        if found == origin
    )


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_what_is_refused_leaves_no_trace(seed: int) -> None:
    state = State()
    before = model.report(state, [])
    for number, line in enumerate(grown(seed).lines, start=1):
        if not line.strip():
            continue
        result = model.result_of(state, line, number)
        after = model.report(state, [])
        if not result["ok"]:
            assert after == before, line
        before = after


@pytest.mark.parametrize("seed", SEEDS)
def test_a_certificate_never_holds_more_than_it_claimed(seed: int) -> None:
    state = grown(seed).state
    for serial, entry in model.report(state, [])["certificates"].items():
        assert 0 <= entry["held_mg"] <= sum(entry["claimed_mg"].values()), serial
    for name in state.lots:
        assert serials(state.lot(name)) <= set(state.certificates)
