"""The envelope of an event: what a party states, decoded strictly (docs/events.md section 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from ledger.book import bodies, encoding, shape, shapes, vocabulary
from ledger.book.shape import Field, Shape, invalid, join, listed, nested, pattern, word
from ledger.errors import FormatError

# Kinds that happen at a site carry `site` (marked S in docs/events.md section 2).
SITE_KINDS: Final = frozenset(
    {
        "lot_received", "assay_recorded", "run_recorded", "run_finalized", "scrap_declared",
        "lot_dispatched", "lot_returned", "lot_arrived", "certificate_issued",
    }
)  # fmt: skip
RESERVED_KINDS: Final = frozenset(
    (
        "opening_balance correction mass_adjusted stock_counted hold_released method_adopted "
        "period_opened period_closed credit_booked credit_drawn certificate_accepted "
        "certificate_retired battery_registered residue_disposed toll_settled status_set "
        "audit_note log_succeeded"
    ).split()
)
PRIVATE_NAMES_MAX: Final = 16
PRIVATE_BYTES_MAX: Final = 2048
_PRIVATE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document behind an event, by its hash."""

    type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded envelope. `payload` is the object as received; `sd` the private digests."""

    log: str
    id: str
    kind: str
    party: str
    occurred_at_ms: int
    body: bodies.Body
    payload: dict[str, Any]
    site: str = ""
    evidence: tuple[Evidence, ...] = ()
    sd: tuple[str, ...] = ()
    private: Mapping[str, Any] | None = None

    def evidence_types(self) -> frozenset[str]:
        """The types of evidence given."""
        return frozenset(document.type for document in self.evidence)


def _kind(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise invalid(path, value, "the name of a kind of event")
    if value not in shapes.SHAPES:
        later = value in RESERVED_KINDS
        raise FormatError(
            "KIND_UNKNOWN",
            f"{path}: {value[:40]!r} is {'reserved for later' if later else 'no kind of event'}",
            field=path,
            value=value,
            hint=f"one of {', '.join(shapes.SHAPES)}",
        )
    return value


def check_private(value: Any, path: str) -> dict[str, Any]:
    """Private fields, 16 names with plain text at most. Raises FormatError FIELD_INVALID."""
    if not isinstance(value, dict) or len(value) > PRIVATE_NAMES_MAX:
        raise invalid(path, value, f"an object of at most {PRIVATE_NAMES_MAX} names")
    for name, member in value.items():
        where = join(path, name)
        if _PRIVATE_NAME.fullmatch(name) is None:
            raise invalid(where, name, "a lower-case name of up to 32 characters")
        if not isinstance(member, str) or encoding.UNSAFE_TEXT.search(member):
            raise invalid(where, ascii(member), "text without control characters")
    if len(encoding.canonical(value)) > PRIVATE_BYTES_MAX:
        raise invalid(path, len(encoding.canonical(value)), f"at most {PRIVATE_BYTES_MAX} bytes")
    return value


_UUID = pattern(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "a UUID of 36 lower-case characters",
)
_DIGEST = pattern(r"[A-Za-z0-9_-]{43}", "an SD-JWT digest")
_EVIDENCE = Shape(
    Evidence,
    (Field("type", word(vocabulary.EVIDENCE_TYPES)), Field("sha256", shapes.SHA256)),
)


def _digests(value: Any, path: str) -> tuple[str, ...]:
    digests: tuple[str, ...] = listed(_DIGEST, least=1, most=PRIVATE_NAMES_MAX)(value, path)
    if list(digests) != sorted(set(digests)):
        raise invalid(path, "order", "digests sorted, each once")
    return digests


@lru_cache(maxsize=256)
def _envelope(kind: object, signed: bool, trial: bool) -> Shape:
    at_site = kind in SITE_KINDS
    kind_known = isinstance(kind, str) and kind in shapes.SHAPES
    known = shapes.TRIAL_SHAPES if trial else shapes.SHAPES

    def body(value: Any, path: str) -> Any:
        return shape.decode(value, path, known[str(kind)])

    fields = [
        Field("log", shape.text, required=not trial),
        Field("id", _UUID, required=not trial),
        Field("kind", _kind),
        Field("party", shapes.PARTY),
        Field("occurred_at", shape.time_ms),
        Field("body", body),
        Field("evidence", listed(nested(_EVIDENCE), most=16), required=False),
    ]
    if at_site or not kind_known:
        fields.insert(4, Field("site", shapes.SITE, required=at_site))
    if signed:
        fields.append(Field("_sd", _digests, required=False))
        fields.append(Field("_sd_alg", word(("sha-256",)), required=False))
    else:
        fields.append(Field("private", check_private, required=False))
    return Shape(dict, tuple(fields), _digest_needs if signed else None)


def _digest_needs(value: Mapping[str, Any]) -> tuple[str, ...]:
    present = [name for name in ("_sd", "_sd_alg") if name in value]
    return tuple(n for n in ("_sd", "_sd_alg") if n not in value) if len(present) == 1 else ()


def _prefixes(event: Event) -> None:
    """New lots, runs and consignments carry the prefix of the event's site."""
    named: list[tuple[str, str]] = []
    match event.body:
        case bodies.LotReceived(lot=lot):
            named = [("body.lot", lot)]
        case bodies.RunRecorded(run=run, outputs=outputs):
            made = [(f"body.outputs[{i}].lot", o.lot) for i, o in enumerate(outputs)]
            named = [("body.run", run), *made]
        case bodies.LotDispatched(consignment=consignment):
            named = [("body.consignment", consignment)]
        case _:
            pass
    for field, name in named:
        if not name.startswith(event.site + "/"):
            raise invalid(field, name, f"a new name that begins with {event.site}/")


def decode(payload: dict[str, Any], *, signed: bool, trial: bool = False) -> Event:
    """An event from the object a party sent.

    signed: the payload of a statement (`_sd` instead of `private`). trial: a dry run, in which
    `log`, `id`, keys and proofs may be absent (docs/events.md section 10); absent log and id
    are "".
    Raises FormatError with the first refusal of stage 1 of docs/events.md section 9; the evidence a
    class needs depends on the log's parameters and is checked by `rules.admit`.
    """
    kind = payload.get("kind")
    known = kind if isinstance(kind, str) and kind in shapes.SHAPES else ""  # no books in the cache
    table = _envelope(known, signed, trial)
    members = shape.decode(payload, "", table)
    event = Event(
        log=members.get("log", ""),
        id=members.get("id", ""),
        kind=members["kind"],
        party=members["party"],
        occurred_at_ms=members["occurred_at"],
        body=members["body"],
        payload=payload,
        site=members.get("site", ""),
        evidence=members.get("evidence", ()),
        sd=members.get("_sd", ()),
        private=members.get("private"),
    )
    _prefixes(event)
    return event


def parse(data: bytes, *, signed: bool, trial: bool = False) -> Event:
    """`decode` of strict JSON bytes. Sizes are judged last: see `check_size`."""
    return decode(encoding.decode_object(data), signed=signed, trial=trial)


def check_size(size: int) -> None:
    """FormatError EVENT_TOO_LARGE for an event of more than 32 KiB (docs/events.md section 9)."""
    if size > encoding.EVENT_MAX_BYTES:
        raise FormatError(
            "EVENT_TOO_LARGE",
            f"the event has {size} bytes, at most {encoding.EVENT_MAX_BYTES}",
            value=size,
            hint="divide it: several runs, consignments or receipts instead of one",
        )
