"""Statement + book + chain -> leaf bytes, and back.

A leaf is canonical JSON: {"at","book","lots","n","prev","reads","statement","v"}
(docs/format.md, Entry). `prev` is the hex leaf hash of entry n-1: the hash chain. Every entry can
be rebuilt from its statement, its time and the entries named in `reads`; `recheck` does that and
compares.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger.book import encoding, events, jose, rules, state
from ledger.book.rules.draft import Outcome
from ledger.errors import ConflictError, FormatError, ProofError, RuleError

VERSION: Final = 1
ENTRY_MAX_BYTES: Final = 65_535
# More than an origin and a serial need; what is longer would fill the caches of `book.lines`.
_LINE_MAX: Final = 64
ZERO_HASH: Final = bytes(32)
_PREV: Final = re.compile("[0-9a-f]{64}")
_NAMES: Final = ["at", "book", "lots", "n", "prev", "reads", "statement", "v"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A parsed leaf. Only its form is checked; see `recheck` and `signature_valid`."""

    n: int
    at_ms: int
    prev: str
    book: state.Book
    lots: state.LotNotes
    reads: dict[str, int]
    statement: str
    jws: jose.Jws
    event: events.Event

    def facts(self) -> state.Facts:
        """The entry as far as states depend on it."""
        return state.Facts(self.n, self.at_ms, self.event, self.jws.kid, self.book, self.lots)


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf), as in RFC 6962 section 2.1: the link of the chain."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def compose(n: int, at_ms: int, prev: bytes, statement: str, outcome: Outcome) -> bytes:
    """Leaf bytes of entry n. prev: leaf hash of entry n-1, 32 zero bytes for entry 0.

    Raises RuleError ENTRY_TOO_LARGE above 65,535 bytes (C2SP tlog-tiles bundles).
    """
    leaf = encoding.canonical(
        {
            "at": at_ms,
            "book": outcome.book,
            "lots": outcome.lots,
            "n": n,
            "prev": prev.hex(),
            "reads": outcome.reads,
            "statement": statement,
            "v": VERSION,
        }
    )
    if len(leaf) > ENTRY_MAX_BYTES:
        raise RuleError(
            "ENTRY_TOO_LARGE",
            f"the entry would have {len(leaf)} bytes, at most {ENTRY_MAX_BYTES}",
            value=len(leaf),
            hint="divide the event: fewer lots per consignment or certificate, or several runs",
        )
    return leaf


def parse(leaf: bytes) -> Entry:
    """An entry from canonical leaf bytes; FormatError (ENTRY_INVALID or another) otherwise."""
    if len(leaf) > ENTRY_MAX_BYTES:
        raise FormatError(
            "ENTRY_INVALID",
            f"an entry of {len(leaf)} bytes, want at most {ENTRY_MAX_BYTES}",
            hint="no log can hold it",
        )
    value = encoding.decode_canonical(leaf)
    if sorted(value) != _NAMES or value["v"] != VERSION:
        raise FormatError(
            "ENTRY_INVALID",
            f"not an entry of version {VERSION}: fields {', '.join(sorted(value))}",
            hint="entries of other versions need the release that wrote them",
        )
    try:
        _check_types(value)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError("ENTRY_INVALID", f"a field has the wrong type: {error}") from error
    jws = jose.parse(value["statement"])
    event = events.parse(jws.payload, signed=True)
    if set(event.payload) & {"private"}:
        raise FormatError("ENTRY_INVALID", "private fields in the clear", field="private")
    return Entry(
        value["n"],
        value["at"],
        value["prev"],
        value["book"],
        value["lots"],
        value["reads"],
        value["statement"],
        jws,
        event,
    )


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"want an integer, got {type(value).__name__}")
    return value


_NOTE: Final = {
    "at_site": str, "by": str, "dated": int, "grade": str, "marks": list, "mentions": list,
    "role": str,
}  # fmt: skip


def _check_types(value: Mapping[str, Any]) -> None:
    """The types of every member, so that nothing below has to ask again."""
    if _whole(value["n"]) < 0 or _whole(value["at"]) < 0 or _whole(value["v"]) != VERSION:
        raise ValueError("n, at or v")
    if _PREV.fullmatch(value["prev"]) is None:
        raise ValueError("prev")
    for n in value["reads"].values():
        if not 0 <= _whole(n) < max(1, value["n"]):
            raise ValueError("reads name earlier entries")
    for account, pages in value["book"].items():
        pair = account.startswith(("lot:", "transit:"))
        for page in pages.values():
            for line, shown in page.items():
                if len(line) > _LINE_MAX:
                    raise ValueError(f"{account} has a line that is none")
                delta, balance = shown if pair else (shown, 0)
                if _whole(balance) < 0:
                    raise ValueError(f"{account} is negative")
                _whole(delta)
    for note in value["lots"].values():
        if {name: type(member) for name, member in note.items()} != _NOTE:
            raise ValueError("lots")
        if not all(isinstance(word, str) for word in (*note["marks"], *note["mentions"])):
            raise ValueError("lots")


def unsigned_statement(payload: bytes, kid: str) -> str:
    """A statement with zeros for a signature, of the size of a signed one: for dry runs."""
    return f"{jose.b64url(jose.header(kid))}.{jose.b64url(payload)}.{'A' * 86}"


def signature_valid(entry: Entry, jwk: dict[str, str]) -> bool:
    """Whether the statement is signed by the key with this JWK."""
    return entry.jws.kid == jose.thumbprint(jwk) and jose.verifies(entry.jws, jwk)


def recheck(entry: Entry, reader: state.Reader, signer: rules.Signer) -> None:
    """Run the rules on the statement again and compare `book`, `lots` and `reads` with the leaf.

    reader: the states of the entries named in `reads`, nothing else. signer: the result of the
    signature check. Raises ProofError ENTRY_DIFFERS naming the first account, substance and line
    that differs, or saying which rule refuses the statement.
    """
    try:
        rules.admit(entry.event, reader)
        outcome = rules.decide(entry.event, entry.at_ms, reader, signer)
    except (FormatError, RuleError, ConflictError) as error:
        raise ProofError(
            "ENTRY_DIFFERS",
            f"entry {entry.n}: the rules refuse this statement: {error}",
            field=error.field,
            value=error.value,
            hint="the log holds an entry that its own rules forbid",
        ) from error
    compare(entry, outcome)


def compare(entry: Entry, outcome: Outcome) -> None:
    """Raise ProofError ENTRY_DIFFERS for the first difference between leaf and rules."""
    for name, had, want in (
        ("book", entry.book, outcome.book),
        ("lots", entry.lots, outcome.lots),
        ("reads", entry.reads, outcome.reads),
    ):
        difference = first_difference(had, want, ())
        if difference is None:
            continue
        path, left, right = difference
        raise ProofError(
            "ENTRY_DIFFERS",
            f"entry {entry.n}: {name}: {' '.join(path)}: "
            f"the log says {left}, the rules say {right}",
            field=".".join((name, *path)),
            value=left,
            hint="the entry was not made by these rules from this statement",
        )


def first_difference(
    left: Any, right: Any, path: tuple[str, ...]
) -> tuple[tuple[str, ...], Any, Any] | None:
    """The first place where two JSON values differ, by names: path, left, right."""
    if isinstance(left, dict) and isinstance(right, dict):
        # Lots first: where the metal is says more than where it was lost.
        for name in sorted({*left, *right}, key=lambda name: (name[:4] != "lot:", name)):
            if name not in left or name not in right:
                return (*path, name), left.get(name, "nothing"), right.get(name, "nothing")
            deeper = first_difference(left[name], right[name], (*path, name))
            if deeper is not None:
                return deeper
        return None
    return None if left == right else (path, left, right)


def refuse_other_content(
    first: Mapping[str, Any], second: Mapping[str, Any], event_id: str
) -> None:
    """ConflictError IDEMPOTENCY_CONFLICT naming the first field in which two payloads differ."""
    # In the order of the page: another kind says more than the other fields of its body.
    names = ["log", "kind", "party", "site", "occurred_at"]
    differences = (
        first_difference(first.get(n), second.get(n), (n,)) for n in [*names, *first, *second]
    )
    difference = next((found for found in differences if found is not None), None)
    if difference is None:
        return
    path, _, value = difference
    raise ConflictError(
        "IDEMPOTENCY_CONFLICT",
        f"id: {event_id} was used with other content: {'.'.join(path)} differs",
        field=".".join(path),
        value=value,
        hint="repeat the event exactly, or give the new one an id of its own",
    )


# Private fields: SD-JWT disclosures (RFC 9901), flat, at the top level.


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A private field with the salt that hides it, in its transport form."""

    text: str
    digest: str
    name: str
    value: Any


def disclosure(text: str, field: str = "disclosures") -> Disclosure:
    """A disclosure from base64url([salt, name, value]). Raises FormatError FIELD_INVALID."""
    members = encoding.decode(jose.b64url_decode(text, field))
    valid = isinstance(members, list) and len(members) == 3
    if not valid or not isinstance(members[0], str) or not isinstance(members[1], str):
        raise FormatError(
            "FIELD_INVALID",
            f"{field}: not a disclosure of salt, name and value",
            field=field,
            value=text[:60],
            hint="RFC 9901 section 4.2.1",
        )
    digest = jose.b64url(hashlib.sha256(text.encode("ascii")).digest())
    return Disclosure(text, digest, members[1], members[2])


def conceal(
    payload: Mapping[str, Any], salts: list[bytes]
) -> tuple[dict[str, Any], list[Disclosure]]:
    """The payload to sign, with digests in place of `private`, and the disclosures.

    salts: one of 16 bytes or more for every private field, drawn by the caller.
    """
    private: dict[str, Any] = payload.get("private", {})
    made = []
    for (name, value), salt in zip(private.items(), salts, strict=True):
        members = encoding.canonical([jose.b64url(salt), name, value])
        made.append(disclosure(jose.b64url(members)))
    clear = {name: value for name, value in payload.items() if name != "private"}
    if made:
        clear["_sd"] = sorted(d.digest for d in made)
        clear["_sd_alg"] = "sha-256"
    return clear, made


def unconcealed(
    payload: Mapping[str, Any], disclosures: list[Disclosure], sent: Mapping[str, Any]
) -> dict[str, Any]:
    """A logged payload as its custodial party sent it: private values back in their place.

    Private fields that were erased since are not compared; nor is a key the server made.
    """
    clear = {k: v for k, v in payload.items() if k not in ("_sd", "_sd_alg")}
    if len(disclosures) == len(payload.get("_sd", ())):
        private = {d.name: d.value for d in disclosures}
    else:
        private = sent.get("private", {})
    if private:
        clear["private"] = private
    sent_body = sent.get("body")
    if isinstance(sent_body, dict) and "key" not in sent_body:
        clear["body"] = {k: v for k, v in clear["body"].items() if k != "key"}
    return clear


def match_disclosures(event: events.Event, texts: list[str]) -> list[Disclosure]:
    """The disclosures of a signed event; FormatError FIELD_INVALID for one it does not name."""
    made = [disclosure(text, f"disclosures[{i}]") for i, text in enumerate(texts)]
    for i, found in enumerate(made):
        if found.digest not in event.sd or texts.index(found.text) != i:
            raise FormatError(
                "FIELD_INVALID",
                f"disclosures[{i}]: {found.name!r} is not among the statement's digests",
                field=f"disclosures[{i}]",
                value=found.digest,
                hint="the SHA-256 of the disclosure's base64url text must stand in _sd, once",
            )
    return made
