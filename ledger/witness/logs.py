"""Which logs a witness knows, and by which keys: from the command line and from files.

A file is a policy, of which only the `log` lines count, or a list of the witness network:

    log <vkey> [<url>]          |   logs/v0
                                |   vkey <vkey>
                                |   origin <origin>|none        none: the name of the key
                                |   qpd, bastion, contact ...   not needed here

Blank lines and lines that begin with `#` are skipped. Several keys of one log are several lines.
Source: C2SP tlog-policy; transparency-dev/witness-network, log list format v0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ledger import errors
from ledger.tlog import note

MAX_BYTES: Final = 1 << 20
KEYS_MAX: Final = 16
"""Keys of one log: each may have to be tried on a request."""

_ORIGIN_BYTES_MAX: Final = 255  # what an ML-DSA-44 cosignature has room for
_LIST: Final = "logs/v0"
_LIST_WORDS: Final = frozenset({"qpd", "bastion", "contact"})
_POLICY_WORDS: Final = frozenset({"operator", "witness", "group", "quorum", "max_age"})


@dataclass(frozen=True, slots=True)
class Log:
    """One key of a log, and where the log may be read."""

    origin: str
    verifier: note.Verifier
    url: str = ""


def of_vkey(vkey: str, url: str = "") -> Log:
    """The log named like its key; raises FormatError POLICY_INVALID."""
    try:
        verifier = note.parse_vkey(vkey)
    except errors.ProofError as error:
        hint = "copy the whole line from the log's operator: <name>+<8 hex digits>+<base64>"
        raise _invalid(error.message, hint) from error
    return Log(verifier.name, verifier, url)


def parse(data: bytes) -> tuple[Log, ...]:
    """The logs of a file; raises FormatError POLICY_INVALID, naming the line."""
    if len(data) > MAX_BYTES:
        raise _invalid(f"{len(data)} bytes, want at most {MAX_BYTES}", "is this the right file?")
    note.check_text(data.replace(b"\t", b" "), "list of logs")
    rows = [
        (number, line.strip())
        for number, line in enumerate(data.decode().replace("\t", " ").split("\n"), start=1)
        if line.strip() and not line.strip().startswith("#")
    ]
    in_list = bool(rows) and rows[0][1] == _LIST
    found: list[Log] = []
    for number, line in rows[in_list:]:
        try:
            (_read_list_line if in_list else _read_policy_line)(found, line)
        except errors.LedgerError as error:
            raise _invalid(f"line {number}: {error.message}", error.hint) from error
    return tuple(found)


def _read_policy_line(found: list[Log], line: str) -> None:
    keyword, *words = line.split()
    if keyword == "log" and 1 <= len(words) <= 2:
        found.append(of_vkey(*words))
    elif keyword not in _POLICY_WORDS:
        raise _invalid(
            f"not a line of a policy: {line[:60]!r}",
            f"write: log <vkey> [<url>]; a list of the witness network begins with {_LIST}",
        )


def _read_list_line(found: list[Log], line: str) -> None:
    keyword, _, rest = line.partition(" ")
    rest = rest.strip()
    if keyword == "vkey":
        found.append(of_vkey(rest))
    elif keyword == "origin" and found and rest:
        if rest != "none":
            found[-1] = replace(found[-1], origin=rest)
    elif keyword not in _LIST_WORDS or not found:
        raise _invalid(
            f"not a line of a log list: {line[:60]!r}",
            "a log is a line vkey, then origin, qpd, bastion, contact where they apply",
        )


def by_origin(known: Iterable[Log]) -> Mapping[str, tuple[note.Verifier, ...]]:
    """The keys of each log; FormatError POLICY_INVALID if there are too many, or two look alike."""
    keys: dict[str, dict[tuple[str, bytes], note.Verifier]] = {}
    for log in known:
        if len(log.origin.encode()) > _ORIGIN_BYTES_MAX:
            wrong = f"an origin of {len(log.origin.encode())} bytes, want at most "
            raise _invalid(f"{wrong}{_ORIGIN_BYTES_MAX}", "is this the right key?")
        of_log = keys.setdefault(log.origin, {})
        identity = (log.verifier.name, log.verifier.key_id)
        if of_log.setdefault(identity, log.verifier) != log.verifier:
            raise _invalid(f"{log.origin}: two keys of one name and id", "keep the right one")
        if len(of_log) > KEYS_MAX:
            raise _invalid(f"{log.origin}: more than {KEYS_MAX} keys", "drop those retired")
    return {origin: tuple(of_log.values()) for origin, of_log in keys.items()}


def _invalid(wrong: str, hint: str) -> errors.FormatError:
    message = wrong if wrong.startswith("line ") else f"logs: {wrong}"
    return errors.FormatError("POLICY_INVALID", message, field="log", hint=hint)
