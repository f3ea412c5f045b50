"""The one writer: pool -> decide -> append -> checkpoint -> commit -> wake (docs/operations.md).

Whatever is queued goes into one commit, without a timer: the queue fills while the last commit
runs. Two processes may do this on one database: each transaction holds the write lock from its
first moment and begins from the head it finds there.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, insert

from ledger import clock, edges, entry
from ledger.book import encoding, events, fold, jose, rules, state
from ledger.book.rules.draft import Outcome
from ledger.errors import CorruptError, LedgerError, RuleError
from ledger.store import engine as engines
from ledger.store import entries, objects, tables, writes
from ledger.tlog import checkpoint, note, proof, tiles, tree

POOL_MAX: Final = 20_000
BATCH_MAX: Final = 1_000
REPEAT_PAUSES_S: Final = (0.0, 0.01, 0.05, 0.2, 0.5)
T = TypeVar("T")
_LOGGER: Final = logging.getLogger("remelt.sequencer")


@dataclass(frozen=True, slots=True)
class Submission:
    """A decoded, checked statement that waits for its place.

    sent: the envelope as sent, for custodial parties; a retry is compared with it. sealed: the
    new key of a custodial party, to be stored with the entry.
    """

    event: events.Event
    statement: str
    signer: rules.Signer
    disclosures: tuple[entry.Disclosure, ...] = ()
    sent: dict[str, Any] | None = None
    sealed: tuple[str, str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The place of an entry in the log, and the checkpoint that covers it."""

    n: int
    leaf_hash: bytes
    size: int
    checkpoint: str
    proof: tuple[bytes, ...]


Result = Accepted | LedgerError


@dataclass(slots=True)
class _Group:
    submissions: list[Submission]
    future: Future[list[Result]]
    with_proofs: bool


@dataclass(slots=True)
class _Work:
    """One transaction."""

    connection: Connection
    head: entries.Head
    memory: fold.Memory
    batch: writes.Batch
    now_ms: int
    before: dict[tuple[str, str], tuple[int, bytes, bytes]]
    hashes: list[bytes] = field(default_factory=list)
    sealed: list[tuple[str, str, bytes]] = field(default_factory=list)
    fresh: dict[tuple[str, str], tuple[Submission, int]] = field(default_factory=dict)


class Sequencer:
    """Orders statements into the log. One thread, one transaction at a time."""

    def __init__(
        self,
        engine: Engine,
        log_id: str,
        signers: tuple[note.Signer, ...],
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.engine, self.log_id, self.signers, self.clock_ms = engine, log_id, signers, clock_ms
        self.fatal: LedgerError | None = None
        # Told after each commit: its events, its seconds, and how many events wait.
        self.on_commit: Callable[[int, float, int], None] = lambda count, seconds, waiting: None
        self.on_answered: Callable[[], None] = lambda: None
        self._edge: edges.Edge | None = None
        self._pool: queue.Queue[_Group | None] = queue.Queue()
        self._waiting = 0
        self._stopping = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is taken."""
        return self._stopping or (self._thread.ident is not None and not self._thread.is_alive())

    @property
    def waiting(self) -> int:
        """How many events wait to be written."""
        return self._waiting

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end; from now on nothing more is taken."""
        with self._lock:
            self._stopping = True
            self._pool.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def submit(
        self, submissions: list[Submission], *, with_proofs: bool = True
    ) -> Future[list[Result]]:
        """Queue statements; the answers come after their commit. RuleError POOL_FULL, NOT_READY.

        A future that is cancelled before its turn comes is not written. It may carry NOT_READY
        instead of results: then nobody knows whether it was written, and the same ids again tell.
        """
        group = _Group(submissions, Future(), with_proofs)
        with self._lock:
            if self.fatal is not None or self._stopping:
                raise _stopped(self.fatal)
            if self._waiting + len(submissions) > POOL_MAX:
                raise RuleError(
                    "POOL_FULL",
                    f"{self._waiting} events wait to be written, at most {POOL_MAX}",
                    hint="send the same events again in a second; ids make that safe",
                )
            self._waiting += len(submissions)
            self._pool.put(group)
        return group.future

    def _run(self) -> None:
        while (group := self._pool.get()) is not None:
            groups = [group]
            taken = len(group.submissions)
            while taken < BATCH_MAX:
                try:
                    more = self._pool.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._pool.put(None)
                    break
                groups.append(more)
                taken += len(more.submissions)
            # From here on nobody can cancel, so nobody who gives up harms who shares the commit.
            self._serve([g for g in groups if g.future.set_running_or_notify_cancel()])
            with self._lock:
                self._waiting -= taken

    def _serve(self, groups: list[_Group]) -> None:
        try:
            if self.fatal is not None:
                raise _stopped(self.fatal)
            if groups:
                self._commit_or_repeat(groups)
        except Exception as error:
            _LOGGER.exception("commit failed")
            self._edge = None
            if isinstance(error, CorruptError):
                self.fatal = error
            for group in groups:
                if not group.future.done():
                    group.future.set_exception(_unknown(error))
        self.on_answered()

    def _commit_or_repeat(self, groups: list[_Group]) -> None:
        """Commit, and once more from the start whenever the database says that it undid it."""
        for pause_s in REPEAT_PAUSES_S:
            try:
                return self.commit(groups)
            except Exception as error:
                if not engines.is_undone(error):
                    raise
                _LOGGER.warning("the database undid a commit, which is repeated: %s", error)
                self._edge = None
                time.sleep(pause_s)
        self.commit(groups)

    def commit(self, groups: list[_Group]) -> None:
        """Decide and append everything in `groups` in one transaction, then wake their waiters."""
        submissions = [s for group in groups for s in group.submissions]
        began = time.perf_counter()
        with engines.writing(self.engine) as connection:
            work = self._begin(connection, submissions)
            places = [self._place(work, submission) for submission in submissions]
            edge = self._append(work)
            # The moment of truth: leaving this block commits. Before it nothing has happened,
            # after it everything has; an exception here leaves the outcome unknown, and what we
            # remember is dropped (_serve) so that the database decides.
        edge.known.update(work.memory.objects)
        edge.checked.update(work.memory.objects)
        self._edge = edge
        seconds = time.perf_counter() - began
        self._wake(edge, places, groups)
        self.on_commit(len(submissions), seconds, self._waiting - len(submissions))

    def _begin(self, connection: Connection, submissions: list[Submission]) -> _Work:
        head = entries.read_head(connection, self.log_id, lock=True)
        if head is None:
            raise CorruptError("STORE_CORRUPT", f"there is no log {self.log_id} here")
        edge = self._edge
        if edge is None or edge.head != head:
            self._edge = edge = edges.follow(connection, self.log_id, head, edge)
        if len(edge.known) > objects.CACHE_MAX:
            edge.known.clear()
            edge.checked.clear()
        below = objects.Objects(self.log_id, connection, edge.known, edge.checked)
        keys, uses = [], []
        for submission in submissions:
            keys += [*fold.mentioned(submission.event), f"key:{submission.signer.kid}"]
            uses += fold.uses(submission.event)
        below.prefetch(keys, uses)
        ids = [(s.event.party, s.event.id) for s in submissions]
        before = entries.find_events(connection, self.log_id, ids)
        now_ms = clock.recorded_ms(self.clock_ms(), head.at_ms)
        return _Work(
            connection, head, fold.Memory(below), writes.Batch(self.log_id), now_ms, before
        )

    def _place(self, work: _Work, submission: Submission) -> int | LedgerError:
        """The index of a statement: a new one, that of its first coming, or why it is refused."""
        event = submission.event
        key = (event.party, event.id)
        try:
            _judge(rules.admit, event, work.memory)
            if key in work.fresh:
                first, n = work.fresh[key]
                entry.refuse_other_content(content(first), content(submission), event.id)
                return n
            if key in work.before:
                n, _, leaf = work.before[key]
                compare_with_log(work.connection, self.log_id, n, leaf, submission)
                return n
            outcome = _judge(rules.decide, event, work.now_ms, work.memory, submission.signer)
            return self._accept(work, submission, outcome)
        except CorruptError:
            raise
        except LedgerError as error:
            return error

    def _accept(self, work: _Work, submission: Submission, outcome: Outcome) -> int:
        event, head = submission.event, work.head
        n = head.size + len(work.hashes)
        prev = work.hashes[-1] if work.hashes else head.last_leaf
        leaf = entry.compose(n, work.now_ms, prev, submission.statement, outcome)
        facts = state.Facts(
            n, work.now_ms, event, submission.signer.kid, outcome.book, outcome.lots
        )
        leaf_hash = entry.leaf_hash(leaf)
        work.memory.apply(facts, head.origin)
        work.batch.add_entry(facts, leaf, leaf_hash, head.origin, work.memory)
        work.batch.add_disclosures(n, submission.disclosures)
        work.batch.add_certificates(work.connection, facts, head.origin)
        work.hashes.append(leaf_hash)
        work.fresh[event.party, event.id] = (submission, n)
        if submission.sealed is not None:
            work.sealed.append(submission.sealed)
        return n

    def _append(self, work: _Work) -> edges.Edge:
        """Entries, tiles, views, root, checkpoint, head."""
        before = self._edge
        assert before is not None  # noqa: S101 (_begin set it)
        if not work.hashes:
            return before
        connection, head, log_id = work.connection, work.head, self.log_id
        changed = tiles.add_leaves(
            head.size,
            work.hashes,
            lambda level, i: edges.read_tile(connection, log_id, before, level, i),
        )
        edge = tree.edge_extend(before.edge, work.hashes)
        root = tree.edge_root(edge)
        after = entries.Head(head.origin, edge.size, root, work.hashes[-1], work.now_ms)
        signed = checkpoint.sign_checkpoint(
            checkpoint.Checkpoint(head.origin, edge.size, root), self.signers
        ).decode()
        work.batch.objects = work.memory.objects
        work.batch.write(connection)
        for kid, party, sealed in work.sealed:
            row = {"log_id": log_id, "kid": kid, "party": party, "sealed": sealed}
            connection.execute(insert(tables.party_keys), row)
        writes.write_tiles(connection, log_id, changed)
        writes.write_checkpoint(connection, log_id, edge.size, signed)
        writes.swap_head(connection, log_id, head, after)
        last = {level: max(i for at, i in changed if at == level) for level, _ in changed}
        kept = {place: hashes for place, hashes in before.tiles.items() if place[0] not in last}
        kept |= {(level, index): changed[level, index] for level, index in last.items()}
        return edges.Edge(after, edge, signed, kept, before.known, before.checked)

    def _wake(
        self, edge: edges.Edge, places: list[int | LedgerError], groups: list[_Group]
    ) -> None:
        """Hand every group its results: places, the stored checkpoint, proofs where asked for."""
        with ExitStack() as stack:
            connection: Connection | None = None

            def read(level: int, index: int) -> bytes:
                nonlocal connection
                if (kept := edge.tiles.get((level, index))) is not None:
                    return kept
                if connection is None:  # rarely: the last tiles are remembered
                    connection = stack.enter_context(engines.reading(self.engine))
                return entries.read_tile(connection, self.log_id, level, index)

            subtree = tiles.hash_reader(edge.head.size, read)
            begin = 0
            for group in groups:
                end = begin + len(group.submissions)
                answers = [
                    place
                    if isinstance(place, LedgerError)
                    else _accepted(place, edge, subtree, with_proof=group.with_proofs)
                    for place in places[begin:end]
                ]
                group.future.set_result(answers)
                begin = end


def _accepted(
    place: int, edge: edges.Edge, subtree: tree.SubtreeReader, *, with_proof: bool
) -> Accepted:
    size = edge.head.size
    shown = tuple(proof.inclusion(place, size, subtree)) if with_proof else ()
    return Accepted(place, subtree(0, place), size, edge.note, shown)


def _judge(rule: Callable[..., T], *arguments: object) -> T:
    """What a rule says. Where it stumbles the event is refused, and its neighbours go on."""
    try:
        return rule(*arguments)
    except (AssertionError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        _LOGGER.exception("a rule stumbled")
        raise RuleError(
            "INTERNAL_ERROR",
            f"the rules cannot judge this event: {type(error).__name__}",
            hint="a fault of this program; nothing was written, please report it",
        ) from error


def _stopped(fatal: LedgerError | None) -> RuleError:
    return RuleError(
        "NOT_READY",
        "the writer has stopped" + (f": {fatal.message}" if fatal else ""),
        hint="nothing was written; send the same event with the same id again",
    )


def _unknown(error: Exception) -> LedgerError:
    if isinstance(error, LedgerError):
        return error
    return RuleError(
        "NOT_READY",
        "the database did not say whether the commit happened",
        hint="send the same event with the same id again: it is recorded once, whatever happened",
    )


def content(submission: Submission) -> dict[str, Any]:
    """What a retry is compared on: the envelope as sent, or the signed payload."""
    return submission.event.payload if submission.sent is None else submission.sent


def compare_with_log(
    connection: Connection, log_id: str, n: int, leaf: bytes, submission: Submission
) -> None:
    """ConflictError IDEMPOTENCY_CONFLICT unless entry n says what is submitted under its id."""
    payload = dict(encoding.decode_object(jose.parse(entry.parse(leaf).statement).payload))
    sent = content(submission)
    if submission.sent is not None:
        texts = entries.read_disclosures(connection, log_id, n)
        payload = entry.unconcealed(payload, [entry.disclosure(text) for text in texts], sent)
    entry.refuse_other_content(payload, sent, submission.event.id)
