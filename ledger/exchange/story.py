"""Example stories: a TOML file that people can read, turned into envelopes for the ledger.

A story has a `title` and one `[[event]]` per event, in order: the members of an envelope
(docs/events.md section 1) as TOML tables, with these differences.

- `id` is absent: it is made of the title and the place of the event, so it never changes.
- `log`, keys and proofs are absent: who replays the story knows its log and makes the keys.
- a document in `evidence` has a short label, `document`, in place of its hash.
- a revocation names the lot that its certificate was issued on last, `serial_of`, in place of
  `serial`: serials depend on the log.
- `why` says in a line what the event is about; `expect` names the code of its refusal.

Quantities are strings, as in the ledger. A TOML float or date is refused.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ledger.book import encoding, mass, serial
from ledger.errors import EVENT_CODES, FormatError

Envelope = dict[str, Any]

_STORY: Final = ("title", "event")
_EVENT: Final = (
    "kind", "party", "site", "occurred_at", "body", "evidence", "private", "why", "expect",
)  # fmt: skip
_OPTIONAL: Final = ("site", "evidence", "private", "why", "expect")
_SENT: Final = ("kind", "party", "site", "occurred_at", "body")
_EVIDENCE: Final = ("type", "document")


@dataclass(frozen=True, slots=True)
class Story:
    """A story: its envelopes in order, and beside each what it is about and must come to.

    expected: the code of the refusal, "" where the event is to be accepted.
    """

    title: str
    events: tuple[Envelope, ...]
    why: tuple[str, ...]
    expected: tuple[str, ...]


def load(text: str, log: str = "try") -> Story:
    """The story told by a TOML text, with serials as they are in the log of this origin.

    Raises FormatError, naming the event: FIELD_UNKNOWN; FIELD_MISSING; NUMBER_NOT_EXACT for a
    float or an integer from 2^53 on; FIELD_INVALID for a date that is no string, what is no TOML,
    and anything else.
    """
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _invalid("story", str(error), "TOML 1.0") from None
    _check_names("story", found, _STORY)
    title, tables = found["title"], found["event"]
    if not isinstance(title, str) or not title:
        raise _invalid("story: title", title, "a line of text")
    if not isinstance(tables, list) or not tables:
        raise _invalid("story: event", tables, "one [[event]] table or more")
    steps = [_step(title, number, table) for number, table in enumerate(tables, start=1)]
    _name_serials(log, [envelope for envelope, _, _ in steps])
    return Story(
        title,
        tuple(envelope for envelope, _, _ in steps),
        tuple(why for _, why, _ in steps),
        tuple(expected for _, _, expected in steps),
    )


def to_ndjson(story: Story) -> bytes:
    """The envelopes as canonical JSON, one per line, as `ledger.trial.run` reads them."""
    return b"".join(encoding.canonical(event) + b"\n" for event in story.events)


def document_hash(label: str) -> str:
    """The hex SHA-256 that stands for a document of the stories, made of its label alone."""
    return hashlib.sha256(f"remelt example document\n{label}".encode()).hexdigest()


def event_id(title: str, number: int) -> str:
    """The id of the `number`-th event (from 1) of a story: a UUID of version 8 (RFC 9562)."""
    digest = hashlib.sha256(f"remelt example event\n{title}\n{number}".encode()).digest()
    made = bytearray(digest[:16])
    made[6] = made[6] & 0x0F | 0x80
    made[8] = made[8] & 0x3F | 0x80
    digits = made.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _step(title: str, number: int, table: Any) -> tuple[Envelope, str, str]:
    where = f"event {number}"
    if isinstance(table, dict) and isinstance(table.get("kind"), str):
        where = f"event {number} ({table['kind']})"
    _check_names(where, table, _EVENT, _OPTIONAL)
    for name, value in table.items():
        _check_plain(f"{where}: {name}", value)
    envelope: Envelope = {"id": event_id(title, number)}
    envelope |= {name: table[name] for name in _SENT if name in table}
    if "evidence" in table:
        envelope["evidence"] = _evidence(where, table["evidence"])
    if "private" in table:
        envelope["private"] = table["private"]
    return envelope, *_outcome(where, table)


def _name_serials(log: str, events: list[Envelope]) -> None:
    """Put the serial in place of `serial_of`: that of the last certificate on the lot so far."""
    issued: dict[str, str] = {}
    for number, event in enumerate(events, start=1):
        body = event["body"]
        if not isinstance(body, dict):
            continue  # the ledger says what is wrong with it
        lots = body.get("lots")
        if event["kind"] == "certificate_issued" and isinstance(lots, list) and lots:
            issued[str(lots[0])] = serial.make(log, str(event["party"]), event["id"])
        if "serial_of" in body:
            lot = body["serial_of"]
            if str(lot) not in issued:
                where = f"event {number} ({event['kind']}): body.serial_of"
                raise _invalid(where, lot, "the first lot of a certificate issued before")
            rest = {name: value for name, value in body.items() if name != "serial_of"}
            event["body"] = {"serial": issued[str(lot)]} | rest


def _outcome(where: str, table: dict[str, Any]) -> tuple[str, str]:
    why, expected = table.get("why", ""), table.get("expect", "")
    if not isinstance(why, str) or "\n" in why:
        raise _invalid(f"{where}: why", why, "one line of text")
    if "expect" in table and (not isinstance(expected, str) or expected not in EVENT_CODES):
        raise _invalid(f"{where}: expect", expected, "a code such as WEIGHT_MISMATCH")
    if expected and not why:
        raise _missing(where, "why", "say in a line what the refusal protects")
    return why, expected


def _evidence(where: str, documents: Any) -> list[dict[str, str]]:
    if not isinstance(documents, list):
        raise _invalid(f"{where}: evidence", documents, "[[event.evidence]] tables")
    hashed = []
    for i, document in enumerate(documents):
        path = f"{where}: evidence[{i}]"
        _check_names(path, document, _EVIDENCE)
        label = document["document"]
        if not isinstance(label, str) or not label:
            raise _invalid(f"{path}.document", label, "a label such as WT-2026-0311")
        hashed.append({"type": document["type"], "sha256": document_hash(label)})
    return hashed


def _check_names(
    where: str, table: Any, known: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    if not isinstance(table, dict):
        raise _invalid(where, table, "a table")
    for name in table:
        if name not in known:
            raise FormatError(
                "FIELD_UNKNOWN",
                f"{where}: {name}: no such field, want one of {', '.join(known)}",
                field=f"{where}: {name}",
                value=name,
                hint="what the event says belongs into its body",
            )
    for name in known:
        if name not in table and name not in optional:
            raise _missing(where, name, f"fields here: {', '.join(known)}")


def _check_plain(where: str, value: Any) -> None:
    """Only strings, exact integers, true, false, lists and tables."""
    if isinstance(value, dict):
        for name, member in value.items():
            _check_plain(f"{where}.{name}", member)
    elif isinstance(value, list):
        for i, member in enumerate(value):
            _check_plain(f"{where}[{i}]", member)
    elif isinstance(value, Decimal) or (isinstance(value, int) and abs(value) > mass.MASS_MAX_MG):
        raise FormatError(
            "NUMBER_NOT_EXACT",
            f"{where}: {value} is not exact, want a quantity in quotes or an integer below 2^53",
            field=where,
            value=str(value),
            hint='write for example mass = "24.98 t" or Al = "96.4 %"',
        )
    elif not isinstance(value, str | int):
        raise _invalid(where, value, "text in quotes")


def _missing(where: str, name: str, hint: str) -> FormatError:
    return FormatError(
        "FIELD_MISSING", f"{where}: {name} is missing", field=f"{where}: {name}", hint=hint
    )


def _invalid(where: str, value: Any, want: str) -> FormatError:
    shown = value if isinstance(value, str | int) else f"{type(value).__name__} {value}"
    return FormatError(
        "FIELD_INVALID",
        f"{where}: {str(shown)[:120]!r} is not valid, want {want}",
        field=where,
        value=shown,
    )
