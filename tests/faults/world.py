"""A small world in one thread: two writers of one log, faults and clocks by a seed.

The writers are real (`ledger.sequencer`), so is SQLite, on a disk in memory. All that is invented
is when what breaks. The same seed does the same again.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event, select

from ledger.book import encoding
from ledger.errors import LedgerError, RuleError
from ledger.sequencer import Accepted, Sequencer, Submission, _Group
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, tables
from ledger.tlog import checkpoint, note, proof, tree
from tests.cluster import SQLITE
from tests.store import plant

DAY_MS: Final = 86_400_000
STATEMENTS: Final = 24  # about as many as a commit has
STEPS: Final = 6


class Broken(Exception):
    """The connection went away, or the process died."""


class Undone(Exception):
    """The database undid the transaction and says so."""

    sqlstate = "40001"


@dataclass(frozen=True, slots=True)
class Fault:
    """What breaks in a commit, and whether the commit is persisted all the same (None: by chance).

    at: the number of a statement, counted from 0.
    """

    name: str
    at: int = 0
    persisted: bool | None = False


@dataclass
class Writer:
    """A process that writes: engine, sequencer and what it remembers."""

    engine: Engine
    fault: Fault | None = None
    met: bool = False
    statements: int = 0

    def __post_init__(self) -> None:
        event.listen(self.engine, "before_cursor_execute", partial(self._statement, "before"))
        event.listen(self.engine, "after_cursor_execute", partial(self._statement, "after"))
        event.listen(self.engine, "commit", self._commit)

    def begin(self, log: Log, clock_ms: Callable[[], int]) -> None:
        """Another process, that remembers nothing; the engine stays, with its compiled queries."""
        self.engine.dispose()
        self.sequencer = Sequencer(self.engine, log.log_id, log.signers, clock_ms)
        self.wake = self.sequencer._wake
        setattr(self.sequencer, "_wake", self._wake)  # noqa: B010 (mypy allows it no other way)

    def _break(self, error: type[Exception] = Broken) -> None:
        self.met = True
        raise error

    def _statement(self, when: str, connection: Connection, *_: Any) -> None:
        if self.fault is None or not connection.get_execution_options().get("writes"):
            return
        if when == "before":
            self.statements += 1
        if self.statements == self.fault.at + 1 and not self.met:
            if self.fault.name == when:
                self._break()
            if self.fault.name == "undone" and when == "after":
                self._break(Undone)

    def _commit(self, connection: Connection) -> None:
        if self.fault is None or not connection.get_execution_options().get("writes"):
            return
        if self.fault.name == "commit" and not self.met:
            if self.fault.persisted:
                connection.connection.commit()
            self._break()

    def _wake(self, *arguments: Any) -> None:
        if self.fault is not None and self.fault.name == "wake":
            self._break()
        self.wake(*arguments)

    def serve(self, submissions: list[Submission], fault: Fault | None) -> Future[Any]:
        """One group, as the writer's thread would take it."""
        self.fault, self.met, self.statements = fault, False, 0
        group = _Group(submissions, Future(), True)
        self.sequencer._serve([group])
        self.fault = None
        return group.future


@dataclass(frozen=True, slots=True)
class Log:
    """A log that every schedule begins from, and statements that can be sent to it."""

    data: Path
    log_id: str
    signers: tuple[note.Signer, ...]
    verifier: note.Verifier
    statements: tuple[Submission, ...]
    database: Path  # of the one schedule that runs
    writers: tuple[Writer, Writer]
    reader: Engine

    @classmethod
    def make(cls, data: Path) -> Log:
        plant.place(data, SQLITE)
        plant.build(data)
        ledger = Ledger.open(plant.settings_of(data))
        try:
            made = [ledger.prepare(encoding.canonical(e), e["party"]) for e in events()]
            database = data.parent / "world" / "ledger.sqlite"
            one, two, reader = (engines.connect(f"sqlite:///{database}") for _ in range(3))
            return cls(
                data, ledger.log_id, ledger.sequencer.signers, ledger.verifier, tuple(made),
                database, (Writer(one), Writer(two)), reader,
            )  # fmt: skip
        finally:
            plant.close(ledger)


def events() -> list[plant.Envelope]:
    """Receipts, what needs them, and what contradicts something among these."""
    received = [plant.receipt(f"HF01/L{i}", private={"note": str(i)}) for i in range(12)]
    again = [{**plant.receipt(f"HF01/M{i}"), "id": received[i]["id"]} for i in range(2)]
    melted = [
        plant.melt(f"HF01/H{i}", [f"HF01/L{i}", f"HF01/L{i + 1}"], f"HF01/I{i}", "17 t")
        for i in range(6)
    ]
    certified = [plant.certificate([f"HF01/L{i}"]) for i in range(3, 6)]
    return [*received, *again, *melted, *certified, plant.registration("TONGLING")]


@dataclass
class World:
    """A schedule as it runs, and what must hold in it."""

    log: Log
    rng: random.Random
    now_ms: int = 0
    hashes: list[bytes] = field(default_factory=list)
    ids: list[tuple[str, str]] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    told: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict)
    unknown: dict[tuple[str, str], Submission] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log.database.parent.mkdir()
        shutil.copy(self.log.data / "ledger.sqlite", self.log.database)
        for writer in self.log.writers:
            writer.begin(self.log, self.clock_ms)
        self.look()
        self.now_ms = self._last_ms()

    def clock_ms(self) -> int:
        return self.now_ms

    def _last_ms(self) -> int:
        with engines.reading(self.log.reader) as connection:
            head = entries.read_head(connection, self.log.log_id)
        assert head is not None
        return head.at_ms

    def close(self) -> None:
        for engine in (*(writer.engine for writer in self.log.writers), self.log.reader):
            engine.dispose()
        shutil.rmtree(self.log.database.parent)

    # What happens.

    def fault(self) -> Fault | None:
        kind = self.rng.choice(
            ("", "", "", "before", "after", "commit", "commit", "wake", "undone")
        )
        at = self.rng.randrange(STATEMENTS)
        if kind == "commit":
            return Fault(kind, persisted=self.rng.random() < 0.5)
        if kind == "wake":
            return Fault(kind, persisted=True)
        return Fault(kind, at) if kind else None

    def step(self) -> None:
        number, rng = self.rng.randrange(2), self.rng
        if rng.random() < 0.2:  # the process dies, and another begins
            self.log.writers[number].begin(self.log, self.clock_ms)
            self.story.append(f"{number} begins anew")
        if rng.random() < 0.3:
            self.now_ms += rng.choice((-DAY_MS, DAY_MS, -(2**63), 2**63, 1_000, -1_000))
        sent = [rng.choice(self.log.statements) for _ in range(rng.randint(1, 5))]
        sent += sent[:1] if rng.random() < 0.2 else []
        self.send(number, sent, self.fault())

    def send(self, number: int, sent: list[Submission], fault: Fault | None) -> None:
        """One commit, and everything that must hold after it."""
        writer, before = self.log.writers[number], len(self.hashes)
        future = writer.serve(sent, fault)
        error = future.exception(0)
        self.story.append(f"{number} {fault if writer.met else ''} {len(sent)}: {error or 'told'}")
        self.look()
        if error is None:
            for submission, result in zip(sent, future.result(0), strict=True):
                self.answered(submission, result)
            assert not writer.met or (fault is not None and fault.name == "undone")
            return
        assert isinstance(error, RuleError), error
        assert error.code == "NOT_READY", error
        assert writer.met
        assert fault is not None
        if not fault.persisted:
            assert len(self.hashes) == before, "a commit that failed left something"
        for submission in sent:
            self.unknown[submission.event.party, submission.event.id] = submission

    def answered(self, submission: Submission, result: Accepted | LedgerError) -> None:
        key = (submission.event.party, submission.event.id)
        if not isinstance(result, Accepted):
            self.unknown.pop(key, None)
            return
        place = (result.n, result.leaf_hash)
        assert self.told.setdefault(key, place) == place, "one id, two places"
        assert self.notes[result.size] == result.checkpoint, "two checkpoints of one size"
        proof.check_inclusion(
            result.proof,
            size=result.size, root=self.root(result.size), index=result.n, leaf_hash=place[1],
        )  # fmt: skip
        self.unknown.pop(key, None)

    # What must hold.

    def root(self, size: int) -> bytes:
        """That of the stored checkpoint of a size, whose signature is checked once."""
        if size not in self.roots:
            signed, _ = checkpoint.open_checkpoint(self.notes[size].encode(), [self.log.verifier])
            assert signed.size == size
            self.roots[size] = signed.root
        return self.roots[size]

    def look(self) -> None:
        """The log goes on from what it was, each size has one root, what was told is there."""
        e, c = tables.entries.c, tables.checkpoints.c
        with engines.reading(self.log.reader) as connection:
            rows = connection.execute(select(e.n, e.party, e.event_id, e.leaf_hash).order_by(e.n))
            found = [tuple(row) for row in rows]
            notes = {row.size: row.note for row in connection.execute(select(c.size, c.note))}
            head = entries.read_head(connection, self.log.log_id)
        hashes = [leaf_hash for _, _, _, leaf_hash in found]
        ids = [(party, event_id) for _, party, event_id, _ in found]
        assert [n for n, *_ in found] == [*range(len(found))], "a gap"
        assert hashes[: len(self.hashes)] == self.hashes, "the past changed"
        assert len(set(ids)) == len(ids), "an id twice"
        assert self.notes.items() <= notes.items(), "a checkpoint changed"
        fresh = notes.keys() - self.notes.keys()
        self.hashes, self.ids, self.notes = hashes, ids, notes
        for size in fresh:
            assert self.root(size) == tree.root(hashes[:size]), f"the root of {size}"
        assert head is not None
        assert (head.size, head.root) == (len(hashes), tree.root(hashes))
        assert len(hashes) in notes, "no checkpoint of the head"
        for key, (n, leaf_hash) in self.told.items():
            assert (ids[n], hashes[n]) == (key, leaf_hash), "what was told is gone"

    def finish(self) -> None:
        """Whatever was left open is sent again, and answered."""
        self.now_ms = self._last_ms()
        for number in (0, 1, 0):
            if self.unknown:
                self.send(number, list(self.unknown.values()), None)
        assert not self.unknown
