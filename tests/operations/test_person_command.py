"""`remelt person`: passwords come from a terminal or from standard input, never as an argument."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import people
from ledger.service import Ledger
from tests.store import plant

ROOT = Path(__file__).parent.parent.parent
WORDS = "four words in a row"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    plant.build(tmp_path / "data")
    return tmp_path / "data"


def command(data: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "api.cli", "person", *arguments, "--data", str(data)]


def remelt(data: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(data, *arguments), input=said, capture_output=True, text=True, cwd=ROOT, check=False
    )


def on_a_terminal(data: Path, *arguments: str, typed: list[str]) -> tuple[int, str]:
    """Run at a terminal of its own: how it ends, and what it shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(data, *arguments), cwd=ROOT, start_new_session=True,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = ""
    for line in typed:
        while not shown.endswith(": "):
            shown += os.read(ours, 1024).decode()
        os.write(ours, f"{line}\n".encode())
        shown += "\n"
    with contextlib.suppress(OSError):  # the terminal is gone with its program
        while part := os.read(ours, 1024):
            shown += part.decode()
    os.close(ours)
    return process.wait(60), shown


def opened(data: Path) -> Ledger:
    return Ledger.open(plant.settings_of(data))


def test_a_password_is_read_from_standard_input(data: Path) -> None:
    done = remelt(data, "add", "lin", "HEFEI", "--scope", "read", "record", said=f"{WORDS}\n")
    assert (done.returncode, done.stdout) == (0, "lin may log in for HEFEI: read record\n")
    ledger = opened(data)
    assert people.check(ledger, "lin", WORDS) == "lin"
    ledger.engine.dispose()


def test_a_password_is_asked_for_twice_and_not_shown(data: Path) -> None:
    status, shown = on_a_terminal(data, "add", "lin", "HEFEI", typed=[WORDS, WORDS])
    assert status == 0, shown
    assert "lin may log in for HEFEI: read" in shown
    assert WORDS not in shown
    status, shown = on_a_terminal(data, "password", "lin", typed=[WORDS + "!", WORDS + "?"])
    assert status == 1
    assert "PASSWORD_INVALID: password: typed differently the second time" in shown
    ledger = opened(data)
    assert people.check(ledger, "lin", WORDS) == "lin"
    ledger.engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("add", "lin", "HEFEI"), "short\n", "PASSWORD_INVALID"),
        (("add", "lin", "HEFEI"), "", "PASSWORD_INVALID"),
        (("add", "lin", "NOBODY"), WORDS, "PARTY_UNKNOWN"),
        (("add", "lin", "HEFEI", "--scope", "admin"), WORDS, "PARAMETER_INVALID"),
        (("password", "nobody"), WORDS, "PERSON_UNKNOWN"),
        (("disable", "nobody"), "", "PERSON_UNKNOWN"),
    ],
)
def test_what_cannot_be_done_says_why_and_how_to_go_on(
    data: Path, arguments: tuple[str, ...], said: str, code: str
) -> None:
    done = remelt(data, *arguments, said=said)
    assert done.returncode == 1
    assert f"remelt: error: {code}: " in done.stderr
    assert "remelt: hint: " in done.stderr
    assert WORDS not in done.stderr


def test_a_password_is_no_argument(data: Path) -> None:
    assert remelt(data, "add", "lin", "HEFEI", WORDS).returncode == 2
    assert remelt(data, "add", "lin", "HEFEI", "--password", WORDS).returncode == 2
