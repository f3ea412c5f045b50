"""What a worked example is made of: lines, expectations, and its arithmetic written once more.

Every example takes a `Twist`: masses become mg·scale + offset, lots get other names, inputs another
order. Nothing here is shared with the model but the serial of a certificate.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.oracle.claims import serial_of

T = 10**9
SMALL = ["UNK", "PRIM", "PRE", "BMW", "POST"]  # least claimable first
EVIDENCE = {
    "POST": {"type": "waste_note", "sha256": "a1" * 32},
    "PRE": {"type": "scrap_declaration", "sha256": "b2" * 32},
    "BMW": {"type": "scrap_declaration", "sha256": "c3" * 32},
    "PRIM": {"type": "invoice", "sha256": "d4" * 32},
}
Vector = dict[str, int]


@dataclass(frozen=True)
class Twist:
    """A change that the figures have to follow."""

    scale: int = 1
    offset: int = 0
    rename: Callable[[str], str] = str
    seed: int = 0

    def mg(self, milligrams: int) -> int:
        """A mass of the example, changed."""
        return milligrams * self.scale + self.offset

    def lot(self, name: str) -> str:
        """A lot of the first site, renamed."""
        return f"HB01/{self.rename(name)}"

    def order(self, things: list[Any]) -> list[Any]:
        """The same things in another order (seed 0: as they are)."""
        changed = list(things)
        if self.seed:
            random.Random(self.seed).shuffle(changed)
        return changed


PLAIN = Twist()


@dataclass
class Case:
    """Lines for `remelt try` and what has to come out."""

    name: str
    lines: list[bytes] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # line -> code; other lines are accepted
    lots: dict[str, dict[str, Vector]] = field(default_factory=dict)  # claims summed up
    accounts: dict[str, dict[str, Vector]] = field(default_factory=dict)
    certificates: dict[int, dict[str, Any]] = field(default_factory=dict)  # by line

    def add(self, kind: str, party: str, body: dict[str, Any], **more: Any) -> int:
        """One more line; gives its number."""
        minute = len(self.lines)
        envelope = {
            "kind": kind,
            "party": party,
            "occurred_at": f"2026-03-02T{minute // 60:02d}:{minute % 60:02d}:00+08:00",
            "body": body,
            **more,
        }
        self.lines.append(json.dumps(envelope).encode())
        return len(self.lines)

    def place(self, party: str, site: str, scopes: list[str], equipment: list[str]) -> None:
        """A party with one site."""
        about = {"country": "CN", "roles": ["recycler"], "custody": "operator", "share": "open"}
        self.add("party_registered", "OPERATOR", {"party": party, **about})
        levels = [{"id": scope, "level": "line"} for scope in scopes]
        body: dict[str, Any] = {"site": site, "party": party, "type": "remelter", "country": "CN"}
        body |= {"scopes": levels, "equipment": equipment, "zone": "Asia/Shanghai"}
        self.add("site_registered", "OPERATOR", body)

    def receive(
        self, lot: str, origin: str, mass: int, assay: dict[str, str] | None = None, **more: Any
    ) -> None:
        """An evidenced lot of one origin, from outside."""
        body: dict[str, Any] = {"lot": lot, "from": {"external": True}}
        body |= {"material": {"metal": "aluminium", "form": "scrap"}, "mass": mass}
        body |= {"assay": assay or {"Al": "100 %"}, "assay_grade": "final"}
        body |= {"origin": {origin: "100 %"}, **more}
        self.at_home("lot_received", body, evidence=[EVIDENCE[origin]])

    def at_home(self, kind: str, body: dict[str, Any], **more: Any) -> int:
        """An event of the first party at its site."""
        return self.add(kind, "HUAIBEI-AL", body, site="HB01", **more)

    def certify(
        self, lot: str, amount: Any, classes: list[str] | None = None, element: str = "Al"
    ) -> int:
        """A certificate on one lot."""
        body: dict[str, Any] = {"lots": [lot], "substance": element, "method": "iso14021-batch"}
        body |= {"classes": classes or ["POST"], "amount": amount}
        return self.at_home("certificate_issued", body)


# --- the arithmetic of the examples, written once more -------------------------------------------


def percent(amount: int, text: str) -> Fraction:
    """So many percent of an amount, exact."""
    return Fraction(amount) * Fraction(text) / 100


def lr(quantity: int, pool: Vector) -> Vector:
    """Largest remainder over origins, least claimable first on ties."""
    total = sum(pool.values())
    if not total:
        return {}
    exact = {o: Fraction(quantity * pool[o], total) for o in SMALL if o in pool}
    result = {o: int(exact[o]) for o in exact}
    while sum(result.values()) < quantity:
        open_ones = [o for o in exact if result[o] == int(exact[o])]
        result[max(open_ones, key=lambda o: (exact[o] - int(exact[o]), -SMALL.index(o)))] += 1
    return result


def sequence(pool: Vector, wants: list[tuple[str, int]]) -> dict[str, Vector]:
    """Outputs take one after the other; LOSS takes what is left."""
    left, result = dict(pool), {}
    for name, amount in wants:
        result[name] = lr(amount, left)
        left = {o: left[o] - result[name].get(o, 0) for o in left}
    return result | {"LOSS": left}


def clean(vector: Vector) -> Vector:
    """Without zeros."""
    return {name: amount for name, amount in vector.items() if amount}


def floor_text(part: int, whole: int) -> str:
    """Two decimals, floored."""
    hundredths = int(Fraction(part, whole) * 10000)
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def serial_at(party: str, line: int) -> str:
    """The serial a certificate on this line of a trial gets."""
    digest = hashlib.sha256(f"remelt/try\n{line}".encode()).digest()
    return serial_of("try", party, str(uuid.UUID(bytes=digest[:16])))


def by_origin(lines: dict[str, Vector]) -> dict[str, Vector]:
    """A lot of the answer with its claims summed up, water and OTHER left out."""
    result: dict[str, Vector] = {}
    for substance, found in lines.items():
        if substance in ("H2O", "OTHER"):
            continue
        row = result.setdefault(substance, {})
        for line, amount in found.items():
            origin = line.split("/")[0]
            row[origin] = row.get(origin, 0) + amount
    return result


def differences(case: Case, answer: dict[str, Any]) -> list[str]:
    """What an answer of `remelt try --json` gets wrong about a case; empty when all is right."""
    wrong = []
    for result in answer["results"]:
        code = None if result["ok"] else result["error"]["code"]
        if code != case.refused.get(result["line"]):
            wrong.append(f"line {result['line']}: {code}, want {case.refused.get(result['line'])}")
    for lot, expected in case.lots.items():
        found = by_origin(answer["lots"].get(lot, {}))
        if found != expected:
            wrong.append(f"{lot}: {found}, want {expected}")
    for account, expected in case.accounts.items():
        found = answer["accounts"].get(account, {})
        if found != {s: v for s, v in expected.items() if v}:
            wrong.append(f"{account}: {found}, want {expected}")
    issued = {entry["line"]: entry for entry in answer["certificates"].values()}
    for line, figures in case.certificates.items():
        for name, value in figures.items():
            if issued.get(line, {}).get(name) != value:
                shown = issued.get(line, {}).get(name)
                wrong.append(f"certificate of line {line}: {name} {shown}, want {value}")
    return wrong
