"""Somebody's log, read from a web address or a directory in the layout of tiles.

    <prefix>/checkpoint    <prefix>/tile/<L>/<N>[.p/<W>]    <prefix>/tile/entries/<N>[.p/<W>]

A source only fetches, and nothing that it gives is believed: `Tree` takes a size and a root from
a checkpoint whose signature somebody checked, and lets through what hashes up to that root.
Source: C2SP tlog-tiles v0.1; for the checking, RFC 6962 §2.1.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger import fetching
from ledger.errors import FormatError, LedgerError, ProofError
from ledger.fetching import Fetch
from ledger.tlog import note, tiles, tree

CHECKPOINT: Final = "checkpoint"
BUNDLE_MAX_BYTES: Final = tiles.WIDTH * (2 + tiles.MAX_ENTRY_BYTES)
CACHE_TILES: Final = 2048

_HINTS: Final = {
    "checkpoint": "give the prefix of the log: the address before /checkpoint",
    "hashes": "the source lacks a part of the tree that its checkpoint promises: ask whoever "
    "runs it, or read another mirror",
    "entries": "the source holds no entries here, or not for everybody: read another mirror, or "
    "give an API key with scope audit",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a log is read. Every method raises LedgerError, and nothing else.

    SOURCE_UNREADABLE: no answer, a refusal, or something that is not of the layout.
    """

    where: str
    fetch: Fetch = field(repr=False)
    close: Callable[[], None] = field(repr=False, default=lambda: None)
    """Ends its connections; `contextlib.closing(source)` does it in time."""

    def checkpoint(self) -> bytes:
        """Return the signed note of the latest checkpoint as it is; verifies nothing."""
        found = self.fetch(CHECKPOINT, note.MAX_NOTE_BYTES)
        if found is None:
            raise self.wrong(CHECKPOINT, "nothing there", _HINTS["checkpoint"])
        return found

    def tile(self, level: int, index: int, width: int = tiles.WIDTH) -> bytes:
        """Return the first `width` hashes of a tile; a full tile stands in for a partial one."""
        want = width * tree.HASH_SIZE
        found, path = self._either(level, index, width, tiles.TILE_BYTES, "hashes")
        if len(found) < want or len(found) % tree.HASH_SIZE:
            raise self.wrong(path, f"{len(found)} bytes, want {want}", _HINTS["hashes"])
        return found[:want]

    def bundle(self, index: int, width: int = tiles.WIDTH) -> list[bytes]:
        """Return the first `width` entries of a bundle; a full one stands in for a partial one."""
        found, path = self._either(tiles.ENTRIES, index, width, BUNDLE_MAX_BYTES, "entries")
        try:
            entries = tiles.decode_bundle(found)
        except FormatError as error:
            raise self.wrong(path, error.message, "the source is damaged: read another") from error
        if len(entries) < width:
            raise self.wrong(path, f"{len(entries)} entries, want {width}", _HINTS["entries"])
        return entries[:width]

    def _either(
        self, level: int, index: int, width: int, most: int, what: str
    ) -> tuple[bytes, str]:
        path = tiles.tile_path(level, index, width)
        for tried in dict.fromkeys((path, tiles.tile_path(level, index))):
            found = self.fetch(tried, most)
            if found is not None:
                return found, tried
        raise self.wrong(path, "nothing there", _HINTS[what])

    def wrong(self, path: str, what: str, hint: str) -> LedgerError:
        """The error that names the address, what was wrong and what to do."""
        return fetching.unreadable(f"{self.where}/{path}", what, hint)


def open_source(where: str, api_key: str = "") -> Source:
    """Return the source at an http(s) prefix or in a directory.

    api_key: goes to that host alone, and over plain http only if the host is this machine.
    Raises LedgerError: PARAMETER_INVALID for an address or a key that cannot be right,
    SOURCE_UNREADABLE if there is no such directory. Nothing is fetched yet.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", where) is None:
        return Source(where, fetching.directory(Path(where)))
    return Source(*fetching.web(where, api_key))


# What is read, held against a root.


class Tree:
    """The tree of one checkpoint, read from a source, every tile checked before it is used.

    The right edge is read first and must give `root`; any other tile is full, and is held
    against its hash in the tile above it. Keep one Tree for many reads: it caches what it
    checked. Raises, here and in every method: ProofError PROOF_INVALID for what does not hash up
    to `root`, and whatever the source raises.

    subtree: reads the hash of a perfect subtree, for `ledger.tlog.proof`.
    """

    def __init__(self, source: Source, size: int, root: bytes) -> None:
        self.source, self.size, self.root = source, size, root
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self.subtree: tree.SubtreeReader = tiles.hash_reader(size, self.tile)
        self._edge = self._read_edge()
        if self.root_at(size) != root:
            raise self._beside("checkpoint", f"the tiles at size {size} do not give its root")

    def _read_edge(self) -> dict[tuple[int, int], bytes]:
        edge = {}
        for level in range(-(-self.size.bit_length() // tiles.HEIGHT)):
            index, width = divmod(self.size >> tiles.HEIGHT * level, tiles.WIDTH)
            if width:
                edge[level, index] = self.source.tile(level, index, width)
        return edge

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, as many as the tree has there (1 to 256)."""
        at = (level, index)
        found = self._edge.get(at) or self._tiles.get(at)
        if found is None:
            found = self._checked(level, index)
            self._tiles[at] = found
            if len(self._tiles) > CACHE_TILES:
                self._tiles.popitem(last=False)
        return found

    def _checked(self, level: int, index: int) -> bytes:
        if tiles.tile_width(level, index, self.size) != tiles.WIDTH:
            where = f"tile {level}/{index}"
            raise self._beside(where, f"a tree of {self.size} has no such tile")
        found = self.source.tile(level, index)
        above, place = divmod(index, tiles.WIDTH)
        want = self.tile(level + 1, above)[place * tree.HASH_SIZE : (place + 1) * tree.HASH_SIZE]
        if _top(found) != want:
            wrong = "its hash is not the one in the tile above it"
            raise self._beside(tiles.tile_path(level, index), wrong)
        return found

    def root_at(self, size: int) -> bytes:
        """Return the root that this log had when it had `size` entries (0 to its size)."""
        where = tree.perfect_subtrees(0, size)
        return tree.edge_root(tree.Edge(size, tuple(self.subtree(*at) for at in where)))

    def check_prefix(self, size: int, root: bytes, what: str) -> None:
        """Check that the tree of `size` leaves and `root` is the beginning of this one.

        what: names that tree in the error, ProofError LOG_FORKED. size: at most this tree's.
        """
        found = self.root_at(size)
        if found != root:
            raise ProofError(
                "LOG_FORKED",
                f"{what} says root {root.hex()} at size {size}, {self.source.where} gives "
                f"{found.hex()}",
                field="root",
                value=root.hex(),
                hint="one log cannot have both: keep the two signed checkpoints, they are evidence",
            )

    def leaf_hashes(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the leaf hashes of entries start..end (end is not among them)."""
        for index, first, last in _tiles_of(start, end):
            hashes = self.tile(0, index)
            for at in range(first, last):
                yield hashes[at * tree.HASH_SIZE : (at + 1) * tree.HASH_SIZE]

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of entries start..end, each with the leaf hash that the tree has."""
        for index, first, last in _tiles_of(start, end):
            yield from self.bundle(index)[first:last]

    def bundle(self, index: int) -> list[bytes]:
        """Return the entries under the level 0 tile `index`, as many as the tree has there."""
        width = tiles.tile_width(0, index, self.size)
        return self.check_bundle(index, self.source.bundle(index, width))

    def check_bundle(self, index: int, entries: list[bytes]) -> list[bytes]:
        """Return these entries, wherever they come from, if they are those under the tile."""
        hashes = self.tile(0, index)
        for at, entry in enumerate(entries):
            if tree.leaf_hash(entry) != hashes[at * tree.HASH_SIZE : (at + 1) * tree.HASH_SIZE]:
                n = index * tiles.WIDTH + at
                raise self._beside(tiles.tile_path(tiles.ENTRIES, index), f"entry {n} is another")
        return entries

    def _beside(self, path: str, wrong: str) -> ProofError:
        where = f"{self.source.where}/{path}"
        return ProofError(
            "PROOF_INVALID",
            f"{where}: {wrong}",
            field="source",
            value=where,
            hint="the source is damaged or lies: read another mirror, and tell whoever runs it",
        )


def _tiles_of(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (index of a tile at level 0, first, last) of the tiles over leaves start..end."""
    for at in range(start - start % tiles.WIDTH, end, tiles.WIDTH):
        yield at // tiles.WIDTH, max(start - at, 0), min(end - at, tiles.WIDTH)


def _top(hashes: bytes) -> bytes:
    """Return the root over the hashes of a full tile."""
    while len(hashes) > tree.HASH_SIZE:
        pairs = (hashes[at : at + 64] for at in range(0, len(hashes), 64))
        hashes = b"".join([sha256(b"\x01" + pair).digest() for pair in pairs])
    return hashes
