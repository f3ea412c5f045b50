"""The judge of an auditing witness: runs every rule over the whole log before it is cosigned.

One directory for each log:

    mirror/         what was audited or is about to be, as tiles (ledger/mirror.py)
    order.sqlite    how far the audit has come, and what it has to remember
    evidence/       what the log must not have done; while it lies here nothing is cosigned

A thread fetches what a checkpoint covers, checks it against that checkpoint's root, and audits
it: each entry alone (ledger/alone.py), then in order. `judge` waits for it, but not for long: a
log that is far ahead is told to ask again. It lets through only a checkpoint whose every entry is
clean and whose root is that of the entries audited here. A crash at any moment costs at most the
batch that was being audited. Source: docs/audit.md; C2SP tlog-witness for the answers.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from ledger import alone, auditor_evidence, evidence, mirror, remote_audit, tilesource
from ledger.audit import Finding
from ledger.errors import LedgerError, ProofError
from ledger.store import audited
from ledger.tilesource import Source, Tree
from ledger.tlog import checkpoint, note, tiles, tree
from ledger.tlog import witness as protocol

BUDGET_S: Final = 0.8
"""How long a log waits for an answer; logs give up after a second."""
PARALLEL_MIN: Final = 4_096
"""Entries behind from which on several processes pay for their start."""
PROCESSES_MAX: Final = 4
MIRROR: Final = "mirror"
BUNDLES_KEPT: Final = 32

_LOGGER: Final = logging.getLogger("remelt.auditor")


@dataclass(frozen=True, slots=True)
class Shown:
    """A checkpoint that a log wants to have cosigned, and the note with the log's signatures."""

    said: checkpoint.Checkpoint
    signed: bytes


@dataclass(slots=True)
class Bundles:
    """Entries of a tree by index, out of bundles that were checked; the last ones are kept."""

    read: Tree
    kept: OrderedDict[int, list[bytes]] = field(default_factory=OrderedDict)

    def entry(self, n: int) -> bytes:
        """The bytes of entry n. Raises what reading the tree raises."""
        index, at = divmod(n, tiles.WIDTH)
        if index not in self.kept:
            self.kept[index] = self.read.bundle(index)
            if len(self.kept) > BUNDLES_KEPT:
                self.kept.popitem(last=False)
        self.kept.move_to_end(index)
        return self.kept[index][at]


@dataclass(slots=True)
class Auditor:
    """The audit of one log. Made by `open_auditor`; `judge` is what a witness asks.

    size, root: how far every entry is clean. wanted: the largest checkpoint that was asked for and
    is not audited. refused: why nothing is cosigned any more, "" as long as nothing was found.
    trouble: why the audit cannot go on now.
    """

    directory: Path
    origin: str
    verifiers: tuple[note.Verifier, ...]
    source: Source
    engine: Engine
    budget_s: float = BUDGET_S
    processes: int = 1
    size: int = 0
    root: bytes = tree.EMPTY_ROOT
    wanted: Shown | None = None
    refused: str = ""
    trouble: str = ""
    stopping: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)
    thread: threading.Thread | None = None
    past: alone.Past | None = None

    def judge(
        self, origin: str, seen: checkpoint.Checkpoint, opened: note.Note
    ) -> protocol.Refused | None:
        """See ledger.witness.Judge. Several threads may ask."""
        shown = Shown(seen, note.format_note(opened.text, opened.verified_signatures))
        with self.changed:
            if self.refused and not auditor_evidence.kept(self.directory):
                self.refused = ""  # an operator looked at it and took it away
            if seen.size > self.size and not self.refused:
                if self.wanted is None or self.wanted.said.size < seen.size:
                    self.wanted = shown
                self.trouble = ""
                self.changed.notify_all()
                self.changed.wait_for(lambda: self._settled(seen.size), self.budget_s)
        return self._answer(shown)

    def _settled(self, size: int) -> bool:
        return bool(self.refused or self.trouble or self.stopping) or self.size >= size

    def _answer(self, shown: Shown) -> protocol.Refused | None:
        with self.changed:
            size, refused, trouble = self.size, self.refused, self.trouble
        if not refused and size >= shown.said.size:
            refused = self._other_root(shown)
        if refused:
            return protocol.Refused(422, refused)
        if size >= shown.said.size:
            return None
        why = trouble or "ask again later"
        return protocol.Refused(429, f"audited {size} of {shown.said.size} entries: {why}")

    def _other_root(self, shown: Shown) -> str:
        """Why the checkpoint is not that of the entries audited, "" if it is."""
        said = shown.said
        with self.changed:
            if (said.size, said.root) == (self.size, self.root):
                return ""
        signed, held, read = self._mirror()
        if said.size and read.root_at(said.size) != said.root:
            proves = evidence.consistency(said, held, read)
            auditor_evidence.keep_fork(self.directory, signed, shown.signed, proves)
            return self._refuse(auditor_evidence.kept(self.directory))
        return ""

    def _refuse(self, why: str) -> str:
        _LOGGER.error("%s: %s; evidence in %s", self.origin, why, self.directory)
        with self.changed:
            self.refused = why
            self.changed.notify_all()
        return why

    def _mirror(self) -> tuple[bytes, checkpoint.Checkpoint, Tree]:
        """The mirror's checkpoint, and its tree, whose edge is held against the root."""
        signed, held = mirror.held(self.directory / MIRROR, self.verifiers)
        here = tilesource.open_source(str(self.directory / MIRROR))
        return signed, held, Tree(here, held.size, held.root)

    # The thread.

    def run(self) -> None:
        """Audit what is wanted until told to stop."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.stopping or self.wanted is not None)
                if self.stopping or self.wanted is None:
                    return
                shown, self.wanted = self.wanted, None
            trouble = self._try(shown)
            with self.changed:
                self.trouble = trouble
                self.changed.notify_all()

    def _try(self, shown: Shown) -> str:
        """Audit up to a checkpoint; why that cannot be done now, "" if it was."""
        try:
            self.audit_to(shown)
        except LedgerError as error:
            _LOGGER.warning("%s: cannot be audited now: %s", self.origin, error)
            return error.code  # no more: the answer goes to whoever asked, with paths of ours
        except Exception:  # the thread must live: its log asks again
            _LOGGER.exception("%s: the audit failed", self.origin)
            return "INTERNAL_ERROR"
        return ""

    def audit_to(self, shown: Shown) -> None:
        """Fetch and audit every entry under a checkpoint, unless something is found.

        Raises LedgerError if the source or the disk does not let it.
        """
        if auditor_evidence.kept(self.directory) or not self._fetch(shown):
            return
        *_, read = self._mirror()
        size, processes = shown.said.size, 1
        opened = functools.partial(self._kept_past, Bundles(read))
        if size - self.size >= PARALLEL_MIN:
            processes = self.processes
            opened = functools.partial(past_of, self.directory / MIRROR, read.size, read.root)
        starts = range(self.size, size, remote_audit.CHUNK)
        with remote_audit.answers(opened, starts, size, processes, "spawn") as found:
            try:
                for seen, wrong in found:
                    finding, other = self._take(seen, wrong)
                    if finding is not None:
                        self._found(finding, other, read, shown)
                    if finding is not None or self.stopping:
                        return
            except alone.Unread as error:
                raise error.as_error() from error

    def _kept_past(self, bundles: Bundles) -> alone.Past:
        """The past of this process: what it keeps stays true as the log grows."""
        if self.past is None:
            self.past = alone.Past(bundles.entry)
        self.past.read = bundles.entry
        return self.past

    def _found(self, finding: Finding, other: int | None, read: Tree, shown: Shown) -> None:
        auditor_evidence.keep_finding(
            self.directory, finding, other, read, Bundles(read).entry, shown.signed, shown.said.size
        )
        self._refuse(auditor_evidence.kept(self.directory))

    def _fetch(self, shown: Shown) -> bool:
        """Bring the mirror up to a checkpoint; False if that is of another history."""
        signed, held = mirror.held(self.directory / MIRROR, self.verifiers)
        if shown.said.size <= held.size:
            return True
        there = Tree(self.source, shown.said.size, shown.said.root)
        if held.size and there.root_at(held.size) != held.root:
            proves = evidence.consistency(held, shown.said, there)
            auditor_evidence.keep_fork(self.directory, signed, shown.signed, proves)
            self._refuse(auditor_evidence.kept(self.directory))
            return False
        mirror.fetch(self.directory / MIRROR, there, held.size)
        mirror.publish(self.directory / MIRROR, shown.signed, held.size)
        return True

    def _take(
        self, seen: Sequence[alone.Seen], wrong: Finding | None
    ) -> tuple[Finding | None, int | None]:
        """Take entries that are clean alone; what was found, and the entry it contradicts.

        wrong: what was found of the entry after them. Where another process with this directory
        has been faster, or has begun again, there is nothing to take.
        """
        keys = {key for one in seen for key in alone.keys(one)}
        finding, other = None, None
        with audited.advancing(self.engine, self.origin, keys) as order:
            for one in seen:
                if one.n != order.size:
                    continue
                try:
                    order.take(one)
                except ProofError as error:
                    finding = remote_audit.refused(one.n, error)
                    other = error.value if isinstance(error.value, int) else None
                    break
        with self.changed:
            self.size, self.root = order.size, tree.edge_root(order.edge)
            self.changed.notify_all()
        if finding is None and wrong is not None and wrong.n == order.size:
            finding = wrong
        return finding, other


def past_of(directory: Path, size: int, root: bytes) -> alone.Past:
    """The past that a mirror tells, in any process."""
    return alone.Past(Bundles(Tree(tilesource.open_source(str(directory)), size, root)).entry)


def open_auditor(
    directory: Path, origin: str, verifiers: Sequence[note.Verifier], source: Source
) -> Auditor:
    """The auditor of a log; its thread runs. It goes on from the last entry audited.

    If what it remembers does not fit its mirror, it begins again from entry 0.
    Raises LedgerError if the directory cannot be used.
    """
    (directory / MIRROR).mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = audited.open_store(directory / "order.sqlite")
    made = Auditor(directory, origin, tuple(verifiers), source, engine)
    made.processes = min(os.cpu_count() or 1, PROCESSES_MAX)
    made.refused = auditor_evidence.kept(directory)
    order = audited.order(engine, origin)
    if not _fits(made, order):
        _LOGGER.warning("%s: the audit begins again: state and mirror differ", origin)
        audited.forget(engine)
        order = alone.Order({}, origin)
    made.size, made.root = order.size, tree.edge_root(order.edge)
    made.thread = threading.Thread(target=made.run, name=f"audit {origin}", daemon=True)
    made.thread.start()
    return made


def _fits(made: Auditor, order: alone.Order) -> bool:
    try:
        _, held, read = made._mirror()
        fits = order.size <= held.size and read.root_at(order.size) == tree.edge_root(order.edge)
    except LedgerError as error:
        _LOGGER.warning("%s: the mirror cannot be read: %s", made.origin, error)
        return order.size == 0
    return fits


def close(auditor: Auditor) -> None:
    """Stop after the batch that is being audited, and close the store and the source."""
    with auditor.changed:
        auditor.stopping = True
        auditor.changed.notify_all()
    if auditor.thread is not None:
        auditor.thread.join()
    auditor.engine.dispose()
    auditor.source.close()
