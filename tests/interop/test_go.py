"""Go's own tools (x/mod sumdb/note and sumdb/tlog) on logs of ours, and ours on a log of theirs.

What reads here was not written by us: Go's note.Open, TileHashReader, CheckRecord, CheckTree. Only
the paths, the three lines of a checkpoint and the cosignature are in reader.go, from C2SP's text.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from pathlib import Path

import pytest

from ledger.tlog import checkpoint, cosignature, note, proof, proof_file, tiles, tree
from tests.interop import go, layout

SIZES = [1, 255, 256, 257, 600]
VKEY = layout.SIGNER.verifier.vkey
WITNESS_VKEY = layout.WITNESS.cosigner.vkey


def leaves(start: int, end: int) -> list[bytes]:
    return [b"leaf %d" % n for n in range(start, end)]


def made(directory: Path, size: int) -> layout.Files:
    files = layout.Files(directory)
    files.grow(leaves(0, size))
    return files


@pytest.mark.parametrize("size", SIZES)
def test_go_reads_our_log(program: Path, tmp_path: Path, size: int) -> None:
    files = made(tmp_path / "log", size)
    with layout.serving(tmp_path / "log") as url:
        seen = go.read(program, "-url", url, "-vkey", VKEY, "-witnesses", WITNESS_VKEY)
    assert (seen["origin"], seen["size"]) == (layout.ORIGIN, size)
    assert seen["root"] == b64encode(files.root(size)).decode()
    assert seen["records"] == seen["inclusion"] == size
    assert seen["fallbacks"] == 0
    assert seen["cosigned"] == {"witness.example/go": layout.AT}


def test_go_follows_our_log_while_it_grows(program: Path, tmp_path: Path) -> None:
    files = made(tmp_path / "log", 1)
    steps = iter([2, 100, 255, 256, 257, 300, 512, 513, 600])
    pause = threading.Event()

    def grow() -> None:
        for size in steps:
            pause.wait(0.1)
            files.grow(leaves(len(files.entries), size))

    (tmp_path / "older").write_bytes(files.checkpoint(1))
    with layout.serving(tmp_path / "log") as url:
        thread = threading.Thread(target=grow)
        thread.start()
        try:
            older = str(tmp_path / "older")
            seen = go.read(
                program, "-url", url, "-vkey", VKEY, "-until", "600", "-older", older,
                "-witnesses", WITNESS_VKEY,
            )  # fmt: skip
        finally:
            thread.join()
    assert seen["size"] == seen["records"] == 600
    assert seen["consistency"] == len(seen["checkpoints"])
    assert len(seen["checkpoints"]) > 2


@pytest.mark.parametrize("size", [2, 257, 600])
def test_go_accepts_our_proof_files(program: Path, tmp_path: Path, size: int) -> None:
    files = made(tmp_path / "log", size)
    subtree = tiles.hash_reader(size, lambda *where: files.tiles[where])
    paths = []
    for index in sorted({0, 1, size // 2, size - 1}):
        hashes = proof.inclusion(index, size, subtree)
        file = proof_file.ProofFile(index, tuple(hashes), files.checkpoint(size), b"extra")
        paths.append(tmp_path / f"{index}.tlog-proof")
        paths[-1].write_bytes(proof_file.format_proof_file(file))
    with layout.serving(tmp_path / "log") as url:
        seen = go.read(program, "-url", url, "-vkey", VKEY, *map(str, paths))
        assert seen["proofs"] == len(paths)
        moved = paths[0].read_bytes().replace(b"index 0", b"index 1")
        paths[0].write_bytes(moved)
        done = go.run(program, "-url", url, "-vkey", VKEY, str(paths[0]))
        assert done.returncode == 1
        assert "0.tlog-proof" in done.stderr


def test_go_says_so_when_a_byte_of_the_log_is_changed(program: Path, tmp_path: Path) -> None:
    """Else the reader would prove nothing."""
    log = tmp_path / "log"
    made(log, 600)
    older = tmp_path / "older"
    older.write_bytes(checkpoint.sign_checkpoint(
        checkpoint.Checkpoint(layout.ORIGIN, 300, bytes(32)), [layout.SIGNER]
    ))  # fmt: skip
    with layout.serving(log) as url:
        arguments = ("-url", url, "-vkey", VKEY, "-witnesses", WITNESS_VKEY)
        for path in ("tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001",
                     "checkpoint"):  # fmt: skip
            good = (log / path).read_bytes()
            at = len(good) // 2
            (log / path).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert go.run(program, *arguments).returncode == 1, path
            (log / path).write_bytes(good)
        assert go.run(program, *arguments).returncode == 0
        forked = go.run(program, *arguments, "-older", str(older))
        assert "tree of 300 in tree of 600" in forked.stderr


GO_SKEY = (
    "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
)


@pytest.mark.parametrize("size", SIZES)
def test_we_read_a_log_that_go_made(program: Path, tmp_path: Path, size: int) -> None:
    """Checkpoint, tiles, bundles and cosignature: the bytes are those that we would write."""
    seed = (b"s" * 32).hex()
    done = go.run(
        program, "-make", str(tmp_path), "-skey", GO_SKEY, "-size", str(size),
        "-witness", "witness.example/w1", "-seed", seed, "-at", str(layout.AT),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    signer = note.parse_skey(GO_SKEY)
    signed = (tmp_path / "checkpoint").read_bytes()
    seen, opened = checkpoint.open_checkpoint(signed, [signer.verifier], signer.name)
    key = cosignature.key_from_seed("witness.example/w1", cosignature.ED25519, b"s" * 32)
    times = cosignature.verify_cosignatures(opened, {"w1": key.cosigner})
    assert (seen.size, times) == (size, {"w1": layout.AT})
    line = cosignature.cosign(opened.text, key, layout.AT)
    assert note.format_note(opened.text, [*opened.verified_signatures, line]) == signed

    def read(level: int, index: int) -> bytes:
        width = tiles.tile_width(max(level, 0), index, size)
        return (tmp_path / tiles.tile_path(level, index, width)).read_bytes()

    assert tiles.root_at(size, read) == seen.root
    bundles = range(-(-size // tiles.WIDTH))
    entries = [e for i in bundles for e in tiles.decode_bundle(read(tiles.ENTRIES, i))]
    assert entries == leaves(0, size)
    subtree = tiles.hash_reader(size, read)
    for index, leaf in enumerate(map(tree.leaf_hash, entries)):
        path = proof.inclusion(index, size, subtree)
        proof.check_inclusion(path, size=size, root=seen.root, index=index, leaf_hash=leaf)
    ours = layout.Files(tmp_path / "ours")
    ours.grow(entries)
    for (level, index), content in ours.tiles.items():
        assert read(level, index) == content
    for file in (tmp_path / "tile").glob("[0-9]/**/*"):  # Go writes every partial tile on the way
        if file.is_file():
            name = file.relative_to(tmp_path).as_posix()
            level, index, width = tiles.parse_tile_path(name)
            assert file.read_bytes() == ours.tiles[level, index][: 32 * width]
