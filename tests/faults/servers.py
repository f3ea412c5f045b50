"""Servers that are killed, stopped for a while, and started again."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.faults.nursery import Child, Nursery
from tests.store import plant

_ENVIRONMENT = {
    "REMELT_RATE_READS": "0", "REMELT_RATE_EVENTS": "0", "REMELT_RATE_VISITS": "0",
    "REMELT_ACCESS_LOG": "off",
}  # fmt: skip
READY_S = 60


@dataclass
class Server:
    """One server process over a ledger, and those that come after it at the same address."""

    nursery: Nursery
    data: Path
    port: int
    act: str = "serve"
    child: Child | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data / f"server-{self.port}.log"

    def start(self) -> None:
        environment = {**_ENVIRONMENT, "REMELT_DATABASE": plant.url_of(self.data)}
        arguments = ["--data", str(self.data), "--port", str(self.port)]
        self.child = self.nursery.bear(
            self.act, *arguments, output=self.log, environment=environment
        )
        self.wait()

    def wait(self) -> None:
        """Until it is ready."""
        assert self.child is not None
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self.child.lives():
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"the server is not ready: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has taken everything away."""
        assert self.child is not None
        assert self.child.lives(), self.log.read_text()[-2000:]
        self.child.end(signal.SIGKILL)
        self.child = None

    def pause(self) -> None:
        assert self.child is not None
        self.child.send(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.child is not None
        self.child.send(signal.SIGCONT)

    def stop(self) -> None:
        if self.child is not None:
            self.resume()
            assert self.child.lives(), self.log.read_text()[-2000:]
            self.child.end()
            self.child = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    nursery: Nursery, data: Path, count: int = 1, act: str = "serve"
) -> Iterator[list[Server]]:
    """So many ready servers over one ledger."""
    servers = [Server(nursery, data, free_port(), act) for _ in range(count)]
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()
