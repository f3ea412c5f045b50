"""Dossiers of large lineages: within the budget, verified, and proving more the more there is."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence

import pytest

from ledger import entry
from ledger.certificate import choice, provenance, verdict, verify
from tests import harness

ASSAY = {"Al": "75 %"}
BUDGETS = (20_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_500_000)
World = tuple[harness.TestLedger, entry.Entry]


def yard() -> harness.TestLedger:
    log = harness.TestLedger()
    log.party("HEFEI")
    log.site("HF01", "HEFEI")
    return log


def lorry(log: harness.TestLedger) -> str:
    lot = f"HF01/A{len(log.leaves)}"
    log.receive(lot, "10 t", {"Al": "90 %"}, {"POST": "60 %", "UNK": "40 %"})
    return lot


def merged(log: harness.TestLedger, lots: Sequence[str]) -> str:
    lot = f"HF01/M{len(log.leaves)}"
    log.run(f"{lot}R", "MERGE", dict.fromkeys(lots, "all"), {lot: "rest"})
    return lot


def furnace(heats: int) -> World:
    """Three lorries a heat, on a heel of a sixth of the bath."""
    log = yard()
    for i in range(heats):
        lots = {lorry(log): "all" for _ in range(3)}
        made = {f"HF01/I{i}": ("29 t", ASSAY)}
        log.melt(f"HF01/H{i}", lots, made, heel=("6 t", ASSAY))
    return log, log.certify([f"HF01/I{heats - 1}"], "Al")


def flat(ancestors: int, at_once: int = 10) -> World:
    """Equal lots merged ten at a time, and those again: nothing weighs more than the rest."""
    log = yard()
    level = [lorry(log) for _ in range(ancestors)]
    while len(level) > 1:
        level = [merged(log, level[i : i + at_once]) for i in range(0, len(level), at_once)]
    return log, log.certify(level, "Al")


def filled(times: int) -> World:
    """A store into which one lorry after another goes."""
    log = yard()
    for i in range(times):
        log.run(f"HF01/F{i}", "STORE", {lorry(log): "all"}, {"HF01/HEAP": "rest"})
    return log, log.certify(["HF01/HEAP"], "Al")


def wide() -> World:
    """One run that is larger than half of all budgets, beside small ones that are not."""
    log = yard()
    large = merged(log, [lorry(log) for _ in range(60)])
    small = [merged(log, [lorry(log) for _ in range(4)]) for _ in range(8)]
    return log, log.certify([merged(log, [large, *small])], "Al")


def check(
    world: World, may_share: Callable[[entry.Entry], bool] = lambda found: True
) -> list[tuple[int, int]]:
    """Proven and claimed mg for each budget; verified, never over it, and growing with it."""
    log, issued = world
    figures = []
    for budget in BUDGETS:
        data = log.dossier(issued, may_share, budget_bytes=budget)
        assert len(data) <= budget
        found = verify.verify(data, log.policy())
        assert found.status == verdict.MEETS_POLICY, found.refusal
        assert found.arithmetic is not None
        figures.append((found.arithmetic.proven_mg, found.arithmetic.claimed_mg))
    proven = [mg for mg, _ in figures]
    assert proven == sorted(proven)
    return figures


def test_a_furnace_of_two_hundred_heats_is_proven_by_its_last_few() -> None:
    """A sixth of the bath stays: six heats leave one part in 50,000 to those before."""
    figures = check(furnace(200))
    for (proven, claimed), least in zip(figures, (0, 0.99, 0.9999), strict=False):
        assert proven >= claimed * least
    assert figures[-1][0] > claimed * 0.999_999


def test_of_equal_ancestors_as_many_are_proven_as_fit() -> None:
    """Some 200 of 600 lorries fit into 800 kB with all that was done to them."""
    figures = check(flat(600))
    shares = [proven / claimed for proven, claimed in figures]
    assert shares[-2] > 0.15
    assert shares[-1] > 0.3


def test_a_store_that_is_filled_for_ever_is_proven_from_its_end() -> None:
    figures = check(filled(200))
    assert 0.1 < figures[-2][0] / figures[-2][1] < 1
    assert figures[-1][0] > figures[0][0]


def test_a_run_that_does_not_fit_does_not_stand_in_the_way_of_those_that_do() -> None:
    figures = check(wide())
    claimed = figures[0][1]
    assert 0 < figures[2][0] < claimed // 3, "only small ones fit into 100 kB"
    assert figures[-1][0] == claimed


def test_lineage_cut_by_closed_parties_is_proven_as_far_as_others_show_theirs() -> None:
    log = harness.TestLedger()
    for party, site in (("HEFEI", "HF01"), ("CLOSED", "CL01"), ("OPEN", "OP01")):
        log.party(party)
        log.site(site, party)
    lots = {}
    for i, site in itertools.product(range(6), ("CL01", "OP01")):
        lot = f"{site}/S{i}"
        log.receive(lot, "10 t", {"Al": "90 %"}, {"POST": "100 %"})
        log.send(f"{site}/C{i}", [lot], "HF01")
        log.arrive("HF01", f"{site}/C{i}", {lot: "10 t"})
        lots[lot] = "all"
    log.run("HF01/M", "MERGE", lots, {"HF01/M": "rest"})
    issued = log.certify(["HF01/M"], "Al")
    figures = check((log, issued), lambda found: found.event.party != "CLOSED")
    proven, claimed = figures[-1]
    assert claimed // 2 - 1 <= proven <= claimed // 2
    data = log.dossier(issued, lambda found: found.event.party != "CLOSED")
    kinds = {(m["entry"]["n"]) for m in json.loads(data)["entries"]}
    moved = [log.entries[n] for n in kinds if not choice.is_register(log.entries[n])]
    assert "CLOSED" not in {found.event.party for found in moved}


def test_metal_that_came_by_two_ways_is_proven_by_both() -> None:
    """One lorry, divided, each half melted with metal of its own, and the ingots together again."""
    log = yard()
    halves = {"HF01/B": "5 t", "HF01/C": "rest"}
    log.run("HF01/S", "SPLIT", {lorry(log): "all"}, halves)
    for half in "BC":
        log.receive(f"HF01/U{half}", "5 t", {"Al": "90 %"})
        charge = {f"HF01/{half}": "all", f"HF01/U{half}": "all"}
        log.melt(f"HF01/H{half}", charge, {f"HF01/I{half}": ("9.4 t", ASSAY)})
    together = merged(log, ["HF01/IB", "HF01/IC"])
    proven, claimed = check((log, log.certify([together], "Al")))[-1]
    assert proven == claimed


def test_however_large_a_lineage_only_so_much_of_it_is_read() -> None:
    log, issued = flat(300)
    read: list[int] = []

    def counted(n: int) -> bytes:
        read.append(n)
        return log.leaves[n]

    found = choice.Found(counted, lambda ns: None, lambda found: True, left_entries=150)
    found.chosen = choice.with_registers(found, {0, issued.n} | choice.needed(found, issued.n))
    claim = provenance.claim_of(issued, log.serial(issued))
    choice.grow(found, claim, 1_000_000, lambda n: len(log.leaves[n]))
    assert len(read) == len(set(read)) == 150
    assert found.chosen <= set(read)
    assert len(found.chosen) > 30


@pytest.mark.parametrize("least", [1, 1_000, 10_000_000_000])
def test_a_walk_by_shares_finds_what_the_walk_in_order_finds(least: int) -> None:
    log, issued = harness.smelter(5)
    claim = provenance.claim_of(issued, log.serial(issued))
    whole = provenance.trace(claim, log.entries.__getitem__)
    found = provenance.explore(claim, log.entries.__getitem__, least_mg=least)
    total = sum(found.leaves.values()) + sum(found.cut.values())
    assert total == claim.claimed_mg * provenance.UNIT
    assert found.proven_mg(claim.claimed_mg) <= claim.claimed_mg
    if least == 1:
        assert not {n for n, units in found.cut.items() if units >= provenance.UNIT}
        for leaf, units in whole.leaves.items():
            assert abs(units - found.leaves.get(leaf, 0)) < 100 * provenance.UNIT
    for n, (came, units) in found.came_from.items():
        assert n in log.entries[came].reads.values()
        assert 0 < units <= found.through[n]


def gained_by(order: Sequence[int], gains: dict[int, int], costs: dict[int, int]) -> list[int]:
    """What is gained at every cost from 0 on."""
    curve, spent, gained = [], 0, 0
    for n in order:
        curve += [gained] * costs[n]
        spent, gained = spent + costs[n], gained + gains[n]
    return [*curve, gained]


def test_no_order_that_keeps_parents_first_gains_earlier() -> None:
    """Against every order of small random trees: the area under the curve is the largest."""
    for seed in range(60):
        at_random = random.Random(seed)
        parents = {n: at_random.randint(n + 1, 6) for n in range(6)}
        gains = {n: at_random.randint(0, 9) for n in range(7)}
        costs = {n: at_random.randint(1, 9) for n in range(7)}
        found = choice.order(6, parents, gains, costs)
        rest = [n for n in range(6) if n not in found]
        areas = [
            sum(gained_by(order, gains, costs))
            for order in itertools.permutations(range(6))
            if all(p == 6 or order.index(p) < order.index(n) for n, p in parents.items())
        ]
        assert sum(gained_by([*found, *rest], gains, costs)) == max(areas), seed
        assert not any(gains[n] for n in rest)
