"""The audit of a log that is read from outside: an address, or a directory of tiles.

1. The checkpoint is signed by a log key of the policy.
2. Every entry is fetched and held against the tree of that checkpoint, tile by tile.
3. Each entry is checked alone (ledger/alone.py), in as many processes as are wanted.
4. In the order of the log: chain, times, ids, tickets, and that every state read was the last.
5. Entry 0 names the log key and an operator's key of the policy.

What is wrong after step 2 is the log's own doing, and its checkpoint's signature proves it.
Source: docs/audit.md.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import multiprocessing
import os
import signal
import tempfile
import threading
from array import array
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Engine

from ledger import alone, entry, logkeys, mirror
from ledger.audit import Finding
from ledger.book import bodies, jose
from ledger.certificate import policy as policies
from ledger.errors import CorruptError, LedgerError
from ledger.store import audited
from ledger.tilesource import Source, Tree
from ledger.tlog import checkpoint, cosignature, note, tiles

CHUNK: Final = 128
"""Entries in one piece of work."""
AHEAD: Final = 4
"""Pieces of work that wait for each process."""
FETCHES: Final = 4
IN_MEMORY_MAX: Final = 1_000_000
"""Entries whose names are kept in memory; those of longer logs go to a file."""

T = TypeVar("T")
Progress = Callable[[int, int], None]
Answer = tuple[list[alone.Seen], Finding | None]
Opened = Callable[[], alone.Past]


@dataclass(frozen=True, slots=True)
class Report:
    """The result. cosigned: name in the policy -> seconds since 1970; quorum: whether it is met."""

    origin: str
    size: int
    root: bytes
    finding: Finding | None
    cosigned: dict[str, int] = field(default_factory=dict)
    quorum: bool = True


def run(
    source: Source,
    policy: policies.Policy,
    processes: int = 1,
    progress: Progress = lambda done, size: None,
) -> Report:
    """Audit the log that a source shows. What is wrong with the log is reported, not raised.

    Raises LedgerError if the source cannot be read, or shows what its checkpoint does not cover
    (SOURCE_UNREADABLE, PROOF_INVALID), or no log of the policy (CHECKPOINT_UNSIGNED, NOTE_INVALID).
    """
    signed = source.checkpoint()
    head = mirror.open_signed(signed, [known.verifier for known in policy.logs])  # 1
    cosigned = _cosigned(signed, policy)
    with (
        Spool.temporary() as spool,
        contextlib.closing(_fetched(source, head, spool)) as starts,  # 2
    ):
        finding = _judge(spool, starts, head, policy, processes, progress)  # 3, 4, 5
    met = policies.satisfied(policy, cosigned)
    return Report(head.origin, head.size, head.root, finding, cosigned, met)


def _cosigned(signed: bytes, policy: policies.Policy) -> dict[str, int]:
    keys = {known.name: cosignature.parse_vkey(known.vkey) for known in policy.witnesses}
    return cosignature.verify_cosignatures(note.parse_note(signed), keys) if keys else {}


# Entries on disk, so that a log of any length can be read again by index.


@dataclass(frozen=True, slots=True)
class Spool:
    """Entries one after another in a file, and in another where each of them ends."""

    entries: int
    ends: int

    @classmethod
    def open(cls, directory: Path) -> Spool:
        """The spool in a directory, made if it is not there. Processes may share its files."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        return cls(*(os.open(directory / name, flags, 0o600) for name in ("entries", "ends")))

    @classmethod
    @contextlib.contextmanager
    def temporary(cls) -> Iterator[Spool]:
        """A spool that is gone when this ends."""
        with tempfile.TemporaryDirectory(prefix="remelt-audit-") as directory:
            spool = cls.open(Path(directory))
            try:
                yield spool
            finally:
                spool.close()

    def close(self) -> None:
        """Close its files."""
        os.close(self.entries)
        os.close(self.ends)

    def extend(self, leaves: Iterable[bytes], end: int) -> int:
        """Write entries at the end, which is at byte `end`; returns where the end is now."""
        at, ends, content = end, array("Q"), b"".join(leaves := list(leaves))
        for leaf in leaves:
            at += len(leaf)
            ends.append(at)
        _write(self.entries, content)
        _write(self.ends, ends.tobytes())
        return at

    def read(self, n: int) -> bytes:
        """The bytes of entry n. CorruptError STORE_CORRUPT if it is not there."""
        places = array("Q")
        places.frombytes(os.pread(self.ends, 16 if n else 8, 8 * max(n - 1, 0)))
        if n < 0 or len(places) != (2 if n else 1):
            raise CorruptError("STORE_CORRUPT", f"entry {n} was not fetched")
        start, end = (places[0], places[1]) if n else (0, places[0])
        return os.pread(self.entries, end - start, start)


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _fetched(
    source: Source, head: checkpoint.Checkpoint, spool: Spool
) -> Generator[int, None, None]:
    """Step 2. Yield where each piece of work starts, as soon as its entries are in the spool.

    Bundles come a few at a time, and are written in their order.
    """
    read, end, done, start = Tree(source, head.size, head.root), 0, 0, 0
    bundles = range(-(-head.size // tiles.WIDTH))
    with ThreadPoolExecutor(FETCHES, "fetch") as pool:
        for leaves in in_order(pool, read.bundle, bundles, FETCHES * AHEAD):
            end = spool.extend(leaves, end)
            done += len(leaves)
            while start < done and (start + CHUNK <= done or done == head.size):
                yield start
                start += CHUNK


def in_order(
    pool: Executor, call: Callable[[int], T], wanted: Iterable[int], most: int
) -> Iterator[T]:
    """The results in the order of what is wanted, of which at most so many are begun."""
    waiting: deque[Future[T]] = deque()
    todo = iter(wanted)
    try:
        for one in itertools.islice(todo, most):
            waiting.append(pool.submit(call, one))
        while waiting:
            yield waiting.popleft().result()
            for one in itertools.islice(todo, 1):
                waiting.append(pool.submit(call, one))
    finally:
        for future in waiting:
            future.cancel()


# Entries alone: step 3, in any process.


def check_chunk(past: alone.Past, start: int, end: int) -> Answer:
    """What entries start..end ask of those before them, up to the first that is wrong by itself.

    Raises alone.Unread.
    """
    found: list[alone.Seen] = []
    for n in range(start, end):
        try:
            found.append(alone.check(n, past.leaf(n), past))
        except LedgerError as error:
            return found, refused(n, error)
    return found, None


def refused(n: int, error: LedgerError) -> Finding:
    """The finding that an entry was refused."""
    return Finding(n, error.field or "leaf", f"{error.code}: {error.message}")


_PAST: list[alone.Past] = []
"""Of a process that works for another one: set when it begins."""


def _begin(opened: Opened) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is for the process that waits for this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _PAST[:] = [opened()]


def _end_with_parent() -> None:
    """A process that was killed cannot end those that work for it: they would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _check(end: int, start: int) -> Answer:
    return check_chunk(_PAST[0], start, min(start + CHUNK, end))


@contextlib.contextmanager
def answers(
    opened: Opened, starts: Iterable[int], end: int, processes: int, method: str = "fork"
) -> Iterator[Iterator[Answer]]:
    """What `check_chunk` says of the entries from each of `starts` on, up to `end`, in that order.

    opened: makes the past, in each process anew. method: how processes begin; "spawn" where this
    one has threads. They have begun before `starts` is asked for anything.
    Raises alone.Unread, and CorruptError INTERNAL_ERROR if a process dies.
    """
    if processes == 1:
        past = opened()
        yield (check_chunk(past, at, min(at + CHUNK, end)) for at in starts)
        return
    context = multiprocessing.get_context(method)
    pool = ProcessPoolExecutor(processes, context, _begin, (opened,))
    try:
        pool.submit(int)
        yield in_order(pool, functools.partial(_check, end), starts, processes * AHEAD)
    except BrokenProcessPool as error:
        raise CorruptError(
            "INTERNAL_ERROR",
            "audit: a process ended before its work was done",
            hint="was it out of memory? try again with fewer processes",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _spooled(spool: Spool) -> alone.Past:
    return alone.Past(spool.read)


# In the order of the log: steps 4 and 5.


def _judge(
    spool: Spool,
    starts: Iterable[int],
    head: checkpoint.Checkpoint,
    policy: policies.Policy,
    processes: int,
    progress: Progress,
) -> Finding | None:
    """The first finding."""
    lists: set[str] = set()
    done, opened = 0, functools.partial(_spooled, spool)
    with _taking(head) as take, answers(opened, starts, head.size, processes) as found:
        try:
            for seen, wrong in found:
                wrong = take(seen) or wrong
                if wrong is not None:
                    return wrong
                lists |= _key_lists(spool, seen)
                done += len(seen)
                progress(done, head.size)
        except alone.Unread as error:
            raise error.as_error() from error
    return _check_opening(entry.parse(spool.read(0)), policy, lists) if head.size else None


Take = Callable[[Sequence[alone.Seen]], Finding | None]


@contextlib.contextmanager
def _taking(head: checkpoint.Checkpoint) -> Iterator[Take]:
    """What takes entries in their order, and what it has to remember."""
    if head.size <= IN_MEMORY_MAX:
        order = alone.Order({}, head.origin)
        yield lambda seen: take_all(order, seen)
        return
    with tempfile.TemporaryDirectory(prefix="remelt-audit-") as directory:
        engine = audited.open_store(Path(directory) / "order.sqlite")
        try:
            yield lambda seen: _take_stored(engine, head.origin, seen)
        finally:
            engine.dispose()


def _take_stored(engine: Engine, origin: str, seen: Sequence[alone.Seen]) -> Finding | None:
    keys = {key for one in seen for key in alone.keys(one)}
    with audited.advancing(engine, origin, keys) as order:
        return take_all(order, seen)


def take_all(order: alone.Order, seen: Iterable[alone.Seen]) -> Finding | None:
    """Take entries one after another; the finding if one is refused."""
    for one in seen:
        try:
            order.take(one)
        except LedgerError as error:
            return refused(order.size, error)
    return None


def _key_lists(spool: Spool, seen: Iterable[alone.Seen]) -> set[str]:
    """The hashes of lists of the log's keys that entries state."""
    stated = [entry.parse(spool.read(one.n)).event.body for one in seen if "log" in one.touched]
    sets = [body.tables for body in stated if isinstance(body, bodies.PolicySet)]
    return {tables[logkeys.TABLE] for tables in sets if logkeys.TABLE in tables}


def _check_opening(
    opened: entry.Entry, policy: policies.Policy, lists: Collection[str]
) -> Finding | None:
    """Step 5. A key that is not that of entry 0 must stand in a list that the log states."""
    body, origin = opened.event.body, opened.event.log
    if not isinstance(body, bodies.LogOpened):
        return Finding(0, "kind", f"ENTRY_DIFFERS: entry 0 is {opened.event.kind}")
    known = {log.verifier.vkey for log in policy.logs if log.verifier.name == origin}
    if body.log_key not in known and logkeys.digest({body.log_key, *known}) not in lists:
        return Finding(0, "log_key", f"LOG_MISMATCH: entry 0 names the log key {body.log_key}, "
                       "the policy another, and no entry names both")  # fmt: skip
    kid = jose.thumbprint(body.operator_key)
    if kid not in policy.operators:
        return Finding(0, "operator_key", f"LOG_MISMATCH: entry 0 names the operator's key {kid}, "
                       "the policy another")  # fmt: skip
    return None
