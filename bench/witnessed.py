"""`python -m bench.witnessed`: events a second with two witnesses asked every second, and without.

Both ways in turn, in one run: only the ratio means something on a machine that others use. SQLite,
WAL, synchronous=FULL; the witnesses are processes of this machine and share its cores.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import load, world
from bench.__main__ import ROOT, ours, receipts
from ledger import witnesses
from ledger.store import engine as engines
from ledger.store import published

ROUNDS, EVENTS, CLIENTS = 3, 4_000, 64


@contextlib.contextmanager
def witness(directory: Path, vkey: str) -> Iterator[str]:
    """A witness of the log; its line in a list of witnesses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api.cli", "witness", "--dir", str(directory)]
    command += ["--name", f"witness.example/{directory.name}", "--log", vkey, "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield next(line for line in process.stdout if line.startswith("witness "))
        process.terminate()


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        made = world.World(Path(scratch) / "data")
        ledger = made.open()
        names = ("w1", "w2")
        vkey = ledger.verifier.vkey
        lines = [stack.enter_context(witness(Path(scratch) / name, vkey)) for name in names]
        found: dict[bool, list[load.Figures]] = {False: [], True: []}
        for number in range(2 * ROUNDS):
            on = number % 2 == 1
            (made.data / witnesses.NAME).write_text("".join(lines) if on else "")
            warm, fast = receipts(made, 200), receipts(made, EVENTS)
            with ours(made, 1) as port:
                load.run(port, warm, CLIENTS)
                found[on].append(load.run(port, fast, CLIENTS))
            with engines.reading(ledger.engine) as connection:
                shown = published.read(connection, ledger.log_id)
            assert shown is not None
            figures = found[on][-1]
            said = "two witnesses" if on else "no witness"
            print(f"{said:14} {figures.per_second:7.0f} events/s  p50 {figures.p50_ms:6.1f} ms"
                  f"  p99 {figures.p99_ms:6.1f} ms  {figures.statuses}"
                  f"  published {shown.size}, quorum {shown.met}", flush=True)  # fmt: skip
        on_s, off_s = (statistics.median(f.per_second for f in found[on]) for on in (True, False))
        print(f"with / without: {on_s / off_s:.2f} (medians of {ROUNDS}, {os.cpu_count()} cores)")


if __name__ == "__main__":
    main()
