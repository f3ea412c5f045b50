"""Inclusion and consistency proofs: made from perfect subtrees, checked from nothing but hashes.

Source: RFC 6962 §2.1.1 (PATH) and §2.1.2 (PROOF); the checkers are the iterative ones of
RFC 9162 §2.1.3.2 and §2.1.4.2, with the exact length of a proof required before any hashing.
Making and checking share no code but the hash of a node.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger import errors
from ledger.tlog import tree


def subtree_from_leaves(leaf_hashes: Sequence[bytes]) -> tree.SubtreeReader:
    """Return a reader of the perfect subtrees over a list in memory; hashes each node once."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)  # a last one without sibling stays out
        levels.append([tree.node_hash(left, right) for left, right in pairs])
    return lambda level, index: levels[level][index]


def inclusion(index: int, size: int, subtree: tree.SubtreeReader) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves, from the leaf upward.

    Raises ProofError if there is no such leaf, and whatever `subtree` raises.
    Source: RFC 6962 §2.1.1.
    """
    if not 0 <= index < size <= tree.MAX_SIZE:
        raise _invalid("inclusion", f"no leaf {index} in a tree of {size}", "index < size", index)
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + tree.split_point(end - start)
        if index < middle:
            path.append(_range_hash(middle, end, subtree))
            end = middle
        else:
            path.append(_range_hash(start, middle, subtree))
            start = middle
    return path[::-1]


def consistency(old_size: int, new_size: int, subtree: tree.SubtreeReader) -> list[bytes]:
    """Return the proof that the tree of `old_size` leaves is a prefix of that of `new_size`.

    Empty if the sizes are equal. Raises ProofError unless 1 ≤ old_size ≤ new_size (of the empty
    tree nothing can be proved), and whatever `subtree` raises. Source: RFC 6962 §2.1.2.
    """
    _require_sizes(old_size, new_size)
    path, start, end = [], 0, new_size
    while old_size != end:
        middle = start + tree.split_point(end - start)
        if old_size <= middle:
            path.append(_range_hash(middle, end, subtree))
            end = middle
        else:
            path.append(_range_hash(start, middle, subtree))
            start = middle
    if start > 0:  # else the old tree is itself a subtree of the new one, and its root is known
        path.append(_range_hash(start, end, subtree))
    return path[::-1]


def check_inclusion(
    proof: Sequence[bytes], *, size: int, root: bytes, index: int, leaf_hash: bytes
) -> None:
    """Check that the tree of `size` leaves with hash `root` holds `leaf_hash` at `index`.

    proof: 0 to 63 hashes of 32 bytes, from the leaf upward; for an index and a size exactly one
    length is right. Raises ProofError if that length differs or another root comes out.
    RFC 6962 does not bind the size: give `size` and `root` as one signed checkpoint states them.
    """
    if not 0 <= index < size <= tree.MAX_SIZE:
        raise _invalid("inclusion", f"no leaf {index} in a tree of {size}", "index < size", index)
    inner, border = _shape(index, size)
    _require_length("inclusion", proof, inner + border)
    _require_hashes("inclusion", [leaf_hash, *proof])
    result = leaf_hash
    for height, sibling in enumerate(proof):
        if height >= inner or index >> height & 1:
            result = tree.node_hash(sibling, result)
        else:
            result = tree.node_hash(result, sibling)
    _require_root("inclusion", result, root)


def check_consistency(
    proof: Sequence[bytes], *, old_size: int, old_root: bytes, new_size: int, new_root: bytes
) -> None:
    """Check that the tree (old_size, old_root) is a prefix of the tree (new_size, new_root).

    proof: 0 to 64 hashes of 32 bytes, in the order of RFC 6962 §2.1.2; none for equal sizes.
    Raises ProofError unless 1 ≤ old_size ≤ new_size, the length is the only right one, and the
    proof leads to both roots. (That an empty tree precedes every tree is for witnesses to say.)
    """
    _require_sizes(old_size, new_size)
    if old_size == new_size:
        _require_length("consistency", proof, 0)
        _require_root("consistency", old_root, new_root)
        return
    level = (old_size & -old_size).bit_length() - 1  # of the smallest perfect subtree of the old
    inner, border = _shape(old_size - 1, new_size)
    inner -= level
    known = old_size == 1 << level  # then the old tree is one perfect subtree: start from its root
    _require_length("consistency", proof, inner + border + (0 if known else 1))
    _require_hashes("consistency", [old_root, *proof])
    path = [old_root, *proof] if known else list(proof)
    old = new = path[0]
    turns = (old_size - 1) >> level
    for height, sibling in enumerate(path[1:]):
        if height >= inner or turns >> height & 1:
            old = tree.node_hash(sibling, old)
            new = tree.node_hash(sibling, new)
        else:  # to the right of the old tree: only the new one has it
            new = tree.node_hash(new, sibling)
    _require_root("consistency", old, old_root)
    _require_root("consistency", new, new_root)


def _range_hash(start: int, end: int, subtree: tree.SubtreeReader) -> bytes:
    return tree.fold_right([subtree(*where) for where in tree.perfect_subtrees(start, end)])


def _shape(index: int, size: int) -> tuple[int, int]:
    """Count the siblings of the path from `index`: up to the right edge, and along it."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _require_sizes(old_size: int, new_size: int) -> None:
    if not 1 <= old_size <= new_size <= tree.MAX_SIZE:
        wrong = f"cannot compare trees of {old_size} and {new_size} leaves"
        raise _invalid("consistency", wrong, "1 ≤ old ≤ new", old_size)


def _require_length(where: str, proof: Sequence[bytes], want: int) -> None:
    if len(proof) != want:
        raise _invalid(where, f"a proof of {len(proof)} hashes", str(want), len(proof))


def _require_hashes(where: str, hashes: Sequence[bytes]) -> None:
    for hash_ in hashes:
        if len(hash_) != tree.HASH_SIZE:
            raise _invalid(where, f"a hash of {len(hash_)} bytes", "32", hash_.hex())


def _require_root(where: str, got: bytes, want: bytes) -> None:
    if got != want:
        raise _invalid(where, f"leads to another root: {got.hex()}", want.hex(), got.hex())


def _invalid(where: str, wrong: str, want: str, value: object) -> errors.ProofError:
    return errors.ProofError(
        "PROOF_INVALID", f"{where}: {wrong}, want {want}", field="proof", value=value
    )
