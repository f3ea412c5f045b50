"""The bodies of every kind of event, decoded, as frozen data (docs/events.md section 2).

Inside a class the fields stand in the order of that page; masses are milligrams, shares ppb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.book.assay import Assay, Origin


@dataclass(frozen=True, slots=True)
class Partner:
    """The other side of a movement or the holder of a certificate: a party, or somebody outside."""

    party: str | None = None
    site: str | None = None
    external: bool = False
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What the goods are called; informative."""

    metal: str
    form: str
    grade: Mapping[str, str] | None = None
    hs: str | None = None


@dataclass(frozen=True, slots=True)
class LogOpened:
    """Entry 0."""

    origin: str
    log_key: str
    operator: str
    operator_key: dict[str, str]
    rules: int
    parameters: dict[str, Any]
    tables: dict[str, str]


@dataclass(frozen=True, slots=True)
class PolicySet:
    """New parameters, from the next entry on."""

    parameters: dict[str, Any]
    tables: dict[str, str]


@dataclass(frozen=True, slots=True)
class PartyRegistered:
    """A company joins, with its first key."""

    party: str
    country: str
    roles: tuple[str, ...]
    custody: str
    share: str
    key: dict[str, str] | None = None
    proof: str | None = None
    identifiers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyAdded:
    """One more key of a party."""

    party: str
    custody: str
    key: dict[str, str] | None = None
    proof: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """A key of a party that signs no more."""

    party: str
    kid: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scope:
    """A process boundary at a site."""

    id: str
    level: str


@dataclass(frozen=True, slots=True)
class SiteRegistered:
    """A place where lots lie; again: adds to it."""

    party: str
    site: str
    type: str
    country: str
    scopes: tuple[Scope, ...]
    zone: str
    region: str | None = None
    equipment: tuple[str, ...] = ()
    geo: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Deduction:
    """What the scale showed and is not metal."""

    mass: int
    reason: str


@dataclass(frozen=True, slots=True)
class LotReceived:
    """Metal enters the ledger. `mass` is net and wet, also where gross and tare were given."""

    lot: str
    source: Partner
    material: Material
    mass: int
    moisture: int = 0
    assay: Assay | None = None
    assay_grade: str = "provisional"
    origin: Origin | None = None
    ticket: str | None = None
    ticket_part: int | None = None


@dataclass(frozen=True, slots=True)
class AssayRecorded:
    """A better analysis of a received lot."""

    lot: str
    assay: Assay
    grade: str
    moisture: int | None = None
    method: str | None = None
    sample: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A lot taken by a run; mass None is the whole lot."""

    lot: str
    mass: int | None


@dataclass(frozen=True, slots=True)
class Addition:
    """Alloying metal or reagent, always UNK."""

    name: str
    mass: int
    assay: Assay = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """A lot made by a run; mass None is what is left ("rest", in inheriting steps)."""

    lot: str
    role: str
    mass: int | None
    moisture: int = 0
    assay: Assay | None = None
    assay_grade: str = "provisional"
    material: Material | None = None


@dataclass(frozen=True, slots=True)
class Heel:
    """What stays in the furnace."""

    mass: int
    assay: Assay = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRecorded:
    """One pass of one process step."""

    run: str
    step: str
    scope: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    equipment: str | None = None
    additions: tuple[Addition, ...] = ()
    heel: Heel | None = None
    energy: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Restated:
    """A run's output with its final assay; its water stays where moisture is None."""

    lot: str
    assay: Assay
    moisture: int | None = None


@dataclass(frozen=True, slots=True)
class RunFinalized:
    """The laboratory's word on a run's outputs."""

    run: str
    outputs: tuple[Restated, ...]


@dataclass(frozen=True, slots=True)
class ScrapDeclared:
    """Waste is born: a lot's free primary metal becomes pre-consumer scrap."""

    lot: str
    class_: str
    from_scope: str
    process: str


@dataclass(frozen=True, slots=True)
class LotDispatched:
    """Lots go on the road, or leave the ledger."""

    consignment: str
    lots: tuple[str, ...]
    to: Partner
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class LotReturned:
    """Lots come back before they arrived."""

    consignment: str
    lots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One lot at the receiver's scale."""

    lot: str
    mass: int
    difference: str | None = None


@dataclass(frozen=True, slots=True)
class LotArrived:
    """Lots reach the other side."""

    consignment: str
    lots: tuple[Arrival, ...]


@dataclass(frozen=True, slots=True)
class CertificateIssued:
    """Grams are put under a serial. amount: "all", ("mass", mg) or ("share", ppb)."""

    lots: tuple[str, ...]
    substance: str
    method: str
    classes: tuple[str, ...]
    amount: str | tuple[str, int]
    holder: Partner | None = None
    valid_until: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateRevoked:
    """A serial is withdrawn."""

    serial: str
    reason: str
    lots: tuple[str, ...] = ()
    consent: str | None = None


Body = (
    LogOpened | PolicySet | PartyRegistered | KeyAdded | KeyRevoked | SiteRegistered
    | LotReceived | AssayRecorded | RunRecorded | RunFinalized | ScrapDeclared
    | LotDispatched | LotReturned | LotArrived | CertificateIssued | CertificateRevoked
)  # fmt: skip
