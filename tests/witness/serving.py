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
    """A witness that answers at `address`. output: a file, since a pipe would fill up."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(directory: Path, *more: str, port: int = 0, patience_s: int = 60) -> Iterator[Served]:
    port = port or free_port()
    command = [sys.executable, "-m", "api.cli", "witness", "--dir", str(directory)]
    output = directory.with_name(f"output-{port}-{time.monotonic_ns()}.txt")
    with output.open("xb") as file:
        process = subprocess.Popen(
            [*command, "--log", vectors.LOG.vkey, "--port", str(port), *more],
            cwd=ROOT, env={**os.environ, "REMELT_LOG_FORMAT": "text"},
            stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    made = Served(process, port, output)
    try:
        _wait(made, patience_s)
        yield made
    finally:
        process.kill()
        process.wait(timeout=30)


def _wait(made: Served, patience_s: int) -> None:
    until = time.monotonic() + patience_s
    while time.monotonic() < until and made.process.poll() is None:
        try:
            httpx.get(f"{made.address}/healthz", timeout=5)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(made.output.read_text(encoding="utf-8"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
