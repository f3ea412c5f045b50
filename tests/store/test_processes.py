"""Several processes on one log, and processes that are killed: what was acknowledged stays."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.sequencer import Accepted
from ledger.service import Ledger
from tests.store import plant

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 8
Line = dict[str, Any]
Writer = subprocess.Popen[str]


@contextmanager
def writer(data: Path, name: str, count: int) -> Iterator[Writer]:
    """A writing process that waits for `go`; it does not outlive the test."""
    command = [sys.executable, "-m", "tests.store.writer", str(data), name, str(count)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.kill()


def go(process: Writer) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()


def lines_of(process: Writer) -> Iterator[Line]:
    """What the process acknowledges; a line cut off by its death was not acknowledged."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.endswith("\n"):
            yield json.loads(line)


def acknowledged(lines: list[Line]) -> dict[tuple[str, str], tuple[int, str]]:
    """The same of what clients were told; every repetition must have told the same."""
    told: dict[tuple[str, str], tuple[int, str]] = {}
    for line in lines:
        place = (line["n"], line["leaf_hash"])
        assert told.setdefault((line["party"], line["id"]), place) == place
    return told


def check_all(ledger: Ledger, lines: list[Line]) -> None:
    """Every answer proves itself, and all their checkpoints are of one log."""
    heads = []
    for line in lines:
        hashes = tuple(bytes.fromhex(node) for node in line["proof"])
        leaf_hash = bytes.fromhex(line["leaf_hash"])
        answer = Accepted(line["n"], leaf_hash, line["size"], line["checkpoint"], hashes)
        heads.append(plant.check_answer(ledger, answer))
    plant.check_consistent(ledger, heads)


NAMES = ("LEFT", "MIDDLE", "RIGHT")


def test_three_processes_on_one_database_write_one_log(data: Path, ledger: Ledger) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(writer(data, name, 100)) for name in NAMES]
        for process in writers:
            go(process)
        with ThreadPoolExecutor(len(NAMES)) as readers:  # none may wait for a full pipe
            answers = list(readers.map(lambda process: [*lines_of(process)], writers))
        assert [process.wait(30) for process in writers] == [0, 0, 0]
    lines = [line for told in answers for line in told]
    told, there = acknowledged(lines), plant.stored(ledger)
    assert len(told) < len(lines)  # some came twice
    assert set(told.items()) <= set(there.items())  # nothing acknowledged is lost
    assert len(there) == len(told) + plant.SIZE  # and nothing else was written
    assert sorted(n for n, _ in there.values()) == [*range(len(there))]
    shared = [{(line["party"], line["id"]) for line in told} for told in answers]
    assert shared[0] & shared[1] & shared[2]  # some came from all of them
    sides = [i for _, i in sorted((x["n"], i) for i, told in enumerate(answers) for x in told)]
    assert sum(a != b for a, b in itertools.pairwise(sides)) > 10  # they wrote by turns
    check_all(ledger, lines)
    assert plant.audited(ledger).size == len(there)


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(data: Path, ledger: Ledger) -> None:
    """Every round repeats the whole stream from its first event, so it replays what was killed."""
    rng = random.Random(9)
    lines: list[Line] = []
    for number in range(ROUNDS):
        before = len(acknowledged(lines))
        with writer(data, "KILLED", 10**6) as process:
            go(process)
            told = lines_of(process)
            wanted = before + rng.randint(5, 40)
            while len(acknowledged(lines)) < wanted:
                lines.append(next(told))
            process.kill()
            lines += told
        assert process.returncode == -9
        there = plant.stored(ledger)
        assert set(acknowledged(lines).items()) <= set(there.items()), number
        assert sorted(n for n, _ in there.values()) == [*range(len(there))]
    check_all(ledger, lines)
    ledger.sequencer.start()
    plant.accept(ledger, plant.receipt("HF01/AFTER"))
    assert plant.audited(ledger).size == len(there) + 1
