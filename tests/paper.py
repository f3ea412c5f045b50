"""Pencil and paper: a story followed by proportions alone, in exact fractions of a milligram.

Nothing of ledger/book is used: no rounding, no largest remainder, no claims, no tolerances. What it
finds for a lot is what the book must have, but for the milligrams that rounding moves.

Covers what the stories do: receipts and their later assays, runs with heel, additions and final
assays, stores, transport, declarations.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

Envelope = dict[str, Any]
Shares = dict[str, Fraction]  # class -> mg or share
UNITS = {"t": 10**9, "kg": 10**6, "g": 10**3, "mg": 1}
PARTS = {"%": 100, "ppm": 10**6, "ppb": 10**9}
INHERITING = ("SPLIT", "MERGE", "PACK", "STORE")
PROOFS = {
    "POST": {"waste_note", "collection_record", "purchase_record"},
    "PRE": {"scrap_declaration", "waste_note"},
    "BMW": {"scrap_declaration", "waste_note"},
    "PRIM": {"supplier_declaration", "invoice", "customs"},
}


def quantity(text: str) -> Fraction:
    """Milligrams of a mass, or the fraction that a share is; `<x` is nothing."""
    if text.startswith("<"):
        return Fraction(0)
    number, unit = re.fullmatch(r"([\d .]+) (\S+)", text).groups()  # type: ignore[union-attr]
    value = Fraction(number.replace(" ", ""))
    return value * UNITS[unit] if unit in UNITS else value / PARTS[unit]


@dataclass
class Lot:
    """What a lot weighs, wet, and its elements by class, in mg."""

    wet: Fraction
    metal: dict[str, Shares] = field(default_factory=dict)

    def part(self, taken: Fraction) -> Lot:
        share = taken / self.wet
        metal = {e: {c: mg * share for c, mg in p.items()} for e, p in self.metal.items()}
        return Lot(taken, metal)

    def add(self, more: Lot, sign: int = 1) -> None:
        self.wet += sign * more.wet
        for element, page in more.metal.items():
            mine = self.metal.setdefault(element, {})
            for name, mg in page.items():
                mine[name] = mine.get(name, Fraction(0)) + sign * mg

    def grams(self, element: str) -> Fraction:
        return sum(self.metal.get(element, {}).values(), Fraction(0))


@dataclass
class Run:
    """What is left for outputs that may still be restated, and what they weigh."""

    left: Lot
    wet: dict[str, Fraction]
    moisture: dict[str, Fraction]


def contents(stated: Mapping[str, Any], wet: Fraction, moisture: Fraction) -> Shares:
    dry = wet * (1 - moisture)
    return {e: dry * quantity(text) for e, text in stated.get("assay", {}).items()}


@dataclass
class Paper:
    """A story as far as it was told."""

    lots: dict[str, Lot] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    origins: dict[str, Shares] = field(default_factory=dict)
    moisture: dict[str, Fraction] = field(default_factory=dict)
    received: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    claims: dict[tuple[str, str], dict[str, Fraction]] = field(default_factory=dict)

    def tell(self, event: Envelope) -> None:
        step = getattr(self, event["kind"], None)
        if step is not None:
            step(event, event["body"])

    def lot_received(self, event: Envelope, body: Envelope) -> None:
        if "mass" in body:
            wet = quantity(body["mass"])
        else:
            off = sum((quantity(d["mass"]) for d in body.get("deductions", ())), Fraction(0))
            wet = quantity(body["gross"]) - quantity(body["tare"]) - off
        papers = {document["type"] for document in event.get("evidence", ())}
        origin: Shares = defaultdict(Fraction)
        for name, share in body.get("origin", {"UNK": "100 %"}).items():
            origin[name if PROOFS.get(name, set()) & papers else "UNK"] += quantity(share)
        self.origins[body["lot"]] = origin
        self.moisture[body["lot"]] = quantity(body.get("moisture", "0 %"))
        self._assay(body["lot"], body, wet)

    def assay_recorded(self, event: Envelope, body: Envelope) -> None:
        lot = body["lot"]
        for element in self.lots[lot].metal:
            self.received[element] -= self.lots[lot].grams(element)
        self._assay(lot, body, self.lots[lot].wet)

    def _assay(self, lot: str, body: Envelope, wet: Fraction) -> None:
        found = contents(body, wet, self.moisture[lot])
        for element, mg in found.items():
            self.received[element] += mg
        origin = self.origins[lot]
        self.lots[lot] = Lot(
            wet, {e: {c: mg * share for c, share in origin.items()} for e, mg in found.items()}
        )

    def lot_arrived(self, event: Envelope, body: Envelope) -> None:
        for arrived in body["lots"]:
            lot, mass = self.lots[arrived["lot"]], quantity(arrived["mass"])
            if mass < lot.wet:
                self.lots[arrived["lot"]] = lot.part(mass)
            lot = self.lots[arrived["lot"]]
            lot.wet = mass

    def scrap_declared(self, event: Envelope, body: Envelope) -> None:
        for page in self.lots[body["lot"]].metal.values():
            page[body["class"]] = page.get(body["class"], Fraction(0)) + page.pop("PRIM", 0)

    def certificate_issued(self, event: Envelope, body: Envelope) -> None:
        page = self.lots[body["lots"][0]].metal[body["substance"]]
        whole = sum(page.values(), Fraction(0))
        have = {c: page[c] for c in ("POST", "BMW", "PRE") if c in body["classes"] and c in page}
        left = sum(have.values(), Fraction(0))
        if body["amount"] != "all":
            left = whole * quantity(body["amount"])
        claimed: Shares = {}
        for name, mg in have.items():
            claimed[name] = min(left, mg)
            left -= claimed[name]
        self.claims[event["id"], body["lots"][0]] = claimed | {"whole": whole}

    def run_recorded(self, event: Envelope, body: Envelope) -> None:
        pool = Lot(Fraction(0))
        heel = f"{event['site']}/HEEL-{body.get('equipment')}"
        if body["step"] in ("MELT", "REFINE_FIRE", "CAST", "PYROLYSE") and heel in self.lots:
            pool.add(self.lots.pop(heel))
        for taken in body["inputs"]:
            lot = self.lots[taken["lot"]]
            part = lot.part(lot.wet if taken["mass"] == "all" else quantity(taken["mass"]))
            lot.add(part, -1)
            pool.add(part)
        for added in body.get("additions", ()):
            metal = contents(added, quantity(added["mass"]), Fraction(0))
            for element, mg in metal.items():
                self.received[element] += mg
            pool.add(Lot(quantity(added["mass"]), {e: {"UNK": mg} for e, mg in metal.items()}))
        if body["step"] in INHERITING:
            self._share_out(body, pool)
        else:
            self._make(body, pool, heel)

    def _share_out(self, body: Envelope, pool: Lot) -> None:
        known = [quantity(o["mass"]) for o in body["outputs"] if o["mass"] != "rest"]
        for output in body["outputs"]:
            rest = output["mass"] == "rest"
            wet = pool.wet - sum(known) if rest else quantity(output["mass"])
            made = pool.part(wet)
            made.add(self.lots.get(output["lot"], Lot(Fraction(0))))
            self.lots[output["lot"]] = made

    def _make(self, body: Envelope, pool: Lot, heel: str) -> None:
        stated = {output["lot"]: output for output in body["outputs"]}
        if "heel" in body:
            stated[heel] = body["heel"]
        wet = {lot: quantity(output["mass"]) for lot, output in stated.items()}
        moisture = {lot: quantity(o.get("moisture", "0 %")) for lot, o in stated.items()}
        run = self.runs[body["run"]] = Run(pool, wet, moisture)
        self._attribute(run, stated)

    def run_finalized(self, event: Envelope, body: Envelope) -> None:
        run = self.runs[body["run"]]
        stated = {output["lot"]: output for output in body["outputs"]}
        for lot, output in stated.items():
            if "moisture" in output:
                run.moisture[lot] = quantity(output["moisture"])
            run.left.add(self.lots[lot])
        self._attribute(run, stated)

    def _attribute(self, run: Run, stated: Mapping[str, Envelope]) -> None:
        """Outputs take from the pool in proportion; what is more than the pool is UNK."""
        made = {lot: contents(o, run.wet[lot], run.moisture[lot]) for lot, o in stated.items()}
        elements = {element for found in made.values() for element in found}
        for lot in stated:
            self.lots[lot] = Lot(run.wet[lot])
        for element in elements:
            wanted = sum(found.get(element, Fraction(0)) for found in made.values())
            page = run.left.metal.setdefault(element, {})
            more = max(Fraction(0), wanted - sum(page.values()))
            page["UNK"] = page.get("UNK", Fraction(0)) + more
            whole = sum(page.values(), Fraction(0))
            for lot, found in made.items():
                if whole and found.get(element):
                    share = found[element] / whole
                    self.lots[lot].metal[element] = {c: mg * share for c, mg in page.items()}
        for lot in stated:
            run.left.add(self.lots[lot], -1)


def follow(events: tuple[Envelope, ...]) -> Paper:
    paper = Paper()
    for event in events:
        paper.tell(event)
    return paper
