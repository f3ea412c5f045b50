"""Witnesses for the demonstration: other people's, each a process with a key of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REMELT = [sys.executable, "-m", "api.cli"]
PATIENCE_S = 30


@dataclass(frozen=True)
class Watcher:
    """A witness: its name in policies, the line that says so, its directory and port."""

    name: str
    line: str
    directory: Path
    port: int
    audits: bool

    @property
    def finding(self) -> str:
        """What an auditing witness wrote down of a log that it refuses."""
        whole = sorted(self.directory.glob("audit/*/evidence/finding.json"))
        return whole[0].with_suffix(".txt").read_text(encoding="utf-8") if whole else ""


@dataclass(frozen=True)
class Town:
    """The log's key and the port of its server, and who watches it."""

    log_vkey: str
    port: int
    watchers: list[Watcher]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_seen(self, size: int, *, audited: bool = True) -> str:
        """The published checkpoint of `size` entries, once all, or all but the auditors, signed."""
        names = [f"— {w.name}.example/witness " for w in self.watchers if audited or not w.audits]
        return wait_for(f"{self.url}/checkpoint", f"\n{size}\n", *names)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new(directory: Path, name: str, log_vkey: str, *, audits: bool = False) -> Watcher:
    """A witness that knows one log; its key is made here and now."""
    port, full = free_port(), f"{name}.example/witness"
    options = ["--dir", str(directory), "--name", full, "--log", log_vkey, "--show"]
    done = subprocess.run(
        [*REMELT, "witness", *options], cwd=ROOT, capture_output=True, text=True, check=True
    )
    line = f"witness {name} {done.stdout.splitlines()[0]} http://127.0.0.1:{port}"
    return Watcher(name, line, directory, port, audits)


@contextmanager
def watching(town: Town, api_key: str) -> Iterator[None]:
    """All of them run. The auditing one reads the log's entries with the key."""
    with ExitStack() as stack:
        for watcher in town.watchers:
            options = ["--dir", str(watcher.directory), "--log", town.log_vkey]
            options += ["--port", str(watcher.port)]
            options += ["--audit", "--url", town.url] if watcher.audits else []
            stack.enter_context(_process(options, {"REMELT_API_KEY": api_key}))
        for watcher in town.watchers:
            wait_for(f"http://127.0.0.1:{watcher.port}/healthz")
        yield


@contextmanager
def _process(options: list[str], more: dict[str, str]) -> Iterator[None]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REMELT_")} | more
    process = subprocess.Popen(
        [*REMELT, "witness", *options], cwd=ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def wait_for(url: str, *wanted: str) -> str:
    """The text at an address, once it holds all that is wanted."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (our own machine)
                text: str = answer.read().decode()
        except (urllib.error.URLError, OSError):
            text = ""
        if text and all(word in text for word in wanted):
            return text
        time.sleep(0.1)
    sys.exit(f"demo: {url} does not say {', '.join(wanted) or 'anything'}")


def settle(out: Path, log_vkey: str) -> Town:
    """Two witnesses that compare checkpoints, and one that audits."""
    made = [
        new(out / "witnesses" / name, name, log_vkey, audits=name == "association")
        for name in ("recyclers", "exchange", "association")
    ]
    return Town(log_vkey, free_port(), made)


def wait_for_finding(town: Town) -> str:
    """What the auditing witness has against the log, once it does."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for watcher in town.watchers:
            if watcher.finding:
                return watcher.finding.rstrip()
        time.sleep(0.1)
    sys.exit("demo: the auditing witness found nothing")


def policy_lines(watchers: list[Watcher], quorum: str) -> str:
    """What a buyer adds to the operator's policy, who trusts these witnesses."""
    plain = [watcher.name for watcher in watchers if not watcher.audits]
    auditing = [watcher.name for watcher in watchers if watcher.audits]
    rows = [watcher.line for watcher in watchers]
    rows += [f"group witnesses all {' '.join(plain)}", f"group auditors any {' '.join(auditing)}"]
    rows += ["group both all witnesses auditors", f"quorum {quorum}", "max_age 7d"]
    return "".join(f"{row}\n" for row in rows)
