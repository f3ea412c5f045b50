"""A process that has imported the program, and forks a child for every line it reads.

To start Python and import a server takes seconds, a fork a hundredth of one: that is what makes
hundreds of rounds of killing affordable. A child runs the same commands as anybody's server, and
has opened nothing before it was born: no database, no thread, no socket.

    {"act": "serve", "arguments": [...], "environment": {...}, "output": FILE}  ->  its process id
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent.parent
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_PTRACER: Final = 0x59616D61


@dataclass
class Child:
    """A process that the nursery bore; its handle cannot come to mean another process."""

    pid: int
    handle: int
    output: Path

    def send(self, how: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, how)

    def lives(self) -> bool:
        return not select.select([self.handle], [], [], 0)[0]

    def wait(self, patience_s: float) -> bool:
        """Whether it ended in time."""
        return bool(select.select([self.handle], [], [], patience_s)[0])

    def end(self, how: signal.Signals = signal.SIGTERM, patience_s: float = 20) -> None:
        self.send(how)
        ended = self.wait(patience_s)
        self.send(signal.SIGKILL)
        os.close(self.handle)
        assert ended, f"process {self.pid} does not end: {self.output.read_text()[-2000:]}"


@dataclass
class Nursery:
    process: subprocess.Popen[str]

    def bear(
        self, act: str, *arguments: str, output: Path, environment: dict[str, str] | None = None
    ) -> Child:
        """A new child that does `act`; what it prints goes into the file."""
        line = {
            "act": act, "arguments": arguments, "output": str(output),
            "environment": environment or {},
        }  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        return Child(pid, os.pidfd_open(pid), output)


@contextmanager
def opened() -> Iterator[Nursery]:
    """A nursery; with it all its children end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REMELT_")}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.nursery"], cwd=ROOT, env=environment,
        stdin=pipe, stdout=pipe, text=True,
    ) as process:  # fmt: skip
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


def _serve(*arguments: str) -> None:
    from api import cli

    sys.exit(cli.main(["serve", *arguments]))


def _serve_unsafe(*arguments: str) -> None:
    """A server that does not mind a database that forgets: tests must notice what it loses."""
    from ledger.store import engine as engines
    from ledger.store import postgresql

    engines.check_durable = lambda engine: None
    postgresql._LIMITS = "SELECT 1"  # type: ignore[misc]
    _serve(*arguments)


def _append(*arguments: str) -> None:
    from tests.faults import appending

    appending.main(*arguments)


ACTS: Final[dict[str, Callable[..., None]]] = {
    "serve": _serve, "serve-unsafe": _serve_unsafe, "append": _append,
}  # fmt: skip


def _run(line: dict[str, Any], mother: int) -> None:
    """The child's life."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)  # strace may come
    if os.getppid() != mother:
        os._exit(9)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(line["environment"])
    output = os.open(line["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(number, target)
    status = 1
    try:
        ACTS[line["act"]](*line["arguments"])
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def main() -> None:
    import api.cli
    import api.commands.serving
    import tests.faults.appending

    del api, tests
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are reaped by the kernel
    mother = os.getpid()
    for text in sys.stdin:
        line = json.loads(text)
        pid = os.fork()
        if pid == 0:
            _run(line, mother)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
