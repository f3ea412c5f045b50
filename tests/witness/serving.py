"""Witnesses as processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.unit.ledger.tlog import vectors

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Served:
    """A witness that answers at `address`."""

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(directory: Path, *more: str, port: int = 0, patience_s: int = 60) -> Iterator[Served]:
    port = port or free_port()
    command = [sys.executable, "-m", "api.cli", "witness", "--dir", str(directory)]
    process = subprocess.Popen(
        [*command, "--log", vectors.LOG.vkey, "--port", str(port), *more],
        cwd=ROOT, env={**os.environ, "REMELT_LOG_FORMAT": "text"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    made = Served(process, port)
    try:
        _wait(made, patience_s)
        yield made
    finally:
        process.kill()
        process.communicate(timeout=30)


def _wait(made: Served, patience_s: int) -> None:
    until = time.monotonic() + patience_s
    while time.monotonic() < until and made.process.poll() is None:
        try:
            httpx.get(f"{made.address}/healthz", timeout=5)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    made.process.kill()
    raise AssertionError(made.process.communicate(timeout=30)[0])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
