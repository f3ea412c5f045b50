"""The Go programs beside this file, built with golang.org/x/mod and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCES = ("main.go", "reader.go", "maker.go")
# Where Debian's golang-golang-x-mod-dev puts sources; another place in GOPATH does as well.
DEBIAN = "/usr/share/gocode"
HOW = "apt-get install golang-go golang-golang-x-mod-dev"


def gopath() -> str:
    """The directory with the sources of golang.org/x/mod."""
    return os.environ.get("GOPATH", DEBIAN)


def missing() -> str:
    """What is not on this machine, with the way to get it; empty if nothing is missing."""
    if shutil.which("go") is None:
        return f"no Go compiler here; as root: {HOW}"
    if not (Path(gopath()) / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        return f"no golang.org/x/mod in {gopath()}; as root: {HOW}"
    return ""


def build(target: Path) -> Path:
    """The program, built into `target`. GOPATH mode: nothing is fetched."""
    program = target / "interop"
    mode = {"GO111MODULE": "off", "GOPATH": gopath(), "GOFLAGS": "", "CGO_ENABLED": "0"}
    environment = {"GOCACHE": str(target / "cache")} if "HOME" not in os.environ else {}
    environment |= {**os.environ, **mode}
    command = ["go", "build", "-o", str(program), *SOURCES]
    subprocess.run(command, cwd=HERE, env=environment, check=True, timeout=300)
    return program


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the program says, whatever it ends with."""
    command = [str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def read(program: Path, *arguments: str) -> dict[str, Any]:
    """The summary of a log that holds."""
    done = run(program, *arguments)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary
