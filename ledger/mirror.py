"""A mirror: somebody's log in a directory, as the static files that every tool of tiles reads.

Everything is checked against a signed checkpoint before it is written, and the checkpoint is
written last: whenever a mirror is stopped, what lies there under its checkpoint is a whole log.
A partial tile stays until the full one is there, because the checkpoints that were served name
it. Source: C2SP tlog-tiles v0.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from ledger import evidence, tilesource
from ledger.errors import LedgerError, ProofError
from ledger.tilesource import Source, Tree
from ledger.tlog import checkpoint, note, tiles, tree

AT_ONCE: Final = 8
"""How many files are fetched at a time."""

T = TypeVar("T")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a mirror holds now. added: entries that came in; behind: how far the source lags."""

    checkpoint: checkpoint.Checkpoint
    added: int
    behind: int = 0


def open_signed(signed: bytes, verifiers: Iterable[note.Verifier]) -> checkpoint.Checkpoint:
    """Return what a checkpoint says, if one of its own log's keys among `verifiers` signed it.

    Raises ProofError NOTE_INVALID, SIGNATURE_INVALID, CHECKPOINT_UNSIGNED.
    """
    origin = checkpoint.parse_checkpoint(note.parse_note(signed).text).origin
    own = [verifier for verifier in verifiers if verifier.name == origin]
    return checkpoint.open_checkpoint(signed, own, origin)[0]


def held(
    directory: Path, verifiers: Iterable[note.Verifier]
) -> tuple[bytes, checkpoint.Checkpoint]:
    """The checkpoint that a mirror holds, and its bytes; that of nothing (b"") for a new one.

    Raises ProofError as `open_signed`.
    """
    try:
        signed = (directory / tilesource.CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return b"", checkpoint.Checkpoint("", 0, tree.EMPTY_ROOT)
    return signed, open_signed(signed, verifiers)


def keep(
    source: Source,
    directory: Path,
    verifiers: Iterable[note.Verifier],
    progress: Progress = lambda done, size: None,
) -> Kept:
    """Bring a mirror up to its source's checkpoint; safe to stop at any moment and to repeat.

    Raises ProofError LOG_FORKED, once both checkpoints lie in DIR/evidence, if the source's log is
    not the one that is mirrored, and from then on until somebody moves them away; LOG_MISMATCH
    for a log of another name; and whatever reading the source raises.
    """
    evidence.make_directory(directory)
    evidence.refuse_kept(directory)
    verifiers = tuple(verifiers)
    before, old = held(directory, verifiers)
    signed = source.checkpoint()
    new = open_signed(signed, verifiers)
    if before and new.origin != old.origin:
        wrong = f"{source.where}: the log {new.origin}, {directory} mirrors {old.origin}"
        raise ProofError("LOG_MISMATCH", wrong, field="origin", hint="one directory for each log")
    if new.size < old.size:
        here = Tree(tilesource.open_source(str(directory)), old.size, old.root)
        _check_same_log(directory, here, (new, signed), (old, before))
        return Kept(old, 0, old.size - new.size)
    if new.size == old.size and new.root != old.root:
        evidence.keep(directory, before, signed)
        raise _forked(directory, old, new)
    there = Tree(source, new.size, new.root)
    if before:
        _check_same_log(directory, there, (old, before), (new, signed))
    fetch(directory, there, old.size, progress)
    publish(directory, signed, old.size)
    return Kept(new, new.size - old.size)


def _check_same_log(
    directory: Path,
    read: Tree,
    small: tuple[checkpoint.Checkpoint, bytes],
    large: tuple[checkpoint.Checkpoint, bytes],
) -> None:
    """LOG_FORKED, with the evidence kept, unless one log is the beginning of the other."""
    old, new = small[0], large[0]
    if read.root_at(old.size) != old.root:
        proves = evidence.consistency(old, new, read)
        evidence.keep(directory, small[1], large[1], proves=proves)
        raise _forked(directory, old, new)


def _forked(directory: Path, old: checkpoint.Checkpoint, new: checkpoint.Checkpoint) -> ProofError:
    return ProofError(
        "LOG_FORKED",
        f"{new.origin}: the signed checkpoints of size {old.size} and {new.size} are of two "
        f"histories; both lie in {directory / evidence.DIRECTORY}",
        field="root",
        value=new.root.hex(),
        hint="nothing was mirrored; show both to whoever relies on the log (docs/monitor.md)",
    )


def fetch(
    directory: Path,
    read: Tree,
    start: int = 0,
    progress: Progress = lambda done, size: None,
) -> None:
    """Write the tiles and entry bundles of a tree, of which the directory holds `start` entries.

    Durable when this returns; no checkpoint names them yet. What lies there already from a run
    that was stopped is checked and not fetched again. Raises whatever reading `read` raises.
    """
    fetch_tiles(directory, read, start)
    here = tilesource.open_source(str(directory))
    bundles = (index for _, index in _bundles(start, read.size))

    def one(index: int) -> None:
        _fetch_bundle(directory, read, here, index)

    for done, _ in enumerate(_at_once(one, bundles), start // tiles.WIDTH + 1):
        progress(min(done * tiles.WIDTH, read.size), read.size)


def fetch_tiles(directory: Path, read: Tree, start: int = 0) -> None:
    """Write the tiles of a tree alone: 32 bytes an entry, enough for every proof. As `fetch`."""
    evidence.make_directory(directory)

    def one(place: tuple[int, int]) -> None:
        hashes = read.tile(*place)
        _write(directory, *place, len(hashes) // tree.HASH_SIZE, hashes)

    for _ in _at_once(one, _grown(start, read.size)):
        pass


def _at_once(job: Callable[[T], None], things: Iterator[T]) -> Iterator[None]:
    """Do something for each, a few at a time; the first error ends it.

    Never are all of them listed: a log may say that it has 2^62 entries.
    """
    pool = ThreadPoolExecutor(AT_ONCE, "mirror")
    try:
        while some := [*itertools.islice(things, 32 * AT_ONCE)]:
            yield from pool.map(job, some)
    finally:
        pool.shutdown(cancel_futures=True)


def _grown(start: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (level, index) of the tiles that a tree gains or fills between two sizes."""
    level = 0
    while size >> tiles.HEIGHT * level:
        old, new = start >> tiles.HEIGHT * level, size >> tiles.HEIGHT * level
        for index in range(old // tiles.WIDTH, -(-new // tiles.WIDTH)):
            if tiles.tile_width(level, index, start) != tiles.tile_width(level, index, size):
                yield level, index
        level += 1


def _fetch_bundle(directory: Path, read: Tree, here: Source, index: int) -> None:
    width = tiles.tile_width(0, index, read.size)
    if (directory / tiles.tile_path(tiles.ENTRIES, index, width)).exists():
        try:
            read.check_bundle(index, here.bundle(index, width))
            return
        except LedgerError:
            pass  # of a disk that failed, or of another history: fetched anew
    _write(directory, tiles.ENTRIES, index, width, tiles.encode_bundle(read.bundle(index)))


def _write(directory: Path, level: int, index: int, width: int, content: bytes) -> None:
    path = directory / tiles.tile_path(level, index, width)
    try:
        if path.read_bytes() == content:
            return
    except FileNotFoundError:
        evidence.make_directory(path.parent)
    evidence.put(path, content)


def publish(directory: Path, signed: bytes, start: int = 0) -> None:
    """Let a directory hold a checkpoint whose tiles and bundles `fetch` has written.

    start: the size that it held before; partial tiles that are full since are removed.
    """
    evidence.put(directory / tilesource.CHECKPOINT, signed)
    prune(directory, start, checkpoint.parse_checkpoint(note.parse_note(signed).text).size)


def prune(directory: Path, start: int, size: int) -> None:
    """Remove the partial files that are full since the log had `start` entries."""
    for level, index in [*_grown(start, size), *_bundles(start, size)]:
        full = directory / tiles.tile_path(level, index)
        partial = full.with_name(f"{full.name}.p")
        if full.exists() and partial.is_dir():
            for path in partial.iterdir():
                path.unlink()
            partial.rmdir()


def _bundles(start: int, size: int) -> Iterator[tuple[int, int]]:
    for index in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
        yield tiles.ENTRIES, index
