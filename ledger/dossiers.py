"""What leaves the ledger to be checked elsewhere: dossiers, and proof files of single entries.

Both rest on one checkpoint: the published one, which witnesses have cosigned, as soon as it covers
what is to be shown; until then the newest stored one, which only the log has signed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson
from sqlalchemy import Connection

from ledger import entry, logkeys, reports, rotation
from ledger.book import bodies, parties, state
from ledger.certificate import dossier
from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, objects, published
from ledger.tlog import proof, proof_file, tiles, tree

WAIT_S: Final = 2.0
_LOOK_S: Final = 0.05
_FIELD: Final = re.compile(r"(0|[1-9][0-9]{0,18}):([a-z][a-z0-9_]{0,31})", re.ASCII)
Disclose = Mapping[int, Collection[str]]  # entry -> names of private fields


def make(
    ledger: Ledger,
    serial: str,
    *,
    disclose: Disclose | None = None,
    party: str | None = None,
    budget_bytes: int = dossier.BUDGET_BYTES,
    wait_s: float = 0.0,
) -> bytes:
    """The certificate's dossier. RuleError CERTIFICATE_UNKNOWN.

    disclose: the private fields that go with it, beside the log's keys, which always do. party:
    who discloses them, and may do so only with fields of its own; None for the operator's machine.
    PERMISSION_DENIED for a field of somebody else, PARAMETER_INVALID for one that is not there, or
    whose entry is not in the dossier. wait_s: how long to wait for witnesses, if there are any.
    """
    view = reports.certificate_view(ledger, serial)
    with engines.reading(ledger.engine) as connection:
        chosen = _disclosed(connection, ledger.log_id, disclose or {}, party)
        keys = _log_keys(connection, ledger.log_id)
    await_published(ledger, max([*view["entries"], *keys]), wait_s)
    with engines.reading(ledger.engine) as connection:
        made = _assemble(ledger, connection, serial, view["entries"], keys, chosen, budget_bytes)
    _check_shown(made, chosen)
    return made


def _assemble(
    ledger: Ledger,
    connection: Connection,
    serial: str,
    own: list[int],
    keys: dict[int, list[str]],
    chosen: dict[int, list[str]],
    budget_bytes: int,
) -> bytes:
    size, note = checkpoint_over(connection, ledger.log_id, max([*own, *keys]))
    leaves = _Leaves(connection, ledger.log_id)
    issuer = entry.parse(leaves.read(own[0])).event.party
    return dossier.assemble(
        serial,
        own[0],
        leaves.read,
        _proofs(connection, ledger.log_id, size),
        note.encode(),
        _Sharing(connection, ledger.log_id, issuer).may_share,
        {**chosen, **{n: [*dict.fromkeys((*keys[n], *chosen.get(n, ())))] for n in keys}},
        budget_bytes=budget_bytes,
        later_entries=[*own[1:], *keys],
        ahead=leaves.ahead,
    )


@dataclass(slots=True)
class _Leaves:
    """The leaves of a log: many are fetched at once when it is known that they will be read."""

    connection: Connection
    log_id: str
    kept: dict[int, bytes] = field(default_factory=dict)

    def ahead(self, ns: Collection[int]) -> None:
        """Fetch these."""
        if len(ns) > 1:
            self.kept.update(entries.leaves(self.connection, self.log_id, ns))

    def read(self, n: int) -> bytes:
        """The bytes of entry n."""
        if n in self.kept:
            return self.kept.pop(n)
        return entries.read_leaf(self.connection, self.log_id, n)


@dataclass(slots=True)
class _Sharing:
    """Whose entries may stand in a dossier of one issuer."""

    connection: Connection
    log_id: str
    issuer: str
    shares: dict[str, str] = field(default_factory=dict)

    def may_share(self, found: entry.Entry) -> bool:
        """The issuer's own, and those of parties that share them with all or with customers."""
        party = found.event.party
        if party not in self.shares:
            known = objects.Objects(self.log_id, self.connection).find(f"party:{party}")
            registered = known[1] if known else None
            self.shares[party] = registered.share if isinstance(registered, state.Party) else "open"
        if party == self.issuer or self.shares[party] == "open":
            return True
        return self.shares[party] == "customers" and self.issuer in parties.named(found.event)


def checkpoint_over(connection: Connection, log_id: str, n: int) -> tuple[int, str]:
    """Size and note of the checkpoint to show entry n under."""
    shown = published.read(connection, log_id)
    if shown is not None and shown.size > n:
        return shown.size, shown.note
    head = entries.read_head(connection, log_id)
    size = head.size if head else 0
    return size, entries.read_checkpoint(connection, log_id, size)


def await_published(ledger: Ledger, n: int, wait_s: float) -> None:
    """Wait until entry n is under the published checkpoint, if somebody cosigns this log."""
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        with engines.reading(ledger.engine) as connection:
            shown = published.read(connection, ledger.log_id)
            asked = published.states(connection, ledger.log_id)
        if not asked or (shown is not None and shown.size > n):
            return
        time.sleep(_LOOK_S)


def _proofs(connection: Connection, log_id: str, size: int) -> Callable[[int], list[bytes]]:
    subtree = tiles.hash_reader(
        size, lambda level, i: entries.read_tile(connection, log_id, level, i)
    )
    return lambda n: proof.inclusion(n, size, subtree)


def prove(ledger: Ledger, n: int) -> bytes:
    """The proof file of entry n (C2SP tlog-proof). RuleError NOT_FOUND."""
    with engines.reading(ledger.engine) as connection:
        entries.read_leaf(connection, ledger.log_id, n)  # NOT_FOUND
        size, note = checkpoint_over(connection, ledger.log_id, n)
        hashes = tuple(_proofs(connection, ledger.log_id, size)(n))
    return proof_file.format_proof_file(proof_file.ProofFile(n, hashes, note.encode()))


# Private fields.


def parse_disclose(words: Iterable[str]) -> dict[int, set[str]]:
    """Fields written as `<entry>:<name>`, by entry. RuleError PARAMETER_INVALID."""
    made: dict[int, set[str]] = {}
    for word in words:
        match = _FIELD.fullmatch(word)
        if match is None or int(match[1]) > tree.MAX_SIZE:
            raise RuleError(
                "PARAMETER_INVALID",
                f"disclose: {word[:60]!r} names no private field, want <entry>:<name>",
                field="disclose",
                value=word[:60],
                hint="for example 12:seller; GET /v1/entries/12 shows its private fields",
            )
        made.setdefault(int(match[1]), set()).add(match[2])
    return made


def _log_keys(connection: Connection, log_id: str) -> dict[int, list[str]]:
    """The entries that name keys of the log, with the disclosure that lists them."""
    return {
        found.n: [d.text for d in _kept(connection, log_id, found.n) if d.name == logkeys.TABLE]
        for found in rotation.naming(connection, log_id)
    }


def _kept(connection: Connection, log_id: str, n: int) -> list[entry.Disclosure]:
    return [entry.disclosure(text) for text in entries.read_disclosures(connection, log_id, n)]


def _disclosed(
    connection: Connection, log_id: str, wanted: Disclose, party: str | None
) -> dict[int, list[str]]:
    """The disclosures of these fields; see `make`."""
    made = {}
    for n, names in wanted.items():
        found = entry.parse(entries.read_leaf(connection, log_id, n))
        if party is not None and party not in _owners(found):
            raise RuleError(
                "PERMISSION_DENIED",
                f"disclose: {party} did not state entry {n}",
                field="disclose",
                value=n,
                hint="a private field goes into a dossier by choice of the party that stated it",
            )
        kept = {d.name: d.text for d in _kept(connection, log_id, n)}
        made[n] = [kept[name] for name in _all_there(n, names, kept)]
    return made


def _owners(found: entry.Entry) -> set[str]:
    """Whose private fields are in an entry: of him who stated it, and whom it registers."""
    match found.event.body:
        case bodies.PartyRegistered(party=party) | bodies.SiteRegistered(party=party):
            return {found.event.party, party}
        case _:
            return {found.event.party}


def _all_there(n: int, names: Iterable[str], kept: Collection[str]) -> list[str]:
    wanted = sorted(set(names))
    missing = [name for name in wanted if name not in kept]
    if missing:
        raise RuleError(
            "PARAMETER_INVALID",
            f"disclose: entry {n} has no private field {missing[0][:40]!r}, or no longer",
            field="disclose",
            value=missing[0],
            hint=f"there are: {', '.join(sorted(kept)) or 'none; what was erased is gone'}",
        )
    return wanted


def _check_shown(made: bytes, chosen: Mapping[int, object]) -> None:
    """PARAMETER_INVALID if something to be disclosed has no place in the dossier."""
    shown = orjson.loads(made)["disclosures"] if chosen else {}
    absent = [n for n in chosen if str(n) not in shown]
    if absent:
        raise RuleError(
            "PARAMETER_INVALID",
            f"disclose: entry {absent[0]} is not in this dossier",
            field="disclose",
            value=absent[0],
            hint="disclose fields of entries that the certificate rests on; or allow more bytes",
        )
