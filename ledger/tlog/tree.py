"""The Merkle tree: SHA-256 hashes of leaves and nodes, roots, and the right edge that grows.

Source: RFC 6962 §2.1 (the same as RFC 9162 §2.1). Indexes are 0-based. A subtree without a
sibling is promoted as it is, never paired with itself.

    leaf hash = SHA-256(0x00 ‖ entry)      node hash = SHA-256(0x01 ‖ left ‖ right)

A *perfect* subtree is named (level, index): it covers the 2^level leaves that begin at
index · 2^level. Everything here, and every proof, is put together from perfect subtrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_SIZE: Final = 32
MAX_SIZE: Final = 2**63 - 1
"""Leaves in the largest tree: what a signed 64-bit column and other people's clients hold."""

EMPTY_ROOT: Final = sha256(b"").digest()

SubtreeReader = Callable[[int, int], bytes]
"""(level, index) -> the hash of that perfect subtree; raises if it cannot be had."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf that holds `entry`, SHA-256(0x00 ‖ entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above `left` and `right`, SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def split_point(count: int) -> int:
    """Return the largest power of two strictly below `count` (count ≥ 2): the k of RFC 6962."""
    return 1 << (count - 1).bit_length() - 1


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over `leaf_hashes`, by the recursion of RFC 6962 §2.1 to the letter.

    It shares no code with the edge and the tiles, so that an audit can hold them against it.
    """
    if not leaf_hashes:
        return EMPTY_ROOT
    return _root_between(leaf_hashes, 0, len(leaf_hashes))


def _root_between(leaf_hashes: Sequence[bytes], start: int, end: int) -> bytes:
    if end - start == 1:
        return leaf_hashes[start]
    middle = start + split_point(end - start)
    return node_hash(
        _root_between(leaf_hashes, start, middle), _root_between(leaf_hashes, middle, end)
    )


def perfect_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (level, index) of the perfect subtrees that cover leaves start..end, left to right.

    `start` must be a multiple of the largest power of two ≤ end − start, as it is for every
    subtree of RFC 6962. At most 63 are yielded, each smaller than the one before.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def fold_right(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over the perfect subtrees `hashes`, given left to right (at least one)."""
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge: all that must be kept of a tree of `size` leaves to go on appending.

    hashes: those of the perfect subtrees from left to right, one for each 1 bit of `size`.
    """

    size: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        assert 0 <= self.size <= MAX_SIZE, f"tlog: an edge of {self.size} leaves"
        assert len(self.hashes) == self.size.bit_count(), "tlog: an edge of other hashes than size"


EMPTY_EDGE: Final = Edge(0, ())


def edge_append(edge: Edge, leaf_hash: bytes) -> Edge:
    """Return the edge after one more leaf; one node hash on average, 62 at worst."""
    return edge_extend(edge, (leaf_hash,))


def edge_extend(edge: Edge, leaf_hashes: Iterable[bytes]) -> Edge:
    """Return the edge after all of `leaf_hashes`, in their order."""
    size, hashes = edge.size, list(edge.hashes)
    for leaf in leaf_hashes:
        assert len(leaf) == HASH_SIZE, f"tlog: a leaf hash of {len(leaf)} bytes"
        top, complete = leaf, size
        while complete & 1:  # each trailing 1 is a perfect subtree that finds its right half now
            top = node_hash(hashes.pop(), top)
            complete >>= 1
        hashes.append(top)
        size += 1
    return Edge(size, tuple(hashes))


def edge_root(edge: Edge) -> bytes:
    """Return the root of the tree whose right edge is `edge`; at most 62 node hashes."""
    return fold_right(edge.hashes) if edge.hashes else EMPTY_ROOT
