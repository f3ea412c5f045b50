"""What the oracle knows: parties, sites, lots, runs, certificates and one table of balances."""

from __future__ import annotations

import copy
import datetime
import zoneinfo
from dataclasses import dataclass, field
from typing import Any

from tests.oracle import words
from tests.oracle.quantity import largest_remainder

Line = tuple[str, str]  # origin and claim; the claim of free grams is ""
Balance = dict[str, dict[Line, int]]

CLASS_ORDER = ["PRE", "BMW", "POST"]
NONE = ("-", "")


@dataclass
class Site:
    """A site."""

    party: str
    zone: str
    scopes: set[str]
    equipment: set[str]


@dataclass
class Lot:
    """A lot beside its balance."""

    at_site: str
    dated: int
    made_at: str  # site of the receipt or the run
    run: str | None = None  # the run that made it; None: a receipt
    step: str | None = None
    in_transit: bool = False
    touched: bool = False
    grade: str = "provisional"
    mentions: set[str] = field(default_factory=set)
    marks: set[tuple[str, str]] = field(default_factory=set)
    made_scope: str | None = None
    earlier_scopes: set[str] = field(default_factory=set)
    origin: dict[str, Any] = field(default_factory=dict)  # of a receipt: proven shares
    ppb: dict[str, int] = field(default_factory=dict)  # of a receipt

    def scopes(self) -> set[str]:
        """Scopes this lot may be declared from."""
        return self.earlier_scopes | ({self.made_scope} if self.made_scope else set())


@dataclass
class Run:
    """What a finalisation wants to know of a run."""

    party: str
    site: str
    step: str
    pool: Balance = field(default_factory=dict)
    gain: dict[str, int] = field(default_factory=dict)
    silent: list[tuple[int, set[str]]] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)  # lot -> role, mass, lines
    heel: Balance = field(default_factory=dict)
    loss: Balance = field(default_factory=dict)


@dataclass
class Certificate:
    """A certificate."""

    line: int
    issuer: str
    site: str
    holder: dict[str, Any] | None
    substance: str
    claimed: dict[str, int]
    of_substance: str
    of_mass: str
    valid_until: datetime.date | None
    revoked: bool = False
    disputed: bool = False
    drawn: bool = False


@dataclass
class Consignment:
    """A consignment: where each lot of it is."""

    party: str
    site: str
    to: dict[str, Any]
    lots: dict[str, str]  # road, arrived, returned, outside


class State:
    """Everything, in plain tables."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {
            "closure_tolerance": 5_000_000,
            "scale_tolerance": 3_000_000,
            "accepted_limit": 50_000_000,
            "split_minimum": 1_000_000,
            "strict": False,
            "same_process": "plant",
            "evidence": copy.deepcopy(words.DEFAULT_EVIDENCE),
        }
        self.parties: set[str] = {"OPERATOR"}
        self.sites: dict[str, Site] = {}
        self.lots: dict[str, Lot] = {}
        self.runs: dict[str, Run] = {}
        self.consignments: dict[str, Consignment] = {}
        self.certificates: dict[str, Certificate] = {}
        self.accounts: dict[str, Balance] = {}
        self.tickets: set[tuple[str, str, int | None]] = set()
        self.documents: dict[str, str] = {}  # sha256 -> party of the receipt
        self.accepted: dict[tuple[str, str], tuple[Any, int]] = {}
        self.n = 0
        self.clock: int | None = None

    def balance(self, account: str) -> Balance:
        """The lines of an account (a copy, without zeros)."""
        found = self.accounts.get(account, {})
        lines = {s: {k: v for k, v in by.items() if v != 0} for s, by in found.items()}
        return {s: by for s, by in lines.items() if by}

    def lot(self, name: str) -> Balance:
        """The lines of a lot that is not on the road."""
        return self.balance(f"lot:{name}")

    def post(self, account: str, lines: Balance, sign: int = 1) -> None:
        """Add (or with sign -1 take) lines."""
        table = self.accounts.setdefault(account, {})
        for substance, by in lines.items():
            for line, amount in by.items():
                row = table.setdefault(substance, {})
                row[line] = row.get(line, 0) + sign * amount
                if account.startswith(("lot:", "transit:")):
                    assert row[line] >= 0, (account, substance, line)

    def expired(self, certificate: Certificate) -> bool:
        """Is the last day of validity over, on the issuing site's wall?"""
        if certificate.valid_until is None or self.clock is None:
            return False
        zone = zoneinfo.ZoneInfo(self.sites[certificate.site].zone)
        after = certificate.valid_until + datetime.timedelta(days=1)
        midnight = datetime.datetime.combine(after, datetime.time(), zone)
        return self.clock >= midnight.timestamp() * 1000


def weight(balance: Balance) -> int:
    """Wet mass."""
    return sum(sum(by.values()) for by in balance.values())


def grams(balance: Balance, substance: str) -> int:
    """All lines of one substance."""
    return sum(balance.get(substance, {}).values())


def serials(balance: Balance) -> set[str]:
    """Serials that hold grams of this balance."""
    return {
        claim
        for by in balance.values()
        for (_, claim), amount in by.items()
        if claim not in ("", "sold") and amount
    }


def under_serial(balance: Balance, serial: str) -> int:
    """Milligrams under one serial."""
    return sum(v for by in balance.values() for (_, claim), v in by.items() if claim == serial)


def line_order(line: Line) -> tuple[int, int, str]:
    """UNK, PRIM; sold PRE, BMW, POST; certified, serials ascending; free."""
    origin, claim = line
    if origin in ("-", "UNK", "PRIM"):
        return (0, ["-", "UNK", "PRIM"].index(origin), claim)
    place = CLASS_ORDER.index(origin)
    if claim == "sold":
        return (1, place, "")
    return (2, place, claim) if claim else (3, place, "")


def take_lines(lines: dict[Line, int], quantity: int) -> dict[Line, int]:
    """A quantity of one substance, split over its lines."""
    order = sorted((line for line in lines if lines[line]), key=line_order)
    parts = largest_remainder(quantity, [lines[line] for line in order])
    return {line: part for line, part in zip(order, parts, strict=True) if part}


def take(balance: Balance, quantity: int) -> Balance:
    """A wet quantity, split over substances and then over lines."""
    order = sorted(balance)
    parts = largest_remainder(quantity, [grams(balance, substance) for substance in order])
    taken = {s: take_lines(balance[s], part) for s, part in zip(order, parts, strict=True)}
    return {substance: lines for substance, lines in taken.items() if lines}


def add(left: Balance, right: Balance, sign: int = 1) -> Balance:
    """The sum (or difference) of two balances, without zeros."""
    result = {substance: dict(by) for substance, by in left.items()}
    for substance, by in right.items():
        row = result.setdefault(substance, {})
        for line, amount in by.items():
            row[line] = row.get(line, 0) + sign * amount
    clean = {s: {k: v for k, v in by.items() if v} for s, by in result.items()}
    return {s: by for s, by in clean.items() if by}
