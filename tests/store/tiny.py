"""A witness of one log on a port of this machine, small, and wrong wherever a test wants it."""

from __future__ import annotations

import http.server
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from ledger.errors import ProofError
from ledger.tlog import checkpoint, cosignature, note, witness

Reply = tuple[int, str, bytes]
_SEEDS: Final = itertools.count(1)


@dataclass
class Tiny:
    """Its key, what it cosigned last, and what it was asked.

    instead: answers in place of the witness; None from it lets the witness answer.
    """

    key: cosignature.CosigningKey
    logs: Mapping[str, Sequence[note.Verifier]]
    url: str = ""
    now_s: Callable[[], int] = lambda: int(time.time())
    instead: Callable[[witness.Request], Reply | None] = lambda request: None
    stored: checkpoint.Checkpoint | None = None
    shows: bytes | None = None
    asked: list[witness.Request] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        return self.key.cosigner.name

    @property
    def line(self) -> str:
        """Its line in a list of witnesses."""
        return f"witness {self.name} {self.key.cosigner.vkey} {self.url}\n"

    def add_checkpoint(self, body: bytes) -> Reply:
        try:
            request = witness.parse_request(body)
        except ProofError as error:
            refused = witness.malformed(error)
            return refused.status, refused.content_type, refused.body
        self.asked.append(request)
        said = self.instead(request)
        if said is not None:
            return said
        with self.turn:
            decided = witness.decide(self.stored, request, self.logs)
            if isinstance(decided, witness.Refused):
                return decided.status, decided.content_type, decided.body
            self.stored, self.shows = decided.seen, request.signed
        return 200, witness.TEXT_TYPE, witness.cosign(decided, [self.key], self.now_s())


def _handler(tiny: Tiny) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.reply(tiny.add_checkpoint(body) if self.path == "/add-checkpoint" else NOTHING)

        def do_GET(self) -> None:
            paths = ["/" + witness.monitoring_path(origin) for origin in tiny.logs]
            found = tiny.shows if self.path in paths else None
            self.reply(NOTHING if found is None else (200, witness.TEXT_TYPE, found))

        def reply(self, said: Reply) -> None:
            status, content_type, body = said
            try:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # nobody waits for it any more

        def log_message(self, *_: object) -> None:
            pass

    return Handler


NOTHING: Final[Reply] = (404, witness.TEXT_TYPE, b"nothing here\n")


@contextmanager
def witnessing(logs: Mapping[str, Sequence[note.Verifier]], name: str = "") -> Iterator[Tiny]:
    seed = next(_SEEDS)
    named = name or f"witness.example/w{seed}"
    key = cosignature.key_from_seed(named, cosignature.ED25519, seed.to_bytes(32, "big"))
    tiny = Tiny(key, logs)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(tiny))
    server.daemon_threads = True
    tiny.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield tiny
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
