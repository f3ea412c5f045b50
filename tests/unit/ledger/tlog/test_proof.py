"""Proofs: known ones, the public probes, and every proof at every size up to 130."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ledger import errors
from ledger.tlog import proof, tiles, tree

LIMIT = 130
ALL_BITS_LIMIT = 40  # up to this size all 256 bits of one hash of each proof are flipped, too
PROBES = Path(__file__).parents[5] / "shared" / "data" / "merkle-probes"

RFC_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
RFC_LEAVES += ["606162636465666768696a6b6c6d6e6f"]
# From the test log of Tessera: what it says, and proofs in it.
WORDS = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"


def rfc_hashes() -> list[bytes]:
    return [tree.leaf_hash(bytes.fromhex(leaf)) for leaf in RFC_LEAVES]


def word_hashes() -> list[bytes]:
    return [tree.leaf_hash(word.encode()) for word in WORDS.split()]


def hashes(text: str) -> list[bytes]:
    return [b64decode(word) for word in text.split()]


def from_tiles(leaf_hashes: list[bytes], size: int) -> tree.SubtreeReader:
    """Read the tree of `size` out of the tiles of all leaves, which may hold more than it has."""
    stored = tiles.add_leaves(0, leaf_hashes, no_tile)
    return tiles.hash_reader(size, lambda level, index: stored[level, index])


def no_tile(level: int, index: int) -> bytes:
    raise AssertionError(f"read tile {level}/{index}")


def refused(check: Callable[..., object], *args: Any, **kwargs: Any) -> bool:
    try:
        check(*args, **kwargs)
    except errors.ProofError as error:
        return error.code == "PROOF_INVALID"
    return False


def flip(hash_: bytes, bit: int) -> bytes:
    return (int.from_bytes(hash_, "big") ^ 1 << bit).to_bytes(32, "big")


KNOWN_INCLUSION = {
    "rfc 5 of 8": (
        rfc_hashes(),
        5,
        "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms= yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA= "
        "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
    ),
    "words 2 of 15": (
        word_hashes(),
        2,
        "9xWrP6pdBx5uKsS7mU1b9zWUPcw3mdoNCF55gM+5M2o= T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4= "
        "g0ZoeYWtIV8Q8i+4CmgqPnBvH2il107lyCgTQsyB7H4= 5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
    ),
    "words 14 of 15": (
        word_hashes(),
        14,
        "GiUtVP0XhIaZ/fl7ReMLgw+9YUtjFAt8kaTdfOe2u/I= 3cFRCtyHVxAUTugFyRgo30efbl+BVxdTQDIGg5H61SA= "
        "bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY=",
    ),
}
KNOWN_CONSISTENCY = {
    "rfc 6 to 8": (
        rfc_hashes(),
        6,
        "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o= yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA= "
        "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
    ),
    "rfc 2 to 5": (
        rfc_hashes()[:5],
        2,
        "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4= vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
    ),
    "words 6 to 15": (
        word_hashes(),
        6,
        "ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4= nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg= "
        "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co= 5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
    ),
}


@pytest.mark.parametrize("name", KNOWN_INCLUSION)
def test_known_inclusion_proofs_are_made_and_accepted(name: str) -> None:
    leaves, index, text = KNOWN_INCLUSION[name]
    made = proof.inclusion(index, len(leaves), proof.subtree_from_leaves(leaves))
    assert made == hashes(text)
    proof.check_inclusion(
        made, size=len(leaves), root=tree.root(leaves), index=index, leaf_hash=leaves[index]
    )


@pytest.mark.parametrize("name", KNOWN_CONSISTENCY)
def test_known_consistency_proofs_are_made_and_accepted(name: str) -> None:
    leaves, old, text = KNOWN_CONSISTENCY[name]
    made = proof.consistency(old, len(leaves), proof.subtree_from_leaves(leaves))
    assert made == hashes(text)
    proof.check_consistency(
        made,
        old_size=old,
        old_root=tree.root(leaves[:old]),
        new_size=len(leaves),
        new_root=tree.root(leaves),
    )


def test_all_196_public_probes_get_the_verdict_they_want() -> None:
    if not PROBES.is_dir():
        pytest.skip("the public probes (transparency-dev/merkle testdata) are not beside the repo")
    paths = sorted(PROBES.rglob("*.json"))
    assert len(paths) == 196
    verdicts = {str(path): refused(check_probe, json.loads(path.read_text())) for path in paths}
    wanted = {str(path): json.loads(path.read_text())["wantErr"] for path in paths}
    assert verdicts == wanted
    assert sum(wanted.values()) == 184


def check_probe(probe: dict[str, Any]) -> None:
    path = [b64decode(hash_) for hash_ in probe["proof"] or []]
    if "leafIdx" in probe:
        proof.check_inclusion(
            path,
            size=probe["treeSize"],
            root=b64decode(probe["root"]),
            index=probe["leafIdx"],
            leaf_hash=b64decode(probe["leafHash"]),
        )
    else:
        proof.check_consistency(
            path,
            old_size=probe["size1"],
            old_root=b64decode(probe["root1"]),
            new_size=probe["size2"],
            new_root=b64decode(probe["root2"]),
        )


@pytest.fixture(scope="module")
def grown() -> tuple[list[bytes], list[bytes]]:
    """Return the leaf hashes of the largest tree, and the root of every size up to it."""
    leaves = [tree.leaf_hash(b"leaf %d" % i) for i in range(LIMIT)]
    return leaves, [tree.root(leaves[:size]) for size in range(LIMIT + 1)]


def spoiled(made: list[bytes], bits: Iterator[int], size: int) -> Iterator[list[bytes]]:
    """Yield `made` with one bit flipped in each hash, and with a hash too few and too many."""
    for at, hash_ in enumerate(made):
        yield [*made[:at], flip(hash_, next(bits) % 256), *made[at + 1 :]]
    if made and size <= ALL_BITS_LIMIT:
        at = next(bits) % len(made)
        for bit in range(256):
            yield [*made[:at], flip(made[at], bit), *made[at + 1 :]]
    if made:
        yield made[1:]
        yield made[:-1]
    yield [*made, bytes(32)]
    yield [bytes(32), *made]


def test_every_inclusion_proof_holds_and_no_spoiled_one_does(
    grown: tuple[list[bytes], list[bytes]],
) -> None:
    leaves, roots = grown
    in_memory, bits, cases = proof.subtree_from_leaves(leaves), count(), 0
    for size in range(1, LIMIT + 1):
        in_tiles = from_tiles(leaves, size)
        for index in range(size):
            head = {"size": size, "root": roots[size], "index": index, "leaf_hash": leaves[index]}
            made = proof.inclusion(index, size, in_memory)
            assert made == proof.inclusion(index, size, in_tiles)
            proof.check_inclusion(made, **head)  # type: ignore[arg-type]
            for bad in spoiled(made, bits, size):
                assert refused(proof.check_inclusion, bad, **head), (index, size)
            cases += 1
    assert cases == LIMIT * (LIMIT + 1) // 2


def test_every_consistency_proof_holds_and_no_spoiled_one_does(
    grown: tuple[list[bytes], list[bytes]],
) -> None:
    leaves, roots = grown
    in_memory, bits, cases = proof.subtree_from_leaves(leaves), count(), 0
    for new in range(1, LIMIT + 1):
        in_tiles = from_tiles(leaves, new)
        for old in range(1, new + 1):
            heads = {
                "old_size": old,
                "old_root": roots[old],
                "new_size": new,
                "new_root": roots[new],
            }
            made = proof.consistency(old, new, in_memory)
            assert made == proof.consistency(old, new, in_tiles)
            proof.check_consistency(made, **heads)  # type: ignore[arg-type]
            for bad in spoiled(made, bits, new):
                assert refused(proof.check_consistency, bad, **heads), (old, new)
            cases += 1
    assert cases == LIMIT * (LIMIT + 1) // 2


@pytest.mark.parametrize("size", [2, 3, 7, 8, 13, 100])
def test_every_single_bit_of_a_proof_and_its_heads_counts(size: int) -> None:
    leaves = [tree.leaf_hash(b"leaf %d" % i) for i in range(size)]
    in_memory, root, old = proof.subtree_from_leaves(leaves), tree.root(leaves), size - 1
    included = proof.inclusion(old, size, in_memory)
    consistent = proof.consistency(old, size, in_memory)
    for bit in range(256):
        for at, hash_ in enumerate([*included, leaves[old], root]):
            parts = [*included, leaves[old], root]
            parts[at] = flip(hash_, bit)
            *path, leaf, top = parts
            assert refused(
                proof.check_inclusion, path, size=size, root=top, index=old, leaf_hash=leaf
            )
        for at, hash_ in enumerate([*consistent, tree.root(leaves[:old]), root]):
            parts = [*consistent, tree.root(leaves[:old]), root]
            parts[at] = flip(hash_, bit)
            *path, before, after = parts
            heads = {"old_size": old, "old_root": before, "new_size": size, "new_root": after}
            assert refused(proof.check_consistency, path, **heads)


def test_check_inclusion_at_another_index_fails(grown: tuple[list[bytes], list[bytes]]) -> None:
    leaves, roots = grown
    subtree = proof.subtree_from_leaves(leaves)
    for index in range(64):
        made = proof.inclusion(index, 64, subtree)
        for other in range(-1, 66):
            if other != index:
                assert refused(
                    proof.check_inclusion,
                    made,
                    size=64,
                    root=roots[64],
                    index=other,
                    leaf_hash=leaves[index],
                )


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3), (0, 2**63), (2**63, 2**64)])
def test_inclusion_outside_the_tree_is_refused_by_maker_and_checker(index: int, size: int) -> None:
    wrong = f"inclusion: no leaf {index} in a tree of {size}"
    with pytest.raises(errors.ProofError, match=wrong):
        proof.inclusion(index, size, no_tile)
    with pytest.raises(errors.ProofError, match=wrong):
        proof.check_inclusion([], size=size, root=bytes(32), index=index, leaf_hash=bytes(32))


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (-1, 5), (6, 5), (1, 2**63)])
def test_consistency_of_impossible_sizes_is_refused_by_maker_and_checker(
    old: int, new: int
) -> None:
    wrong = f"consistency: cannot compare trees of {old} and {new} leaves"
    with pytest.raises(errors.ProofError, match=wrong):
        proof.consistency(old, new, no_tile)
    with pytest.raises(errors.ProofError, match=wrong):
        proof.check_consistency(
            [], old_size=old, old_root=bytes(32), new_size=new, new_root=bytes(32)
        )


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_check_inclusion_with_hashes_of_another_length_fails(length: int) -> None:
    left, right = bytes(length), bytes(64 - length)
    forged = tree.node_hash(left, right)  # the cut between the halves is not in what is hashed
    assert refused(proof.check_inclusion, [right], size=2, root=forged, index=0, leaf_hash=left)
    assert refused(
        proof.check_consistency, [right], old_size=1, old_root=left, new_size=2, new_root=forged
    )


def test_a_refused_proof_says_where_what_and_what_was_wanted() -> None:
    with pytest.raises(errors.ProofError) as caught:
        proof.check_inclusion([], size=3, root=bytes(32), index=1, leaf_hash=bytes(32))
    assert caught.value.message == "inclusion: a proof of 0 hashes, want 2"
    with pytest.raises(errors.ProofError) as caught:
        proof.check_consistency([], old_size=3, old_root=bytes(32), new_size=3, new_root=b"\1" * 32)
    assert caught.value.message == (
        f"consistency: leads to another root: {'00' * 32}, want {'01' * 32}"
    )


def equal_leaves() -> list[bytes]:
    """Return, by level, the hash of every perfect subtree of a tree whose leaves are all equal."""
    levels = [tree.leaf_hash(b"")]
    for _ in range(63):
        levels.append(tree.node_hash(levels[-1], levels[-1]))
    return levels


@pytest.mark.parametrize("size", [2**63 - 1, 2**62 + 1, 2**40 + 12345])
def test_proofs_hold_in_trees_as_large_as_allowed(size: int) -> None:
    levels = equal_leaves()

    def subtree(level: int, index: int) -> bytes:
        assert (index + 1) << level <= size
        return levels[level]

    def root_of(count: int) -> bytes:
        return tree.fold_right([levels[level] for level, _ in tree.perfect_subtrees(0, count)])

    for index in (0, 1, size // 3, 2**40, size - 1):
        made = proof.inclusion(index, size, subtree)
        assert len(made) <= 63
        proof.check_inclusion(made, size=size, root=root_of(size), index=index, leaf_hash=levels[0])
    for old in (1, 2, size // 3, 2**40, size - 1, size):
        heads = {"old_size": old, "old_root": root_of(old), "new_size": size}
        made = proof.consistency(old, size, subtree)
        assert len(made) <= 64
        proof.check_consistency(made, **heads, new_root=root_of(size))  # type: ignore[arg-type]
