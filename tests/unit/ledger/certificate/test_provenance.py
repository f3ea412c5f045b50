"""The walk back is held against a second reckoning that goes forward: dye in the metal."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

import pytest

from ledger import entry
from ledger.book import bodies, lines
from ledger.certificate import provenance
from tests import harness

Leaf = tuple[int, bool]
Dye = dict[Leaf, Fraction]
CLAIMABLE = ("POST", "PRE", "BMW")


def trace(log: harness.TestLedger, issued: entry.Entry, **more: Any) -> provenance.Lineage:
    claim = provenance.claim_of(issued, log.serial(issued))
    return provenance.trace(claim, log.entries.__getitem__, **more)


def in_mg(units: int) -> Fraction:
    return Fraction(units, provenance.UNIT)


# The second reckoning: which leaf is in every line, entry by entry, in fractions.


class Forward:
    def __init__(self, log: harness.TestLedger, substance: str) -> None:
        self.substance = substance
        self.entries = log.entries
        self.dye: dict[tuple[str, str], Dye] = defaultdict(dict)
        self.pools: dict[str, dict[str, tuple[Dye, int]]] = {}
        self.revoked: set[str] = set()

    def until(self, n: int) -> Forward:
        for found in self.entries[: n + 1]:
            moved = {
                a: self.page(found, a) for a in found.book if a.startswith(("lot:", "transit"))
            }
            getattr(self, found.event.kind, lambda *_: None)(found, moved)
        return self

    def page(self, found: entry.Entry, account: str) -> dict[str, tuple[int, int]]:
        page = found.book[account].get(self.substance, {})
        return {line: (d, b) for line, (d, b) in page.items() if line.split("/")[0] in CLAIMABLE}

    def part(self, dye: Dye, share: Fraction) -> Dye:
        return {leaf: mg * share for leaf, mg in dye.items()}

    def draw(self, account: str, line: str, mg: int, had: int) -> Dye:
        """Take mg of the had that lie on a line."""
        dye = self.dye[account, line]
        self.dye[account, line] = self.part(dye, Fraction(had - mg, had))
        return self.part(dye, Fraction(mg, had))

    def pour(self, account: str, line: str, dye: Dye) -> None:
        into = self.dye[account, line]
        for leaf, mg in dye.items():
            into[leaf] = into.get(leaf, Fraction(0)) + mg

    def lot_received(self, found: entry.Entry, moved: Any) -> None:
        self.assay_recorded(found, moved)

    def scrap_declared(self, found: entry.Entry, moved: Any) -> None:
        self.assay_recorded(found, moved)

    def assay_recorded(self, found: entry.Entry, moved: Any) -> None:
        for account, page in moved.items():
            for line, (delta, balance) in page.items():
                if delta > 0:
                    self.pour(account, line, {(found.n, False): Fraction(delta)})
                elif delta:
                    self.draw(account, line, -delta, balance - delta)

    def certificate_issued(self, found: entry.Entry, moved: Any) -> None:
        for account, page in moved.items():
            for origin in CLAIMABLE:
                mine = {k: v for k, v in page.items() if k.split("/")[0] == origin}
                freed: Dye = defaultdict(Fraction)
                for line, (delta, balance) in mine.items():
                    if delta < 0:
                        for leaf, mg in self.draw(account, line, -delta, balance - delta).items():
                            freed[leaf] += mg
                for line, (delta, _) in mine.items():
                    if delta > 0:
                        self.pour(account, line, self.part(freed, Fraction(delta, self.sum(mine))))

    def sum(self, page: Any) -> int:
        return sum(delta for delta, _ in page.values() if delta > 0)

    def certificate_revoked(self, found: entry.Entry, moved: Any) -> None:
        assert isinstance(found.event.body, bodies.CertificateRevoked)
        self.revoked.add(found.event.body.serial)
        self.certificate_issued(found, moved)

    def move(self, source: str, target: str, moved: Any, handed: bool) -> None:
        for line, (delta, balance) in moved[source].items():
            gone = self.draw(source, line, -delta, balance - delta)
            came = moved[target].get(line, (0, 0))[0]
            part = self.part(gone, Fraction(came, -delta))
            self.pour(target, line, {(n, was or handed): mg for (n, was), mg in part.items()})

    def lot_dispatched(self, found: entry.Entry, moved: Any) -> None:
        for account in [a for a in moved if a.startswith("lot:")]:
            if (road := account.replace("lot:", "transit:")) in moved:
                self.move(account, road, moved, False)

    def lot_arrived(self, found: entry.Entry, moved: Any) -> None:
        body = found.event.body
        assert isinstance(body, bodies.LotArrived)
        sent = next(
            e.event.party
            for e in self.entries
            if isinstance(e.event.body, bodies.LotDispatched)
            and e.event.body.consignment == body.consignment
        )
        for account in [a for a in moved if a.startswith("lot:")]:
            road = account.replace("lot:", "transit:")
            self.move(road, account, moved, sent != found.event.party)

    def lot_returned(self, found: entry.Entry, moved: Any) -> None:
        for account in [a for a in moved if a.startswith("lot:")]:
            self.move(account.replace("lot:", "transit:"), account, moved, False)

    def run_recorded(self, found: entry.Entry, moved: Any) -> None:
        body = found.event.body
        assert isinstance(body, bodies.RunRecorded)
        heel = f"lot:{found.event.site}/HEEL-{body.equipment}"
        outs = {f"lot:{o.lot}" for o in body.outputs}
        frees = body.step not in ("SPLIT", "MERGE", "PACK", "STORE")
        pool: dict[str, Dye] = defaultdict(dict)
        total: dict[str, int] = defaultdict(int)
        for account, page in moved.items():
            for line, (delta, balance) in page.items():
                gone = balance - delta if account == heel else -delta
                if account in outs or not gone:
                    continue
                stays = not frees or lines.serial_of(line) in self.revoked
                into = line if stays else line.split("/")[0]
                total[into] += gone
                for leaf, mg in self.draw(account, line, gone, balance - delta).items():
                    pool[into][leaf] = pool[into].get(leaf, Fraction(0)) + mg
        self.pools[body.run] = {line: (pool[line], total[line]) for line in total}
        for account, page in moved.items():
            for line, (delta, balance) in page.items():
                came = balance if account == heel else delta if account in outs else 0
                if came:
                    self.pour(account, line, self.part(pool[line], Fraction(came, total[line])))

    def run_finalized(self, found: entry.Entry, moved: Any) -> None:
        body = found.event.body
        assert isinstance(body, bodies.RunFinalized)
        for account, page in moved.items():
            for line, (delta, balance) in page.items():
                if delta > 0:
                    dye, total = self.pools[body.run][line]
                    self.pour(account, line, self.part(dye, Fraction(delta, total)))
                elif delta:
                    self.draw(account, line, -delta, balance - delta)


def forward(log: harness.TestLedger, issued: entry.Entry) -> Dye:
    body = issued.event.body
    assert isinstance(body, bodies.CertificateIssued)
    reckoned = Forward(log, body.substance).until(issued.n)
    whole: Dye = defaultdict(Fraction)
    for (account, line), dye in reckoned.dye.items():
        if lines.serial_of(line) == log.serial(issued) and account.startswith("lot:"):
            for leaf, mg in dye.items():
                whole[leaf] += mg
    return whole


def check_both_ways(log: harness.TestLedger, issued: entry.Entry) -> dict[Leaf, Fraction]:
    lineage = trace(log, issued)
    claim = provenance.claim_of(issued, log.serial(issued))
    assert not lineage.cut
    assert sum(lineage.leaves.values()) == claim.claimed_mg * provenance.UNIT
    assert lineage.proven_mg(claim.claimed_mg) == claim.claimed_mg
    back = {leaf: in_mg(units) for leaf, units in lineage.leaves.items()}
    ahead = {leaf: mg for leaf, mg in forward(log, issued).items() if mg}
    assert back.keys() == ahead.keys()
    for leaf, mg in ahead.items():
        assert abs(mg - back[leaf]) < Fraction(lineage.splits + 1, provenance.UNIT)
    return back


def works() -> harness.TestLedger:
    log = harness.TestLedger()
    for party, site in (("COLLECT", "CO01"), ("SMELT", "SM01"), ("STAMP", "ST01")):
        log.party(party)
        log.site(site, party)
    return log


def test_a_receipt_is_a_leaf() -> None:
    log = works()
    received = log.receive("SM01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    issued = log.certify(["SM01/A"], "Al", amount="1 t")
    assert check_both_ways(log, issued) == {(received.n, False): 10**9}


def test_a_heat_draws_on_its_inputs_by_what_they_gave_of_the_line() -> None:
    log = works()
    first = log.receive("SM01/A", "10 t", {"Al": "90 %"}, {"POST": "100 %"})
    second = log.receive("SM01/B", "10 t", {"Al": "60 %"}, {"POST": "50 %", "UNK": "50 %"})
    log.melt("SM01/H", {"SM01/A": "5 t", "SM01/B": "all"}, {"SM01/I": ("10 t", {"Al": "96 %"})})
    issued = log.certify(["SM01/I"], "Al", amount="3 t")
    back = check_both_ways(log, issued)
    assert abs(back[first.n, False] - Fraction(3 * 10**9 * 45, 75)) < Fraction(1, 10**9)
    assert abs(back[second.n, False] - Fraction(3 * 10**9 * 30, 75)) < Fraction(1, 10**9)


def test_a_heel_carries_metal_from_heat_to_heat() -> None:
    log = works()
    old = log.receive("SM01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    heel = ("4 t", {"Al": "95 %"})
    log.melt("SM01/H-1", {"SM01/A": "all"}, {"SM01/I-1": ("6 t", {"Al": "95 %"})}, heel=heel)
    new = log.receive("SM01/B", "6 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.melt("SM01/H-2", {"SM01/B": "all"}, {"SM01/I-2": ("10 t", {"Al": "95 %"})})
    issued = log.certify(["SM01/I-2"], "Al")
    back = check_both_ways(log, issued)
    assert back[old.n, False] / sum(back.values()) == pytest.approx(0.4)
    assert back[new.n, False] / sum(back.values()) == pytest.approx(0.6)


def test_metal_that_changed_hands_says_so() -> None:
    log = works()
    received = log.receive("CO01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.send("CO01/C-1", ["CO01/A"], "SM01")
    log.take_back("CO01/C-1", ["CO01/A"])
    log.send("CO01/C-2", ["CO01/A"], "SM01")
    log.arrive("SM01", "CO01/C-2", {"CO01/A": "9.98 t"})
    own = log.receive("SM01/B", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.run("SM01/R", "MERGE", {"CO01/A": "all", "SM01/B": "all"}, {"SM01/AB": "rest"})
    issued = log.certify(["SM01/AB"], "Al")
    assert set(check_both_ways(log, issued)) == {(received.n, True), (own.n, False)}


def test_moving_between_sites_of_one_party_is_no_hand_over() -> None:
    log = works()
    log.site("CO02", "COLLECT")
    received = log.receive("CO01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.send("CO01/C-1", ["CO01/A"], "CO02")
    log.arrive("CO02", "CO01/C-1", {"CO01/A": "10 t"})
    issued = log.certify(["CO01/A"], "Al")
    assert set(check_both_ways(log, issued)) == {(received.n, False)}


def test_declared_scrap_is_born_on_the_word_of_its_declarer() -> None:
    log = works()
    log.receive("ST01/P", "10 t", {"Al": "99 %"}, {"PRIM": "100 %"}, evidence=["invoice"])
    log.receive("ST01/Q", "1 t", {"Al": "99 %"}, {"PRE": "100 %"}, evidence=["waste_note"])
    skeleton = {"ST01/W": ("3 t", {"Al": "99 %"}), "ST01/T": ("8 t", {"Al": "99 %"})}
    log.run("ST01/R", "STAMP", {"ST01/P": "all", "ST01/Q": "all"}, skeleton)
    declared = log.declare("ST01/W", "PRE", "ST01/MAIN")
    log.send("ST01/C", ["ST01/W"], "SM01")
    log.arrive("SM01", "ST01/C", {"ST01/W": "3 t"})
    issued = log.certify(["ST01/W"], "Al", classes=["PRE"])
    back = check_both_ways(log, issued)
    assert set(back) == {(declared.n, True), (declared.n - 2, True)}
    assert back[declared.n, True] / sum(back.values()) == pytest.approx(10 / 11)


def test_a_later_assay_adds_metal_on_the_word_of_who_states_it() -> None:
    log = works()
    received = log.receive("SM01/A", "10 t", {"Al": "90 %"}, {"POST": "100 %"})
    assayed = log.assay("SM01/A", {"Al": "96 %"})
    issued = log.certify(["SM01/A"], "Al")
    assert check_both_ways(log, issued) == {
        (received.n, False): 9 * 10**9,
        (assayed.n, False): 600 * 10**6,
    }


@pytest.mark.parametrize("classes", [("POST",), ("PRE",), ("POST", "PRE")])
def test_every_kind_of_event_goes_both_ways(classes: tuple[str, ...]) -> None:
    """Certificates drawn and freed, a store, a finalisation up and down, heels, hand-overs."""
    log = works()
    papers = ("waste_note", "scrap_declaration", "invoice")
    for i in range(3):
        mixed = {
            "POST": f"{60 - 20 * i} %",
            "PRE": "10 %",
            "PRIM": f"{10 + 20 * i} %",
            "UNK": "20 %",
        }
        log.receive(f"CO01/A-{i}", f"{7 + i} t", {"Al": f"8{i} %"}, mixed, evidence=papers)
    log.assay("CO01/A-0", {"Al": "83 %"})
    log.assay("CO01/A-1", {"Al": "79 %"})
    log.run("CO01/S-1", "STORE", {"CO01/A-0": "all"}, {"CO01/BIN": "rest"})
    log.run("CO01/S-2", "STORE", {"CO01/A-1": "all"}, {"CO01/BIN": "rest"})
    drawn = log.certify(["CO01/BIN"], "Al", classes=["POST", "PRE"])
    kept = log.certify(["CO01/A-2"], "Al", amount="1 t")
    log.revoke(kept, lots=["CO01/A-2"])
    gone = log.certify(["CO01/A-2"], "Al", amount="500 kg", holder={"party": "SMELT"})
    log.revoke(gone)  # its grams stay under the serial, whatever is made of them
    log.send("CO01/C", ["CO01/BIN", "CO01/A-2"], "SM01")
    log.arrive("SM01", "CO01/C", {"CO01/BIN": "14.98 t", "CO01/A-2": "9 t"})
    heel = ("3 t", {"Al": "96 %"})
    first = {"SM01/I-1": ("7 t", {"Al": "92 %"}), "SM01/D-1": ("900 kg", {"Al": "50 %"})}
    log.melt("SM01/H-1", {"CO01/BIN": "9 t", "CO01/A-2": "4 t"}, first, heel=heel)
    log.finalize("SM01/H-1", {"SM01/I-1": {"Al": "90 %"}})
    second = {"SM01/I-2": ("11 t", {"Al": "90 %"})}
    log.melt("SM01/H-2", {"CO01/BIN": "all", "CO01/A-2": "all", "SM01/D-1": "all"}, second)
    log.finalize("SM01/H-2", {"SM01/I-2": {"Al": "93 %"}})
    third = {"SM01/X": ("17 t", {"Al": "90 %"})}
    log.melt("SM01/H-3", {"SM01/I-1": "all", "SM01/I-2": "all"}, third)
    issued = log.certify(["SM01/X"], "Al", classes=classes)
    served = [line for page in issued.book["lot:SM01/X"].values() for line in page if "/" in line]
    assert {lines.serial_of(line) for line in served} == {log.serial(gone), log.serial(issued)}
    assert log.serial(drawn) not in str(issued.book)
    back = check_both_ways(log, issued)
    assert {n for n, _ in back} == {7, 8, 9, 10}  # three receipts, and the assay that found more
    assert log.check() == len(log.leaves)


def test_a_smelters_story_goes_both_ways(smelter: Any) -> None:
    check_both_ways(smelter.log, smelter.issued)


def test_what_the_walk_may_not_enter_is_cut_and_nothing_else_moves(smelter: Any) -> None:
    log, issued = smelter.log, smelter.issued
    claim = provenance.claim_of(issued, log.serial(issued))
    whole = trace(log, issued)
    for closed in whole.through:
        readable = dict(enumerate(log.entries))
        del readable[closed]
        lineage = provenance.trace(claim, readable.get)
        assert lineage.cut == {closed: lineage.through[closed]}
        total = sum(lineage.leaves.values()) + sum(lineage.cut.values())
        assert total == claim.claimed_mg * provenance.UNIT
        assert all(units <= whole.leaves[leaf] for leaf, units in lineage.leaves.items())
        assert lineage.proven_mg(claim.claimed_mg) < claim.claimed_mg


def test_what_little_passes_is_not_walked_into(smelter: Any) -> None:
    log, issued = smelter.log, smelter.issued
    lineage = trace(log, issued, least_mg=100_000_000)
    assert lineage.cut
    assert all(units < 100_000_000 * provenance.UNIT for units in lineage.cut.values())


def test_a_proof_never_rounds_up() -> None:
    lineage = provenance.Lineage({(1, False): 7 * provenance.UNIT}, {2: 1}, {}, splits=1)
    assert lineage.proven_mg(8) == 6
