"""When a witness has seen more of this log than there is here, or another log of this name.

Either the database was set back, or there are two of it. A checkpoint that we signed ourselves is
the proof; both sides are kept as files.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Final

import httpx

from ledger import evidence, highwater, publish, witnesses
from ledger.errors import LedgerError, ProofError, RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries
from ledger.tlog import checkpoint
from ledger.witnesses import Listed, Witnesses

EVIDENCE: Final = evidence.DIRECTORY
# Files kept of a witness that proves nothing: anything may stand in what it shows.
KEPT_MAX: Final = 200
# The state of a witness that proved one: every process stops then.
FORK: Final = "fork"
# Refusals that say: going on would be, or there is, a fork.
PROOFS: Final = frozenset({"BACKUP_OLD", "PROOF_INVALID"})
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")


def ahead(listed: Listed, size: int, head: entries.Head) -> RuleError:
    """The refusal of a log that is behind what a witness has seen of it."""
    return RuleError(
        "BACKUP_OLD",
        f"witness {listed.name} has seen the log at {size} entries, here it has {head.size}",
        field="size",
        value=head.size,
        hint="entries written on top of it would be a fork, signed by you: make the log whole with "
        f"`remelt replay`; if the witness is wrong, take it out of {witnesses.NAME}",
    )


def forked(listed: Listed) -> ProofError:
    """The refusal of a log of which a witness shows another history."""
    return ProofError(
        "PROOF_INVALID",
        f"witness {listed.name} contradicts this log, with a checkpoint that the log signed",
        field="root",
        hint=f"one of the two is a fork, and both are signed; they are kept in {EVIDENCE}/",
    )


def compare(ledger: Ledger, listed: Listed, theirs: bytes | None) -> bool:
    """Compare our log with a checkpoint of it that a witness shows.

    False where what it shows is not signed by this log: that says nothing. Raises RuleError
    BACKUP_OLD if our log is behind it, ProofError PROOF_INVALID if ours went another way.
    """
    try:
        seen, _ = checkpoint.open_checkpoint(theirs or b"", ledger.verifiers, ledger.origin)
    except ProofError:
        return False
    mark = highwater.Mark(seen.origin, seen.size, seen.root)
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        if head is not None and seen.size:
            who = f"witness {listed.name} shows a checkpoint, signed by this log: it says that"
            highwater.refuse_behind(connection, ledger.log_id, head, mark, who)
    return True


def contradiction(ledger: Ledger, listed: Listed, theirs: bytes | None) -> LedgerError | None:
    """What a checkpoint that a witness shows proves against our log; None if it proves nothing."""
    try:
        compare(ledger, listed, theirs)
    except (RuleError, ProofError) as error:
        if error.code not in PROOFS:
            raise
        return error
    return None


def keep_evidence(
    ledger: Ledger, listed: Listed, ours: bytes, theirs: bytes | None, *, proven: bool
) -> list[str]:
    """Write both notes into files of the data directory, each once, and tell which.

    proven: they contradict each other under the log's own signature; else no more than KEPT_MAX
    files are kept of a witness.
    """
    directory, kept = ledger.settings.data / EVIDENCE, []
    name = _UNSAFE.sub("_", listed.key)[:100]
    for whose, data in (("theirs", theirs), ("ours", ours)):
        if data is None:
            continue
        path = directory / f"{name}.{hashlib.sha256(data).hexdigest()[:16]}.{whose}.txt"
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            if not path.exists():
                if not proven and sum(1 for _ in directory.glob(f"{name}.*.txt")) >= KEPT_MAX:
                    continue
                evidence.put(path, data)
        except OSError:
            continue
        kept.append(str(path))
    return kept


# At the start.


def check_witnesses(ledger: Ledger) -> list[str]:
    """Ask every witness how far it saw this log, before anything is written; who did not say.

    Raises RuleError BACKUP_OLD or ProofError PROOF_INVALID where one has seen more, or another
    log, and as `witnesses.read`. A witness that does not answer keeps nobody from starting.
    """
    known = witnesses.read(ledger.settings)
    return asyncio.run(_ask_all(ledger, known)) if known.listed else []


async def _ask_all(ledger: Ledger, known: Witnesses) -> list[str]:
    with engines.reading(ledger.engine) as connection:
        view = publish.look(connection, ledger)
    if view is None:
        return []
    async with witnesses.connected() as client:
        asked = [_ask_first(ledger, client, view, listed) for listed in known.listed]
        said = await asyncio.gather(*asked, return_exceptions=True)
    for answer in said:
        if isinstance(answer, BaseException):
            raise answer
    return [str(answer) for answer in said if answer]


async def _ask_first(
    ledger: Ledger, client: httpx.AsyncClient, view: publish.View, listed: Listed
) -> str:
    """What one witness shows; else what it answers to our head. Why it says nothing, if so."""
    theirs, why = await witnesses.shown(client, listed, ledger.origin)
    try:
        if theirs is not None and compare(ledger, listed, theirs):
            return ""
    except (RuleError, ProofError):
        keep_evidence(ledger, listed, view.signed, theirs, proven=True)
        raise
    state = view.states.get(listed.key)
    old_size = min(state.size if state else 0, view.head.size)
    subtree = publish.subtrees(ledger, view.head.size)
    answer = await witnesses.ask(client, listed, view.signed, old_size, subtree)
    if answer.kind == "ahead":
        keep_evidence(ledger, listed, view.signed, theirs, proven=False)
        raise ahead(listed, answer.size or 0, view.head)
    return "" if answer.kind == "cosigned" else f"witness {listed.name}: {answer.why or why}"
