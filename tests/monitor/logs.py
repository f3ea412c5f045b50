"""Logs as static files, and a web server that gives them, or what a test wants instead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ledger.tlog import checkpoint, note, tiles, tree

ORIGIN = "log.example/test"
SKEY = note.generate_skey(ORIGIN, bytes(range(32)))
SIGNER = note.parse_skey(SKEY)
VERIFIER = SIGNER.verifier
OTHER_SKEY = note.generate_skey("other.example", bytes(range(1, 33)))
OTHER = note.parse_skey(OTHER_SKEY).verifier
STRANGER = note.generate_skey(ORIGIN, bytes(range(2, 34)))
Files = dict[str, bytes]


def sign(size: int, root: bytes, origin: str = ORIGIN, skey: str = SKEY) -> bytes:
    said = checkpoint.Checkpoint(origin, size, root)
    return checkpoint.sign_checkpoint(said, [note.parse_skey(skey)])


def static(entries: Sequence[bytes], signed: bytes = b"") -> Files:
    """Every file of the log that has just these entries."""
    hashes = [tree.leaf_hash(entry) for entry in entries]
    files: Files = {"checkpoint": signed or sign(len(entries), tree.root(hashes))}
    for (level, index), content in tiles.add_leaves(0, hashes, lambda level, index: b"").items():
        files[tiles.tile_path(level, index, len(content) // 32)] = content
    for at in range(0, len(entries), 256):
        some = entries[at : at + 256]
        files[tiles.tile_path(-1, at // 256, len(some))] = tiles.encode_bundle(some)
    return files


def write(files: Files, root: Path) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


@dataclass
class Said:
    """An answer that a test makes up."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None  # Content-Length, where it is a lie


@dataclass
class Web:
    """A server whose answers are a function of the path; it remembers what it was asked."""

    answer: Callable[[str], Said | bytes | None]
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def serve(answer: Callable[[str], Said | bytes | None]) -> Iterator[Web]:
    web = Web(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            web.asked.append((self.path, self.headers.get("Authorization", "")))
            said = web.answer(self.path.removeprefix("/prefix/"))
            if not isinstance(said, Said):
                said = Said(404) if said is None else Said(200, said)
            self.send_response(said.status)
            length = len(said.content) if said.promised is None else said.promised
            for name, value in {"Content-Length": str(length), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.content)
            self.close_connection = said.promised is not None

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_port}/prefix"
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
