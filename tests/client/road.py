"""A server that may be killed, and a road to it on which answers are lost."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ledger import audit, service, settings
from ledger.service import Ledger
from ledger.store import engine as engines
from tests.http.door import EVERYTHING, OPERATOR, ORIGIN, Door

ROOT = Path(__file__).parent.parent.parent
# What becomes of an answer on its way: other bytes come in its place, whole or drop by drop; or
# something is done. Then the connection breaks.
Fault = bytes | Iterator[bytes] | Callable[[], object]
LOSE = b""


def busy(status: str, **headers: str) -> bytes:
    """The answer of a proxy in between that has enough to do."""
    lines = [f"HTTP/1.1 {status}", "Content-Length: 0", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class Server:
    """`remelt serve` over one ledger, as often as it is started."""

    ledger: Ledger
    data: Path
    database: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "api.cli", "serve", "--data", str(self.data)]
        command += ["--database", self.database] if self.database else []
        environment = {k: v for k, v in os.environ.items() if not k.startswith("REMELT_")}
        environment |= self.settings
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError((self.data / "server.log").read_text())

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)

    def restart(self) -> None:
        with self.lock:
            self.kill()
            self.start()

    def kill_in(self, seconds: float) -> None:
        """Kill it then, whatever it does, and start it again."""
        threading.Timer(seconds, self.restart).start()

    def parties(self) -> Door:
        """YARD lets the server sign, SMELTER signs for itself; each has a site."""
        log = self.data / "server.log"
        door = Door(self.ledger, f"http://127.0.0.1:{self.port}", log)
        door.api_key(OPERATOR, EVERYTHING)
        door.party("YARD")
        door.party("SMELTER", custody="self")
        door.site("YD01", "YARD")
        door.site("SM01", "SMELTER")
        return door

    def size(self) -> int:
        return self.ledger.head().size

    def audit(self) -> None:
        with engines.reading(self.ledger.engine) as connection:
            report = audit.run(connection, self.ledger.log_id, self.ledger.verifier)
        assert report.finding is None, report.finding


@contextlib.contextmanager
def serving(data: Path, database: str = "", **environment: str) -> Iterator[Server]:
    """A new ledger, served; in the end its log has to audit clean, whatever was done to it."""
    ledger = service.create(settings.load(str(data), database or None), ORIGIN, OPERATOR, {})
    server = Server(ledger, data, database, environment)
    server.start()
    try:
        yield server
    finally:
        server.kill()
        server.audit()
        ledger.engine.dispose()


@dataclass
class Road:
    """A TCP proxy. faults: one is used up by each answer that the server gives.

    alter: what the road makes of bytes on their way back, if it lies.
    """

    server: Server
    faults: deque[Fault] = field(default_factory=deque)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    alter: Callable[[bytes], bytes] = bytes
    answers_lost: int = 0
    stall: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with (
            near,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.server.port), 5) as far,
        ):
            while self._pass_on(near, far):
                pass

    def _pass_on(self, near: socket.socket, far: socket.socket) -> bool:
        ready, _, _ = select.select([near, far], [], [], 60)
        for end in ready:
            data = end.recv(65_536)
            if data and end is far and self.faults:
                self._fail(near, self.faults.popleft())
                return False
            if not data:
                return False
            (near if end is far else far).sendall(self.alter(data) if end is far else data)
        return bool(ready)

    def _fail(self, near: socket.socket, fault: Fault) -> None:
        self.answers_lost += 1
        if isinstance(fault, bytes):
            near.sendall(fault)
        elif isinstance(fault, Iterator):
            for drop in fault:
                near.sendall(drop)
        else:
            fault()


@contextlib.contextmanager
def road_to(server: Server) -> Iterator[Road]:
    road = Road(server)
    threading.Thread(target=road.run, daemon=True).start()
    try:
        yield road
    finally:
        road.stall.set()
        road.listener.close()
