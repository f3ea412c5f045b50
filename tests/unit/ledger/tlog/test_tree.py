"""The hashes of RFC 6962, the reference root, and the right edge against it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.tlog import tree

# The eight leaves that the reference implementations of RFC 6962 are tested with.
RFC_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
RFC_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [tree.leaf_hash(b"leaf %d" % i) for i in range(count)]


def test_leaf_hash_of_known_entries_is_known() -> None:
    assert tree.leaf_hash(b"").hex() == RFC_ROOTS[1]
    assert tree.leaf_hash(b"L123456").hex() == (
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )


def test_node_hash_of_known_halves_is_known() -> None:
    assert tree.node_hash(b"N123", b"N456").hex() == (
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


def test_empty_root_is_the_hash_of_nothing() -> None:
    assert tree.EMPTY_ROOT.hex() == RFC_ROOTS[0]
    assert tree.root([]) == tree.edge_root(tree.EMPTY_EDGE) == tree.EMPTY_ROOT


@pytest.mark.parametrize("size", range(9))
def test_root_and_edge_of_the_rfc_leaves_are_known(size: int) -> None:
    hashes = [tree.leaf_hash(bytes.fromhex(leaf)) for leaf in RFC_LEAVES[:size]]
    assert tree.root(hashes).hex() == RFC_ROOTS[size]
    assert tree.edge_root(tree.edge_extend(tree.EMPTY_EDGE, hashes)).hex() == RFC_ROOTS[size]


def test_edge_agrees_with_the_reference_at_every_size_to_600() -> None:
    hashes = leaves(600)
    edge = tree.EMPTY_EDGE
    for size in range(601):
        assert edge.size == size
        assert tree.edge_root(edge) == tree.root(hashes[:size])
        if size < 600:
            edge = tree.edge_append(edge, hashes[size])


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=12))
def test_edge_does_not_depend_on_how_leaves_are_grouped(groups: list[int]) -> None:
    hashes = leaves(sum(groups))
    edge, at = tree.EMPTY_EDGE, 0
    for count in groups:
        edge = tree.edge_extend(edge, hashes[at : at + count])
        at += count
    assert edge == tree.edge_extend(tree.EMPTY_EDGE, hashes)


def test_a_duplicated_last_leaf_changes_the_root() -> None:
    three = leaves(3)
    assert tree.root(three) != tree.root([*three, three[2]])


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (0, 1), (0, 7), (8, 13), (6, 7), (0, 2**63 - 1)]
)
def test_perfect_subtrees_cover_the_range_from_left_to_right(start: int, end: int) -> None:
    at, levels = start, []
    for level, index in tree.perfect_subtrees(start, end):
        assert index << level == at
        at += 1 << level
        levels.append(level)
    assert at == end
    assert levels == sorted(set(levels), reverse=True)


@pytest.mark.parametrize(("count", "split"), [(2, 1), (3, 2), (4, 2), (5, 4), (8, 4), (9, 8)])
def test_split_point_is_the_largest_power_of_two_strictly_below(count: int, split: int) -> None:
    assert tree.split_point(count) == split


def test_edge_at_the_largest_size_has_63_hashes_and_takes_no_more() -> None:
    edge = tree.Edge(tree.MAX_SIZE, (bytes(32),) * 63)
    assert len(tree.edge_root(edge)) == 32
    with pytest.raises(AssertionError, match="an edge of 9223372036854775808 leaves"):
        tree.edge_append(edge, bytes(32))


def test_edge_with_another_number_of_hashes_than_its_size_has_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="other hashes than size"):
        tree.Edge(3, (bytes(32),))


def test_edge_append_of_something_that_is_no_hash_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="a leaf hash of 31 bytes"):
        tree.edge_append(tree.EMPTY_EDGE, bytes(31))
