"""What the rules know of each object, as left by the entry that last touched it.

Objects are addressed by the keys of an entry's `reads` (docs/format.md): "log", "party:…",
"key:…", "site:…", "lot:…", "receipt:…", "run:…", "consignment:…", "certificate:…". States
are frozen; `fold.after` makes the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ledger.book import bodies, lines
from ledger.book.events import Event

Delta = int | list[int]  # nominal accounts: delta; lot and transit: [delta, balance]
Book = dict[str, dict[str, dict[str, Any]]]
LotNotes = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Facts:
    """One entry as far as states depend on it."""

    n: int
    at_ms: int
    event: Event
    kid: str
    book: Book
    lots: LotNotes


@dataclass(frozen=True, slots=True)
class Log:
    """Origin, operator and the parameters in force."""

    origin: str
    operator: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Party:
    """A registered party and its sites."""

    party: str
    country: str
    share: str
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A registered key."""

    party: str
    jwk: dict[str, str]
    custody: str
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """A site with all scopes and equipment it ever registered."""

    party: str
    country: str
    scopes: tuple[str, ...]
    equipment: tuple[str, ...]
    zone: str


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot: what lies, what is on the road, and what the rules want to know of it.

    by: "run:<id>" or "receipt:<lot>". marks: see marks.py.
    """

    balances: lines.Balances
    transit: lines.Balances
    by: str
    role: str
    grade: str
    mentions: tuple[str, ...]
    marks: tuple[str, ...]
    at_site: str
    dated: int

    def notes(self) -> dict[str, Any]:
        """The lot's part of an entry's `lots`."""
        return {
            "at_site": self.at_site,
            "by": self.by,
            "dated": self.dated,
            "grade": self.grade,
            "marks": list(self.marks),
            "mentions": list(self.mentions),
            "role": self.role,
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a received lot came to its grams: for later assays."""

    site: str
    wet_mg: int
    moisture_ppb: int
    assay: dict[str, int]
    origin: dict[str, dict[str, int]]  # element or "*" -> shares that evidence proves, ppb


@dataclass(frozen=True, slots=True)
class Part:
    """One ingredient of a pool: its OTHER in mg, and the elements its assay mentions."""

    other_mg: int
    mentions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run, for finalisation: grams per output, what went to loss and came from gain."""

    site: str
    step: str
    outputs: tuple[str, ...]
    roles: dict[str, str]
    pool: dict[str, int]  # element -> mg that went in
    parts: tuple[Part, ...]
    gain: dict[str, int]  # element -> mg that came from gain so far
    given: dict[str, lines.Balances]  # output -> its grams as this run left them
    loss: lines.Balances


@dataclass(frozen=True, slots=True)
class Consignment:
    """A dispatch: all its lots, and those still on the road (none when the receiver is outside)."""

    party: str
    site: str
    to: bodies.Partner
    lots: tuple[str, ...]
    road: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as issued, and whether it was revoked."""

    issuer: str
    substance: str
    claimed_mg: dict[str, int]  # class -> mg
    holder: bodies.Partner | None
    valid_until: str | None
    revoked: bool = False


State = Log | Party | Key | Site | Lot | Receipt | Run | Consignment | Certificate


class Reader(Protocol):
    """Where rules find the state of objects: a database, a dossier, or memory."""

    def find(self, key: str) -> tuple[int, State] | None:
        """The entry that last touched the object, and its state after it."""

    def used(self, key: str) -> tuple[int, str] | None:
        """The entry (and its party) that first used a ticket or document; absence is its word."""


def account_balances(book: Book, account: str) -> lines.Balances:
    """The balances a passbook page shows for a lot or transit account, without zeros."""
    shown = book.get(account, {})
    balances = {
        substance: {line: pair[1] for line, pair in page.items() if pair[1]}
        for substance, page in shown.items()
    }
    return {substance: page for substance, page in balances.items() if page}


def account_deltas(book: Book, account: str) -> lines.Balances:
    """What the entry changed on an account."""
    deltas: lines.Balances = {}
    for substance, page in book.get(account, {}).items():
        changes = {
            line: delta
            for line, shown in page.items()
            if (delta := shown[0] if isinstance(shown, list) else shown)
        }
        if changes:
            deltas[substance] = changes
    return deltas
