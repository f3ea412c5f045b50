"""Reading somebody's log: what is let through hashes up to the root, the rest is refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import fetching, tilesource
from ledger.errors import CODES, LedgerError
from ledger.tlog import checkpoint, note, proof, tiles, tree
from tests.monitor import logs

SIZE = 70_000  # levels 0 to 2, a partial tile on each
ENTRIES = [b"entry %d" % n for n in range(SIZE)]
HASHES = [tree.leaf_hash(entry) for entry in ENTRIES]
FILES = logs.static(ENTRIES)
ROOT = tree.root(HASHES)
WORDS = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"


def memory(files: logs.Files) -> tilesource.Source:
    return tilesource.Source("memory", lambda path, most: files.get(path))


def refused(call: Callable[[], object]) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        call()
    assert caught.value.code in CODES
    assert caught.value.hint
    return caught.value


opened: list[tilesource.Source] = []


def reader(where: str, api_key: str = "") -> tilesource.Source:
    opened.append(tilesource.open_source(where, api_key))
    return opened[-1]


@pytest.fixture(autouse=True)
def _quick_and_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(fetching, "PAUSES_S", (0, 0))
    monkeypatch.setattr(fetching, "BUSY_MAX_S", 0)
    yield
    while opened:
        opened.pop().close()


def test_a_log_of_somebody_else_is_read_from_a_directory_and_from_the_web(tmp_path: Path) -> None:
    # transparency-dev/tessera testdata/log, at size 15
    skey = (
        "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
    )
    words = [word.encode() for word in WORDS.split()]
    root = tree.root([tree.leaf_hash(word) for word in words])
    files = logs.static(words, logs.sign(15, root, "example.com/log/testdata", skey))
    key = note.parse_skey(skey).verifier
    with logs.serve(files.get) as web:
        for where in (str(logs.write(files, tmp_path)), web.url, f"{web.url}/"):
            source = reader(where)
            signed, _ = checkpoint.open_checkpoint(source.checkpoint(), [key])
            tree_ = tilesource.Tree(source, signed.size, signed.root)
            assert list(tree_.entries(0, 15)) == words
            assert tree_.root_at(8).hex().startswith("6c2f95c2fac96da94d5637e4748f24520b3b989a")
    assert ("/prefix/tile/entries/000.p/15", "") in web.asked


def test_every_size_of_a_tree_has_the_root_that_it_had() -> None:
    read = tilesource.Tree(memory(FILES), SIZE, ROOT)
    for size in (0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537, SIZE - 1, SIZE):
        assert read.root_at(size) == tree.root(HASHES[:size])
        read.check_prefix(size, tree.root(HASHES[:size]), "the old one")
    assert list(read.leaf_hashes(250, 520)) == HASHES[250:520]
    assert list(read.entries(511, 513)) == ENTRIES[511:513]
    assert list(read.entries(SIZE - 1, SIZE)) == ENTRIES[-1:]
    assert list(read.entries(5, 5)) == []
    path = proof.inclusion(33_333, SIZE, read.subtree)
    proof.check_inclusion(path, size=SIZE, root=ROOT, index=33_333, leaf_hash=HASHES[33_333])
    assert tilesource.Tree(memory({}), 0, tree.EMPTY_ROOT).root_at(0) == tree.EMPTY_ROOT


def test_two_histories_are_told_with_both_roots() -> None:
    read = tilesource.Tree(memory(FILES), SIZE, ROOT)
    error = refused(lambda: read.check_prefix(300, bytes(32), "the checkpoint of Monday"))
    assert error.code == "LOG_FORKED"
    assert tree.root(HASHES[:300]).hex() in error.message
    assert "the checkpoint of Monday" in error.message


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/100", "tile/0/273.p/112", "tile/1/000",
                                  "tile/1/001.p/17", "tile/2/000.p/1"])  # fmt: skip
def test_a_tile_with_one_bit_turned_is_never_used(path: str) -> None:
    for at in (0, len(FILES[path]) - 1):
        damaged = bytearray(FILES[path])
        damaged[at] ^= 1
        source = memory(FILES | {path: bytes(damaged)})
        error = refused(lambda: list(tilesource.Tree(source, SIZE, ROOT).leaf_hashes(0, SIZE)))  # noqa: B023
        assert error.code == "PROOF_INVALID"


def test_another_entry_than_the_tree_has_is_refused_by_its_number() -> None:
    some = [*ENTRIES[256:300], b"forged", *ENTRIES[301:512]]
    source = memory(FILES | {"tile/entries/001": tiles.encode_bundle(some)})
    error = refused(lambda: list(tilesource.Tree(source, SIZE, ROOT).entries(0, 600)))
    assert (error.code, "entry 300 is another" in error.message) == ("PROOF_INVALID", True)


def test_a_full_tile_stands_in_for_a_partial_one() -> None:
    old = 300  # its tiles 0/001.p/44 and entries/001.p/44 are gone since the tree grew
    read = tilesource.Tree(memory(FILES), old, tree.root(HASHES[:old]))
    assert list(read.entries(0, old)) == ENTRIES[:old]


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (logs.Said(404), "give the prefix"),
        (logs.Said(401), "API key"),
        (logs.Said(403), "API key"),
        (logs.Said(302, headers={"Location": "https://elsewhere.example/"}), "elsewhere.example"),
        (logs.Said(500), "status 500"),
        (logs.Said(429, headers={"Retry-After": "7"}), "status 429"),
        (logs.Said(200, bytes(65_537)), "more than 65536 bytes"),
        (logs.Said(200, b"short", promised=50), "ProtocolError"),
        (logs.Said(200, b"no", {"Content-Encoding": "gzip"}), "not gzip"),
        (logs.Said(200, b"no", {"Content-Encoding": "br"}), "content encoding"),
        (logs.Said(200, gzip.compress(b"note")[:-4], {"Content-Encoding": "gzip"}), "breaks off"),
        (logs.Said(200, gzip.compress(bytes(2**26)), {"Content-Encoding": "gzip"}), "more than"),
    ],
)
def test_an_answer_that_is_none_is_refused_with_its_address(said: logs.Said, names: str) -> None:
    with logs.serve(lambda path: said) as web:
        error = refused(reader(web.url).checkpoint)
    assert error.code == "SOURCE_UNREADABLE"
    assert f"{web.url}/checkpoint" in error.message
    assert names in error.message + error.hint
    asked = {500: 3, 429: fetching.BUSY_MAX + 1}.get(said.status, 1 if said.promised is None else 3)
    assert len(web.asked) == asked


def test_closed_entries_ask_for_a_key_with_scope_audit() -> None:
    with logs.serve(lambda path: logs.Said(401)) as web:
        error = refused(lambda: reader(web.url).bundle(0, 3))
    assert "scope audit" in error.hint


def test_a_server_that_recovers_is_asked_again_and_gzip_is_read() -> None:
    answers = [logs.Said(503), logs.Said(200, gzip.compress(b"note"), {"Content-Encoding": "gzip"})]
    with logs.serve(lambda path: answers.pop(0)) as web:
        assert reader(web.url, "rmk_key").checkpoint() == b"note"
    assert {key for _, key in web.asked} == {"Bearer rmk_key"}


def test_nobody_listens() -> None:
    with logs.serve(lambda path: None) as web:
        pass
    assert "ConnectError" in refused(reader(web.url).checkpoint).message


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ("ftp://log.example/", ""),
        ("https://", ""),
        ("https://log.example:port/", ""),
        ("https://user:secret@log.example/", ""),
        ("https://user:secret@log.example:port/", ""),
        ("https://log.example/?a=b", ""),
        ("http://log.example/prefix", "rmk_key"),
        ("https://log.example/prefix", "rmk\nkey"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_before_anything_is_sent(
    where: str, key: str
) -> None:
    error = refused_parameter(lambda: tilesource.open_source(where, key))
    assert "secret" not in error.message
    assert not key or key not in error.message


def refused_parameter(call: Callable[[], object]) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        call()
    assert caught.value.code == "PARAMETER_INVALID"
    assert caught.value.hint
    return caught.value


def test_a_directory_says_what_is_missing(tmp_path: Path) -> None:
    refused(lambda: tilesource.open_source(str(tmp_path / "none")))
    source = tilesource.open_source(str(tmp_path))
    assert "nothing there" in refused(source.checkpoint).message
    (tmp_path / "checkpoint").mkdir()
    assert "Is a directory" in refused(source.checkpoint).message
    logs.write({"tile/0/000.p/2": bytes(63), "tile/entries/000": b"\x00"}, tmp_path)
    assert "63 bytes, want 64" in refused(lambda: source.tile(0, 0, 2)).message
    assert "tile/entries/000" in refused(lambda: source.bundle(0, 2)).message
