"""What the ledger answers, as frozen data. `raw` keeps members not known here."""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from api.client.errors import BadAnswer, Refusal

T = TypeVar("T")
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Entry `n` is on disk; `proof` leads from `leaf_hash` to the root that `checkpoint` signs."""

    n: int
    leaf_hash: str
    size: int
    checkpoint: str
    proof: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """What would be booked; nothing was written."""

    book: Mapping[str, Any]
    lots: Mapping[str, Any]
    reads: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the `number`-th event (from 1) of a stream: entry `n`, or a refusal."""

    number: int
    n: int | None = None
    leaf_hash: str = ""
    refusal: Refusal | None = None

    @property
    def ok(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: the leaf, the event it states, and the private fields that were not erased."""

    n: int
    leaf_hash: str
    entry: Mapping[str, Any]
    event: Mapping[str, Any]
    disclosures: tuple[str, ...] = ()
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Share:
    """Grams of one origin, and their part of the element."""

    mass_mg: int
    percent: str


@dataclass(frozen=True, slots=True)
class Element:
    """An element on a lot; `of_mass`: percent of the lot's weight, rounded down."""

    substance: str
    mass_mg: int
    of_mass: str
    origins: Mapping[str, Share]


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate as far as it lies on one lot."""

    serial: str
    status: str
    issuer: str
    substance: str
    here_mg: int
    here_percent: str


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot as it stands. `state`: lying, road, left or consumed."""

    lot: str
    fingerprint: str
    state: str
    at_site: str
    party: str
    wet_mg: int
    assay_grade: str
    elements: tuple[Element, ...]
    certificates: tuple[Held, ...]
    entries: tuple[int, ...]
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Edge:
    """Entry `entry` made the child of the parent."""

    child: str
    parent: str
    entry: int


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a lot was made of and what was made of it."""

    lot: str
    direction: str
    lots: tuple[str, ...]
    edges: tuple[Edge, ...]
    truncated: bool
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate, on the server's word; the dossier is the proof."""

    serial: str
    log: str
    status: str
    issuer: str
    site: str
    holder: str | None
    issued_at_ms: int
    valid_until: str | None
    method: str
    classes: tuple[str, ...]
    lots: tuple[str, ...]
    substance: str
    claimed_mg: Mapping[str, int]
    held_mg: int
    of_substance: str
    of_mass: str
    entries: tuple[int, ...]
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log had `size` entries with this root; `note` is the signed text."""

    origin: str
    size: int
    root: str
    note: str


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Entry n is in the tree of `size` entries with this root."""

    n: int
    size: int
    leaf_hash: str
    proof: tuple[str, ...]
    root: str


@dataclass(frozen=True, slots=True)
class Consistency:
    """The smaller tree is the beginning of the larger one."""

    from_size: int
    to_size: int
    proof: tuple[str, ...]
    from_root: str
    to_root: str


# Items of lists. `n`: the entry that changed the item last; `href`: where all of it is.


@dataclass(frozen=True, slots=True)
class ListedLot:
    """A lot in a list."""

    id: str
    n: int
    href: str
    state: str
    at_site: str
    party: str
    wet_mg: int
    elements: tuple[Element, ...]
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ListedCertificate:
    """A certificate in a list."""

    id: str
    n: int
    href: str
    status: str
    issuer: str
    site: str
    holder: str | None
    substance: str
    lots: tuple[str, ...]
    of_substance: str
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry in a list."""

    id: str
    n: int
    href: str
    kind: str
    party: str
    event_id: str
    occurred_at_ms: int
    leaf_hash: str
    lots: tuple[str, ...]
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ListedSite:
    """A site in a list."""

    id: str
    n: int
    href: str
    party: str
    country: str
    zone: str
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ListedParty:
    """A party in a list."""

    id: str
    n: int
    href: str
    roles: tuple[str, ...]
    sites: tuple[str, ...]
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items in the order of their last change. size: of the log that they were read from.

    `next` leads to more; `total` stands where it was asked for. When the last page is read,
    `updated_after=size - 1` asks for what changes later.
    """

    items: tuple[T, ...]
    next: str | None
    size: int
    total: int | None = None


def read(kind: type[T], value: Any, where: str = "answer") -> T:
    """JSON as one of the types above. BadAnswer names what is missing or of another type."""
    if not isinstance(value, dict):
        raise BadAnswer(f"{where}: {type(value).__name__}, want an object")
    hints, given = _hints(cast(Hashable, kind)), dict[str, Any]()
    for member in fields(kind):  # type: ignore[arg-type]  # every kind above is a dataclass
        name = member.name
        if name == "raw":
            given[name] = value
        elif name in value:
            given[name] = _cast(hints[name], value[name], f"{where}.{name}")
        elif member.default is MISSING and member.default_factory is MISSING:
            raise BadAnswer(f"{where}.{name} is missing")
    return kind(**given)


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _cast(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    if get_origin(hint) in {Union, types.UnionType}:
        if value is None:
            return None
        return _cast(next(h for h in get_args(hint) if h is not type(None)), value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return read(hint, value, where)
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_cast(get_args(hint)[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if get_origin(hint) is Mapping and isinstance(value, dict):
        return {k: _cast(get_args(hint)[1], v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise BadAnswer(f"{where}: {type(value).__name__}, want {hint}")
