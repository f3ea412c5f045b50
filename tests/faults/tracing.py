"""strace on a process that appends: what it asked of the kernel, and faults in the answers."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.faults.nursery import Nursery

FILES: Final = ("", "-wal", "-shm", "-journal", "-turn")
PATIENCE_S: Final = 60
_ACKNOWLEDGED: Final = re.compile(r"(\S+) acknowledged (\d+) ([0-9a-f]{64})")


@cache
def why_not() -> str:
    """Why nothing can be traced here; "" where it can."""
    program = shutil.which("strace")
    if program is None:
        return "strace is not on this machine (apt-get install strace)"
    tried = subprocess.run(
        [program, "-f", "-o", "/dev/null", "-e", "inject=unlink:error=EIO:when=9", "true"],
        capture_output=True, text=True,
    )  # fmt: skip
    return f"strace may not trace here: {tried.stderr.strip()[:200]}" if tried.returncode else ""


def needed() -> None:
    """Skip the test where strace cannot do its part."""
    if why := why_not():
        pytest.skip(why)


@dataclass(frozen=True, slots=True)
class Run:
    """What a traced process printed, and its system calls."""

    said: str
    calls: str

    def acknowledged(self) -> dict[str, tuple[int, str]]:
        """lot -> (n, leaf hash) of what was acknowledged."""
        return {lot: (int(n), leaf) for lot, n, leaf in _ACKNOWLEDGED.findall(self.said)}


def run(
    nursery: Nursery,
    data: Path,
    lots: Sequence[str],
    options: Sequence[str],
    environment: dict[str, str] | None = None,
) -> Run:
    """Append these lots in a process under strace with these options."""
    go, said, calls = (data.with_name(f"{data.name}.{what}") for what in ("go", "said", "calls"))
    child = nursery.bear(
        "append", str(data), str(go), *lots, output=said, environment=environment or {}
    )
    _wait_for(said, "ready")
    command = ["strace", "-f", "-p", str(child.pid), "-o", str(calls), *options]
    noise = data.with_name(f"{data.name}.strace")
    with noise.open("wb") as output, subprocess.Popen(command, stderr=output) as strace:
        _wait_for(noise, "attached")
        go.touch()
        assert child.wait(PATIENCE_S), said.read_text()
        strace.wait(PATIENCE_S)
    return Run(said.read_text(), calls.read_text(errors="replace"))


def _wait_for(file: Path, words: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if file.exists() and words in (said := file.read_text()):
            return
        if file.exists() and "strace: attach" in said:
            pytest.skip(f"strace may not attach here: {said.strip()[:200]}")
        time.sleep(0.002)
    raise AssertionError(f"{file.name} does not say {words}")


def on_database(data: Path) -> list[str]:
    """Options that leave only system calls about the database's files."""
    return [word for name in FILES for word in ("-P", f"{data / 'ledger.sqlite'}{name}")]
