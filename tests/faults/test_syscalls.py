"""A fault in every single write, sync and unlink of an append on SQLite.

The kernel answers EIO or ENOSPC, once or from then on, or the process is killed at that moment. The
process appends twice: the second append goes on from where the first one failed. Afterwards the log
audits clean, has what was acknowledged, and takes what was not, once.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ledger.service import Ledger
from tests.cluster import SQLITE
from tests.faults import amounts, appending, tracing
from tests.faults.nursery import Nursery
from tests.store import plant

# What is asked of the kernel that changes a file, makes one, or says that it is safe.
CALLS = (
    "pwrite64", "write", "pwritev", "fsync", "fdatasync", "ftruncate", "fallocate", "unlink",
    "unlinkat", "rename", "renameat2", "openat", "pread64",
)  # fmt: skip
FAULTS = ("error=EIO:when={}", "error=ENOSPC:when={}", "error=EIO:when={}+",
          "error=ENOSPC:when={}+", "signal=KILL:when={}")  # fmt: skip
LOTS = ("HF01/FIRST", "HF01/SECOND")  # the fault may come in the one or the other
ENDS = ("closed", "refused NOT_READY")  # what a process says last that met no fault of ours
SAMPLE = 10
_CALL = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)
Fault = tuple[str, str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("template") / "data"
    plant.place(data, SQLITE)
    plant.build(data)
    return data


def counted(nursery: Nursery, data: Path) -> Counter[str]:
    """The system calls of two appends, from the opening of the log to its closing."""
    options = [*tracing.on_database(data), "-e", f"trace={','.join(CALLS)}"]
    run = tracing.run(nursery, data, LOTS, options)
    assert set(run.acknowledged()) == set(LOTS), run.said
    return Counter(_CALL.findall(run.calls))


def faults_of(counts: Counter[str]) -> list[Fault]:
    return [
        (call, fault.format(number))
        for call in CALLS
        for number in range(1, counts[call] + 1)
        for fault in FAULTS
        if call != "pread64" or "ENOSPC" not in fault
    ]


def injected(nursery: Nursery, template: Path, place: Path, fault: Fault) -> str:
    """Two appends and one fault; what the process was told: all of it must be true."""
    data = plant.copy(template, place, SQLITE)
    call, how = fault
    options = [*tracing.on_database(data), "-e", f"trace={call}", "-e", f"inject={call}:{how}"]
    run = tracing.run(nursery, data, LOTS, options)
    if "KILL" not in how:
        assert run.said.splitlines()[-1] in ENDS, (fault, run.said)
    assert ("INJECTED" in run.calls) or ("killed by SIGKILL" in run.calls), fault
    told = run.acknowledged()
    ledger = Ledger.open(plant.settings_of(data))
    try:
        plant.audited(ledger)
        stored = plant.stored(ledger)
        for lot, what in told.items():
            assert stored.get(("HEFEI", appending.envelope(lot)["id"])) == what, (fault, run.said)
        ledger.sequencer.start()
        again = plant.accept(ledger, *map(appending.envelope, LOTS))
        for lot, answer in zip(LOTS, again, strict=True):
            assert told.get(lot, (answer.n, ""))[0] == answer.n
        assert plant.audited(ledger).size == plant.SIZE + len(LOTS)
    finally:
        plant.close(ledger)
    written = len(stored) - plant.SIZE
    shutil.rmtree(data)
    return f"{len(told)} acknowledged, {written} written"


@pytest.mark.slow
def test_a_fault_in_any_system_call_loses_and_doubles_nothing(
    nursery: Nursery, template: Path, tmp_path: Path
) -> None:
    tracing.needed()
    rng = amounts.seeded("system calls")
    counts = counted(nursery, plant.copy(template, tmp_path / "count", SQLITE))
    assert counts["pwrite64"] > 10
    assert counts["fdatasync"] + counts["fsync"] > 1
    assert counts["unlink"]
    faults = faults_of(counts)
    chosen = faults if amounts.LONG else rng.sample(faults, SAMPLE)
    ends: Counter[tuple[str, str, str]] = Counter()
    wrong: list[str] = []
    for number, fault in enumerate(chosen):
        try:
            end = injected(nursery, template, tmp_path / f"run{number}", fault)
        except AssertionError as error:  # the others are worth knowing too
            wrong.append(f"{fault}: {error}")
            continue
        kind = re.sub(r":when=\d+", "", fault[1]).replace("+", ", and all after it")
        ends[fault[0], kind, end] += 1
    print(f"two appends ask for {dict(counts)}; {len(chosen)} of {len(faults)} faults:")
    for (call, kind, end), count in sorted(ends.items()):
        print(f"  {count:>4} {call:<10} {kind:<30} {end}")
    assert not wrong, "\n".join(wrong)
