"""Tiles against the edge and the reference root, tile paths, and entry bundles."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import errors
from ledger.tlog import proof, tiles, tree


class Store:
    """Tiles in memory, filled as a sequencer would; counts what is read."""

    def __init__(self) -> None:
        self.size = 0
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.reads: list[tuple[int, int]] = []

    def read(self, level: int, index: int) -> bytes:
        self.reads.append((level, index))
        return self.tiles[level, index]

    def add(self, leaf_hashes: list[bytes]) -> dict[tuple[int, int], bytes]:
        changed = tiles.add_leaves(self.size, leaf_hashes, self.read)
        self.tiles.update(changed)
        self.size += len(leaf_hashes)
        return changed


def fake_leaves(start: int, end: int) -> list[bytes]:
    return [i.to_bytes(32, "big") for i in range(start, end)]


@pytest.fixture(scope="module")
def large() -> Store:
    """A store of 65,538 leaves, grown in uneven batches."""
    store = Store()
    batches = [1, 254, 1, 1, 1, 700, 65_536 - 958 - 1, 1, 1, 1]
    for batch in batches:
        store.add(fake_leaves(store.size, store.size + batch))
    assert store.size == 65_538
    return store


BOUNDARIES = [0, 1, 2, 255, 256, 257, 258, 511, 512, 513, 65_535, 65_536, 65_537, 65_538]


@pytest.mark.parametrize("size", BOUNDARIES)
def test_tiles_edge_and_reference_agree_across_the_boundaries(large: Store, size: int) -> None:
    leaves = fake_leaves(0, size)
    want = tree.root(leaves)
    edge = tree.edge_extend(tree.EMPTY_EDGE, leaves)
    assert tree.edge_root(edge) == want
    assert tiles.edge_at(size, large.read) == edge
    assert tiles.root_at(size, large.read) == want


@pytest.mark.parametrize(("old", "new"), [(255, 256), (256, 65_537), (65_535, 65_538), (1, 257)])
def test_proofs_from_tiles_hold_across_the_boundaries(large: Store, old: int, new: int) -> None:
    roots = {size: tree.root(fake_leaves(0, size)) for size in (old, new)}
    subtree = tiles.hash_reader(new, large.read)
    proof.check_consistency(
        proof.consistency(old, new, subtree),
        old_size=old,
        old_root=roots[old],
        new_size=new,
        new_root=roots[new],
    )
    for index in (0, old - 1, old, new - 1):
        (leaf,) = fake_leaves(index, index + 1)
        made = proof.inclusion(index, new, subtree)
        proof.check_inclusion(made, size=new, root=roots[new], index=index, leaf_hash=leaf)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=6))
def test_growing_in_any_batches_stores_the_same_tiles(batches: list[int]) -> None:
    grown, at_once = Store(), Store()
    for batch in batches:
        grown.add(fake_leaves(grown.size, grown.size + batch))
    at_once.add(fake_leaves(0, sum(batches)))
    assert grown.tiles == at_once.tiles


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1500), st.integers(1, 700))
def test_add_leaves_returns_exactly_the_tiles_that_change(size: int, batch: int) -> None:
    store = Store()
    store.add(fake_leaves(0, size))
    before = dict(store.tiles)
    changed = store.add(fake_leaves(size, size + batch))
    assert all(before.get(key) != tile for key, tile in changed.items())
    assert all(changed[key].startswith(before[key]) for key in changed.keys() & before.keys())
    for (level, index), tile in store.tiles.items():
        assert len(tile) == 32 * tiles.tile_width(level, index, size + batch) > 0


def test_adding_nothing_changes_and_reads_nothing() -> None:
    assert tiles.add_leaves(300, [], Store().read) == {}


def test_tiles_hold_the_hashes_the_format_says() -> None:
    store = Store()
    leaves = fake_leaves(0, 513)
    store.add(leaves)
    assert store.tiles.keys() == {(0, 0), (0, 1), (0, 2), (1, 0)}
    assert store.tiles[0, 1] == b"".join(leaves[256:512])
    assert store.tiles[0, 2] == leaves[512]
    assert store.tiles[1, 0] == tree.root(leaves[:256]) + tree.root(leaves[256:512])


def test_tile_widths_of_70000_leaves_are_those_of_the_specification() -> None:
    def widths(level: int, indexes: range) -> list[int]:
        return [tiles.tile_width(level, index, 70_000) for index in indexes]

    assert widths(0, range(275)) == [256] * 273 + [112, 0]
    assert widths(1, range(3)) == [256, 17, 0]
    assert widths(2, range(2)) == [1, 0]
    assert widths(3, range(1)) == [0]
    assert [tiles.tile_width(level, 0, 256) for level in range(3)] == [256, 1, 0]


def test_a_proof_reads_at_most_two_tiles_a_level_and_none_twice(large: Store) -> None:
    for index in (0, 300, 65_279, 65_280, 65_537):
        large.reads.clear()
        proof.inclusion(index, 65_538, tiles.hash_reader(65_538, large.read))
        assert len(large.reads) == len(set(large.reads)) <= 6
    large.reads.clear()
    tiles.edge_at(65_538, large.read)
    assert sorted(large.reads) == [(0, 256), (2, 0)]


def test_an_append_reads_at_most_one_tile_a_level() -> None:
    store = Store()
    store.add(fake_leaves(0, 65_535))
    store.reads.clear()
    assert store.add(fake_leaves(65_535, 65_537)).keys() == {
        (0, 255),
        (0, 256),
        (1, 0),
        (1, 0),
        (2, 0),
    }
    assert store.reads == [(0, 255), (1, 0)]


def test_tiles_agree_with_the_edge_in_trees_as_large_as_allowed() -> None:
    """With all leaves equal, every perfect subtree of a level has one hash, and tiles repeat it."""
    levels = [tree.leaf_hash(b"")]
    for _ in range(63):
        levels.append(tree.node_hash(levels[-1], levels[-1]))

    def read(level: int, index: int) -> bytes:
        return levels[8 * level] * 256

    for size in (tree.MAX_SIZE, 2**62, 2**56 - 1, 2**24 + 1):
        edge = tiles.edge_at(size, read)
        where = tree.perfect_subtrees(0, size)
        assert edge.hashes == tuple(levels[level] for level, _ in where)
    size = 2**40 - 500
    changed = tiles.add_leaves(size, [levels[0]] * 1000, read)
    assert max(changed) == (5, 0)
    for (level, index), tile in changed.items():
        assert tile == levels[8 * level] * tiles.tile_width(level, index, size + 1000)


@pytest.mark.parametrize("cut", [0, 31, 32 * 43])
def test_a_stored_tile_that_is_too_short_is_corrupt_and_named(cut: int) -> None:
    store = Store()
    store.add(fake_leaves(0, 300))
    store.tiles[0, 1] = store.tiles[0, 1][:cut]
    with pytest.raises(errors.CorruptError, match="tile/0/001: ") as caught:
        store.add(fake_leaves(300, 301))
    assert caught.value.code == "STORE_CORRUPT"
    with pytest.raises(errors.CorruptError, match="tile/0/001: "):
        tiles.root_at(300, store.read)


def test_a_missing_tile_is_what_the_reader_says_it_is() -> None:
    with pytest.raises(KeyError):
        tiles.root_at(300, Store().read)


def test_one_flipped_bit_in_any_tile_gives_another_root() -> None:
    store = Store()
    store.add(fake_leaves(0, 258))
    right = tiles.root_at(258, store.read)
    for key in ((0, 1), (1, 0)):  # the full tile below is summarised, so no root reads it
        good = store.tiles[key]
        store.tiles[key] = good[:-1] + bytes([good[-1] ^ 1])
        assert tiles.root_at(258, store.read) != right
        store.tiles[key] = good


def test_reading_a_subtree_outside_the_tree_is_a_bug(large: Store) -> None:
    subtree = tiles.hash_reader(300, large.read)
    assert subtree(8, 0) == tree.root(fake_leaves(0, 256))
    for level, index in ((0, 300), (2, 75), (8, 1), (9, 0), (0, -1)):
        with pytest.raises(AssertionError, match="in a tree of 300"):
            subtree(level, index)


def test_leaf_hashes_of_another_length_are_a_bug() -> None:
    with pytest.raises(AssertionError, match="not 32 bytes"):
        tiles.add_leaves(0, [bytes(31)], Store().read)


PATHS = {
    "tile/0/000": (0, 0, 256),
    "tile/0/255": (0, 255, 256),
    "tile/0/256": (0, 256, 256),
    "tile/0/x001/000": (0, 1000, 256),
    "tile/0/x001/x234/067": (0, 1_234_067, 256),
    "tile/0/x001/x234/067.p/8": (0, 1_234_067, 8),
    "tile/1/000.p/1": (1, 0, 1),
    "tile/5/x123/x456/078.p/2": (5, 123_456_078, 2),
    "tile/15/x123/x456/789.p/41": (15, 123_456_789, 41),
    "tile/63/000.p/255": (63, 0, 255),
    "tile/0/x009/x223/x372/x036/x854/x775/807": (0, 2**63 - 1, 256),
    "tile/entries/000.p/3": (tiles.ENTRIES, 0, 3),
    "tile/entries/x003/x057/500": (tiles.ENTRIES, 3_057_500, 256),
    # transparency-dev/tessera api/layout
    "tile/0/x001/x234/067.p/89": (0, 1_234_067, 89),
    "tile/63/x999/x999/x999/x999/x999/999.p/255": (63, 999_999_999_999_999_999, 255),
    "tile/15/x455/667": (15, 455_667, 256),
    "tile/3/x001/x234/567": (3, 1_234_567, 256),
    "tile/entries/255.p/253": (tiles.ENTRIES, 255, 253),
    "tile/entries/x123/x456/x789/000": (tiles.ENTRIES, 123_456_789_000, 256),
    # golang/mod sumdb/tlog, without the height that C2SP paths do not have
    "tile/0/001": (0, 1, 256),
    "tile/5/x123/x456/078": (5, 123_456_078, 256),
    "tile/0/x003/x057/500": (0, 3_057_500, 256),
}


@pytest.mark.parametrize("path", PATHS)
def test_tile_paths_are_written_and_read(path: str) -> None:
    assert tiles.tile_path(*PATHS[path]) == path
    assert tiles.parse_tile_path(path) == PATHS[path]


NO_PATHS = """
tile/3/5/123/456/078 tile/3/-1/123/456/078 tile/-1/000 tile/0/-1 tile/0/-01 tile/0/000.p/0
tile/0/000.p/256 tile/0/000.p/01 tile/0/000.p/1000 tile/0/000.p/ tile/0/000.p tile/0/000.p/-1
tile/0/000.p/+1 tile/0/0 tile/0/00 tile/0/0000 tile/0/1000 tile/0/x000/000 tile/0/x000/001
tile/0/x000/x001/000 tile/0/001/000 tile/0/x001/x000 tile/0/x001 tile/0/X001/000 tile/0/x1/000
tile/0/x001/0 tile/00/000 tile/01/000 tile/64/000 tile/100/000 tile/+1/000 tile/1_0/000 tile//000
tile/0/ tile/0 tile tile/ tile/data/000 tile/entries/entries tile/Entries/000 /tile/0/000
tile/0/000/ tile/0//000 tile/0/000.P/1 tile/0/000.p/1/ tile/0/000?x tile/0/../000 tile/0/1e3
tile/0/x001/x234/067.p/ tile/0/x001/x234/067.p tile/0/x001/x234/ tile/0/x001/x234 tile/0/x001/
tile/1/x001/.p/abc tile/64/x001/002 tile/-1/x001/002 tile/abc/x001/002 tile/8/001/002
tile/8/x001/0002 tile/8/x001/-002 tile/8/x001/002.p/256 tile/8/0/000 tile/0/data/x003/x057/500
tile/0/x009/x223/x372/x036/x854/x775/808 tile/0/x001/x000/x000/x000/x000/x000/x000/000
""".split()


@pytest.mark.parametrize(
    "path",
    [*NO_PATHS, "", "tile/0/000\n", "\ntile/0/000", "tile/0/ 00", "tile/0/٠٠٠", "tile/٠/000",
     "tile/0/000.p/١", "tile/0/000\u2028", "tile/0/000.p/1\x00", "tile/0/²00"],
)  # fmt: skip
def test_any_other_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(errors.FormatError) as caught:
        tiles.parse_tile_path(path)
    assert caught.value.code == "NOT_FOUND"


@given(st.integers(tiles.ENTRIES, 63), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_every_tile_path_reads_back(level: int, index: int, width: int) -> None:
    assert tiles.parse_tile_path(tiles.tile_path(level, index, width)) == (level, index, width)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["0", "63", "entries", "00", "64", "٠"]),
    st.lists(st.sampled_from(["x001", "x000", "x999", "001", "x٠٠١"]), max_size=3),
    st.sampled_from(["000", "067", "67", "1000", "٠٠٠"]),
    st.sampled_from(["", ".p/1", ".p/255", ".p/0", ".p/256", ".p/01", ".p/١", "\n"]),
)
def test_a_path_that_is_taken_is_the_one_way_to_write_it(
    level: str, high: list[str], low: str, partial: str
) -> None:
    path = "/".join(["tile", level, *high, low]) + partial
    try:
        named = tiles.parse_tile_path(path)
    except errors.FormatError:
        return
    assert path.isascii()
    assert tiles.tile_path(*named) == path


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 256, "tile/entries/000"),
        (255, 256, "tile/entries/000"),
        (251, 255, "tile/entries/000.p/255"),
        (256, 512, "tile/entries/001"),
        (256, 257, "tile/entries/001.p/1"),
        (123_456_789 * 256, 123_456_790 * 256, "tile/entries/x123/x456/789"),
    ],
)
def test_bundle_of_an_entry_is_where_tessera_looks_for_it(index: int, size: int, path: str) -> None:
    bundle = index // tiles.WIDTH
    assert tiles.tile_path(tiles.ENTRIES, bundle, tiles.tile_width(0, bundle, size)) == path


def test_bundle_of_the_tessera_log_is_known() -> None:
    bundle = bytes.fromhex("00036f6e65000374776f00057468726565")
    assert tiles.encode_bundle([b"one", b"two", b"three"]) == bundle
    assert tiles.decode_bundle(bundle) == [b"one", b"two", b"three"]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_every_bundle_reads_back(entries: list[bytes]) -> None:
    assert tiles.decode_bundle(tiles.encode_bundle(entries)) == entries


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=3)), max_size=3))
def test_bytes_that_are_taken_for_a_bundle_encode_to_themselves(
    parts: list[tuple[int, bytes]],
) -> None:
    data = b"".join(length.to_bytes(2, "big") + entry for length, entry in parts)
    try:
        entries = tiles.decode_bundle(data)
    except errors.FormatError:
        return
    assert tiles.encode_bundle(entries) == data


def test_largest_entry_fits_a_bundle_and_one_byte_more_does_not() -> None:
    largest = bytes(65_535)
    assert tiles.decode_bundle(tiles.encode_bundle([largest, b""])) == [largest, b""]
    with pytest.raises(errors.FormatError) as caught:
        tiles.encode_bundle([bytes(65_536)])
    assert caught.value.code == "ENTRY_TOO_LARGE"


@pytest.mark.parametrize("bundle", ["", "00", "0001", "00016100", "000261", "0000" * 257])
def test_bundle_that_is_empty_cut_or_too_long_is_refused(bundle: str) -> None:
    with pytest.raises(errors.FormatError) as caught:
        tiles.decode_bundle(bytes.fromhex(bundle))
    assert caught.value.code == "ENTRY_INVALID"
