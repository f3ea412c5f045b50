"""Tiles: the tree stored 256 hashes at a time, the paths they are served at, and entry bundles.

A tile (level, index) holds, in order, up to 256 hashes of 32 bytes: hash i is that of the
perfect subtree over 256^level leaves that begins at leaf (index · 256 + i) · 256^level. A level
above 0 summarises *full* tiles only, so a tile only ever grows at its end, and the partial tile
of an older tree is a prefix of what is stored. Source: C2SP tlog-tiles v0.1.

Nothing here stores anything: `add_leaves` says what to write, the readers are told how to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

from ledger import errors
from ledger.tlog import tree

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
TILE_BYTES: Final = WIDTH * tree.HASH_SIZE
MAX_LEVEL: Final = 63
MAX_ENTRY_BYTES: Final = 65_535

TileReader = Callable[[int, int], bytes]
"""(level, index) -> the hashes of that tile, at least those the tree has; raises if missing."""


def tile_width(level: int, index: int, size: int) -> int:
    """Return how many hashes (0..256) tile (level, index) holds in a tree of `size` leaves."""
    return min(WIDTH, max(0, (size >> HEIGHT * level) - index * WIDTH))


def add_leaves(
    size: int, leaf_hashes: Sequence[bytes], read: TileReader
) -> dict[tuple[int, int], bytes]:
    """Return the new full content of every tile that changes when a tree of `size` grows.

    Keys are (level, index). `read` is called at most once a level, for the partial last tile.
    Raises CorruptError if that tile is shorter than `size` says.
    """
    assert size + len(leaf_hashes) <= tree.MAX_SIZE, "tlog: the tree is full"
    added = b"".join(leaf_hashes)
    assert len(added) == tree.HASH_SIZE * len(leaf_hashes), "tlog: a leaf hash is not 32 bytes"
    changed: dict[tuple[int, int], bytes] = {}
    level, count = 0, size  # `count` hashes stand at this level already
    while added:
        index, width = divmod(count, WIDTH)
        content = _stored(read, level, index, width) + added
        tiles = [content[at : at + TILE_BYTES] for at in range(0, len(content), TILE_BYTES)]
        changed.update({(level, index + i): tile for i, tile in enumerate(tiles)})
        added = b"".join(_pyramid(tile)[-1] for tile in tiles if len(tile) == TILE_BYTES)
        level, count = level + 1, index
    return changed


def _stored(read: TileReader, level: int, index: int, width: int) -> bytes:
    """Return the first `width` hashes of a tile, without reading it for none."""
    want = width * tree.HASH_SIZE
    content = read(level, index)[:want] if want else b""
    if len(content) != want:
        raise _short(level, index, len(content), want)
    return content


def _short(level: int, index: int, got: int, want: int) -> errors.CorruptError:
    where = tile_path(level, index)
    return errors.CorruptError(
        "STORE_CORRUPT", f"{where}: {got} bytes, want at least {want}", field=where, value=got
    )


def _pyramid(hashes: bytes) -> list[bytes]:
    """Return `hashes` and above them, level by level, the nodes over each complete pair."""
    levels = [hashes]
    while len(levels[-1]) >= 2 * tree.HASH_SIZE:
        below = levels[-1]
        pairs = [below[at : at + 64] for at in range(0, len(below) - 63, 64)]
        levels.append(b"".join([sha256(b"\x01" + pair).digest() for pair in pairs]))
    return levels


def hash_reader(size: int, read: TileReader) -> tree.SubtreeReader:
    """Return a reader of every perfect subtree inside the tree of `size`, from its tiles.

    The reader keeps each tile that it has read, and the nodes in it, hashed once: a proof reads
    at most two tiles a level, many proofs from one reader read each tile once. Drop it with the
    tree it was made for. It raises CorruptError if a tile is too short. It does not compare
    tiles with the root: whoever does not trust them checks the proofs they make.
    """
    pyramids: dict[tuple[int, int], list[bytes]] = {}

    def subtree(level: int, index: int) -> bytes:
        assert 0 <= index < (size >> level), f"tlog: subtree {level}/{index} in a tree of {size}"
        tile_level, height = divmod(level, HEIGHT)
        tile_index, at = divmod(index, WIDTH >> height)
        if (tile_level, tile_index) not in pyramids:
            width = tile_width(tile_level, tile_index, size)
            content = _stored(read, tile_level, tile_index, width)
            pyramids[tile_level, tile_index] = _pyramid(content)
        row = pyramids[tile_level, tile_index][height]
        return row[at * tree.HASH_SIZE : (at + 1) * tree.HASH_SIZE]

    return subtree


def edge_at(size: int, read: TileReader) -> tree.Edge:
    """Return the right edge of the tree of `size`; reads at most one tile a level."""
    subtree = hash_reader(size, read)
    return tree.Edge(size, tuple(subtree(*where) for where in tree.perfect_subtrees(0, size)))


def root_at(size: int, read: TileReader) -> bytes:
    """Return the root of the tree of `size`; reads at most one tile a level."""
    return tree.edge_root(edge_at(size, read))


ENTRIES: Final = -1
"""Stands for `entries` in place of a level: the entries under the level 0 tile of that index."""

_PATH: Final = re.compile(
    r"\Atile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?\Z"
)


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile or bundle: `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`.

    N is written in groups of three digits, all but the last with `x` before them:
    1234067 is `x001/x234/067`. Source: C2SP tlog-tiles, "Merkle Tree".
    """
    assert ENTRIES <= level <= MAX_LEVEL, f"tlog: no tiles at level {level}"
    assert 0 <= index <= tree.MAX_SIZE, f"tlog: no tile {index}"
    assert 1 <= width <= WIDTH, f"tlog: no tile of {width} hashes"
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [f"x{digits[at : at + 3]}/" for at in range(0, len(digits) - 3, 3)]
    name = "entries" if level == ENTRIES else str(level)
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{name}/{''.join(groups)}{digits[-3:]}{partial}"


def parse_tile_path(path: str) -> tuple[int, int, int]:
    """Return the (level, index, width) that `path` names, if it is the one way to write it.

    level: 0..63, or ENTRIES; width: 256 for what is full. The path has no leading slash.
    Raises FormatError NOT_FOUND: nothing is ever served at such an address.
    """
    match = _PATH.match(path)
    if match is None:
        raise _no_tile(path)
    name, digits, partial = match.groups()
    level = ENTRIES if name == "entries" else int(name)
    index = int(digits.replace("x", "").replace("/", ""))
    width = WIDTH if partial is None else int(partial)
    if level > MAX_LEVEL or index > tree.MAX_SIZE or not 1 <= width <= WIDTH:
        raise _no_tile(path)
    if tile_path(level, index, width) != path:
        raise _no_tile(path)
    return level, index, width


def _no_tile(path: str) -> errors.FormatError:
    return errors.FormatError(
        "NOT_FOUND",
        f"path: not that of a tile: {path[:100]!r}, want tile/<L>/<N>[.p/<W>]",
        field="path",
        value=path,
        hint="level 0..63 or entries, index like x001/x234/067, width 1..255 after .p/",
    )


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return 1 to 256 entries as a bundle: each as its length (uint16, big-endian) and itself.

    Raises FormatError ENTRY_TOO_LARGE for an entry of more than 65,535 bytes.
    Source: C2SP tlog-tiles, "Log entries".
    """
    assert 1 <= len(entries) <= WIDTH, f"tlog: a bundle of {len(entries)} entries"
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            wrong = f"entry: {len(entry)} bytes, want at most {MAX_ENTRY_BYTES}"
            raise errors.FormatError("ENTRY_TOO_LARGE", wrong, field="entry", value=len(entry))
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(bundle: bytes) -> list[bytes]:
    """Return the 1 to 256 entries of a bundle. Raises FormatError ENTRY_INVALID if it is none."""
    entries: list[bytes] = []
    at = 0
    while at < len(bundle) and len(entries) <= WIDTH:
        start = at + 2
        at = start + int.from_bytes(bundle[at:start], "big")
        entries.append(bundle[start:at])
    if at != len(bundle) or not 1 <= len(entries) <= WIDTH:
        wrong = f"bundle: {len(entries)} entries up to byte {at}"
        want = f"1 to {WIDTH} that end with the bundle at {len(bundle)}"
        raise errors.FormatError("ENTRY_INVALID", f"{wrong}, want {want}", field="bundle", value=at)
    return entries
