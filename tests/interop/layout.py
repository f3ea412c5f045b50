"""A log of ours as files in the layout of C2SP tlog-tiles, and a web server over them."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ledger.tlog import checkpoint, cosignature, note, tiles, tree

ORIGIN = "log.example/interop"
SIGNER = note.parse_skey(note.generate_skey(ORIGIN, bytes(range(32))))
WITNESS = cosignature.key_from_seed("witness.example/go", cosignature.ED25519, b"w" * 32)
AT = 1_772_409_600


class Files:
    """Grows a log in a directory: first the tiles and bundles, then the checkpoint over them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.entries: list[bytes] = []
        self.tiles: dict[tuple[int, int], bytes] = {}

    def grow(self, entries: Sequence[bytes]) -> None:
        start, self.entries = len(self.entries), [*self.entries, *entries]
        leaves = [tree.leaf_hash(entry) for entry in entries]
        size = len(self.entries)
        self.tiles |= tiles.add_leaves(start, leaves, lambda *where: self.tiles[where])
        for (level, index), content in self.tiles.items():
            self._put(tiles.tile_path(level, index, len(content) // 32), content)
        for index in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
            some = self.entries[index * tiles.WIDTH : (index + 1) * tiles.WIDTH]
            path = tiles.tile_path(tiles.ENTRIES, index, len(some))
            self._put(path, tiles.encode_bundle(some))
        self._put("checkpoint", self.checkpoint(size))

    def root(self, size: int) -> bytes:
        return tiles.root_at(size, lambda *where: self.tiles[where])

    def checkpoint(self, size: int) -> bytes:
        """The checkpoint at a size, cosigned."""
        head = checkpoint.Checkpoint(ORIGIN, size, self.root(size))
        signed = note.parse_note(checkpoint.sign_checkpoint(head, [SIGNER]))
        line = cosignature.cosign(signed.text, WITNESS, AT)
        return note.format_note(signed.text, [*signed.unverified, line])

    def _put(self, path: str, content: bytes) -> None:
        where = self.directory / path
        if where.exists() and where.read_bytes() == content:
            return
        where.parent.mkdir(parents=True, exist_ok=True)
        part = where.with_name(f"{where.name}.new")
        part.write_bytes(content)
        part.replace(where)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[str]:
    """The address of a web server over a directory."""
    handler = functools.partial(_Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
