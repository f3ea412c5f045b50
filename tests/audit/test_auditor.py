"""The judge of an auditing witness: what it lets through, what it keeps, and what it survives."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from api import cli
from ledger import alone, auditor, entry, mirror, remote_audit, tilesource
from ledger.errors import CorruptError, LedgerError
from ledger.store import audited
from ledger.tlog import checkpoint, proof_file, tree, witness
from tests import harness
from tests.audit import both, shown

LONG_S = 60.0
KILLS = int(os.environ.get("TEST_KILLS", "1"))


@contextlib.contextmanager
def auditing(
    log: harness.TestLedger, source: Path, state: Path, budget_s: float = LONG_S
) -> Iterator[auditor.Auditor]:
    made = auditor.open_auditor(
        state, log.origin, [log.signer.verifier], tilesource.open_source(str(source))
    )
    made.budget_s = budget_s
    try:
        yield made
    finally:
        auditor.close(made)


def ask(
    made: auditor.Auditor, log: harness.TestLedger, leaves: Sequence[bytes] | None = None
) -> witness.Refused | None:
    """What the judge says of the log at the size of some leaves."""
    signed = shown.signed(log, log.leaves if leaves is None else leaves)
    seen, opened = checkpoint.open_checkpoint(signed, [log.signer.verifier])
    return made.judge(log.origin, seen, opened)


@pytest.fixture(scope="module")
def smelter() -> harness.TestLedger:
    return harness.smelter(40)[0]


def test_a_log_that_grows_is_let_through_at_every_size(
    smelter: harness.TestLedger, tmp_path: Path
) -> None:
    source, state = tmp_path / "log", tmp_path / "state"
    with contextlib.ExitStack() as stack:
        made: auditor.Auditor | None = None
        for size in (1, 2, 17, 256, 257, len(smelter.leaves)):
            shown.write(smelter, source, smelter.leaves[:size])
            if made is None:
                made = stack.enter_context(auditing(smelter, source, state))
            for _ in range(2):  # a log that is idle comes again
                assert ask(made, smelter, smelter.leaves[:size]) is None
            assert (made.size, made.root) == (size, tree.root(smelter.hashes()[:size]))
        assert made is not None
        assert ask(made, smelter, smelter.leaves[:17]) is None  # asked late
        assert ask(made, smelter, []) is None
    # What was audited can be audited again, by anybody, from the mirror.
    report = remote_audit.run(tilesource.open_source(str(state / auditor.MIRROR)), smelter.policy())
    assert (report.finding, report.size) == (None, len(smelter.leaves))


def test_it_goes_on_where_it_stopped(
    smelter: harness.TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shown.write(smelter, tmp_path / "log", smelter.leaves[:200])
    with auditing(smelter, source, tmp_path / "state") as made:
        assert ask(made, smelter, smelter.leaves[:200]) is None
    checked: list[int] = []
    check = alone.check

    def counting(n: int, leaf: bytes, past: alone.Past) -> alone.Seen:
        checked.append(n)
        return check(n, leaf, past)

    monkeypatch.setattr(alone, "check", counting)
    shown.write(smelter, source)
    with auditing(smelter, source, tmp_path / "state") as made:
        assert made.size == 200
        assert ask(made, smelter) is None
    assert checked == list(range(200, len(smelter.leaves)))


@pytest.mark.parametrize("lost", ["mirror", "order.sqlite", "mirror/tile", "mirror/checkpoint"])
def test_state_that_does_not_fit_the_mirror_begins_again(
    smelter: harness.TestLedger, tmp_path: Path, lost: str
) -> None:
    source, state = shown.write(smelter, tmp_path / "log"), tmp_path / "state"
    with auditing(smelter, source, state) as made:
        assert ask(made, smelter) is None
    path = state / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    for more in state.glob("order.sqlite-*"):
        more.unlink()
    with auditing(smelter, source, state) as made:
        assert made.size == 0
        answer = ask(made, smelter)
        if lost == "mirror/tile":  # its checkpoint promises what is gone: a person has to look
            assert answer is not None
            assert answer.status == 429
        else:
            assert answer is None


def test_a_log_too_far_ahead_is_told_to_come_again_and_then_let_through(
    smelter: harness.TestLedger, tmp_path: Path
) -> None:
    source = shown.write(smelter, tmp_path / "log")
    with auditing(smelter, source, tmp_path / "state", budget_s=0.001) as made:
        answer = ask(made, smelter)
        assert answer is not None
        assert answer.status == 429
        assert f"of {len(smelter.leaves)} entries: ask again" in answer.why
        made.budget_s = LONG_S
        assert ask(made, smelter) is None


def test_a_source_that_cannot_be_read_is_no_fault_of_the_log(
    smelter: harness.TestLedger, tmp_path: Path
) -> None:
    source = shown.write(smelter, tmp_path / "log")
    bundle = source / "tile/entries/000"
    whole = bundle.read_bytes()
    with auditing(smelter, source, tmp_path / "state") as made:
        for content in (b"", whole[:-1], whole.replace(b"HEFEI", b"HEFEJ", 1)):
            bundle.write_bytes(content)
            answer = ask(made, smelter)
            assert answer is not None
            assert (answer.status, made.refused) == (429, "")
        bundle.write_bytes(whole)
        assert ask(made, smelter) is None


def test_a_disk_that_forgets_is_no_fault_of_the_log(
    smelter: harness.TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, state = shown.write(smelter, tmp_path / "log", smelter.leaves[:256]), tmp_path / "state"
    with auditing(smelter, source, state) as made:
        assert ask(made, smelter, smelter.leaves[:256]) is None
    shown.write(smelter, source)
    with auditing(smelter, source, state) as made:  # which remembers no entry
        bundle = state / "mirror/tile/entries/000"
        whole = bundle.read_bytes()
        bundle.write_bytes(whole.replace(b"HEFEI", b"HEFEJ", 1))
        answer = ask(made, smelter)
        assert answer is not None
        assert (answer.status, made.refused) == (429, "")
        bundle.write_bytes(whole)
        assert ask(made, smelter) is None


def test_a_long_way_is_gone_by_several_processes(
    smelter: harness.TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "PARALLEL_MIN", 100)
    leaves = both.chained(smelter.leaves, {280: both.put("prev", to="00" * 32)})
    source = shown.write(smelter, tmp_path / "log", leaves)
    with auditing(smelter, source, tmp_path / "state") as made:
        made.processes = 2
        answer = ask(made, smelter, leaves)
        assert answer is not None
        assert answer.why.startswith("the log broke its rules at entry 280, prev: ")
        assert made.size == 280


# What is found.


def no_log(log: harness.TestLedger, act: str) -> harness.TestLedger:
    if act == "id":
        log.append(log.entries[3].statement, log.clock_ms)
    if act == "ticket":
        log.receive("HF01/T-1", "1 t", ticket="T")
        log.memory.usage.clear()
        log.receive("HF01/T-2", "1 t", ticket="T")
    return log


@pytest.mark.parametrize(
    ("act", "field", "first"),
    [("grams", "reads.lot:HF01/A", 5), ("id", "id", 3), ("ticket", "body.ticket", 4)],
)
def test_what_is_spent_twice_is_refused_for_good_with_evidence(
    tmp_path: Path, act: str, field: str, first: int
) -> None:
    log = shown.certified_twice() if act == "grams" else no_log(harness.yard(), act)
    source, state = shown.write(log, tmp_path / "log", log.leaves[:2]), tmp_path / "state"
    last = len(log.leaves) - 1
    with auditing(log, source, state) as made:
        assert ask(made, log, log.leaves[:2]) is None  # nothing was wrong so far
        shown.write(log, source)
        answer = ask(made, log)
        assert answer is not None
        assert answer.status == 422
        assert answer.why.startswith(f"the log broke its rules at entry {last}, {field}: ")
        assert made.size == last
        assert ask(made, log, log.leaves[:2]) == answer  # not even what was clean
    with auditing(log, source, state) as made:
        assert ask(made, log) == answer
        convinces(state / "evidence", log, last, first)
        shutil.rmtree(state / "evidence")  # an operator looked at it
        assert ask(made, log, log.leaves[:2]) is None
        assert ask(made, log) == answer  # and the log is as it was


def convinces(evidence: Path, log: harness.TestLedger, *entries: int) -> None:
    """Somebody who has the log's key and these files needs nothing else."""
    said = json.loads((evidence / "finding.json").read_bytes())
    assert (said["n"], said["entries"], said["size"]) == (
        max(entries), sorted(entries), len(log.leaves),
    )  # fmt: skip
    assert (
        f"Entry {max(entries)} of this log breaks its rules"
        in (evidence / "finding.txt").read_text()
    )
    for n in entries:
        leaf = (evidence / f"entry-{n}.json").read_bytes()
        file = (evidence / f"entry-{n}.tlog-proof").read_bytes()
        found = proof_file.parse_proof_file(file)
        assert (leaf, found.index) == (log.leaves[n], n)
        proof_file.verify(found, [log.signer.verifier], entry.leaf_hash(leaf))


def test_an_entry_that_is_wrong_by_itself_is_refused(tmp_path: Path) -> None:
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    leaves = both.chained(log.leaves, {4: both.put("lots", "HF01/A", "grade", to="provisional")})
    source = shown.write(log, tmp_path / "log", leaves)
    with auditing(log, source, tmp_path / "state") as made:
        answer = ask(made, log, leaves)
        assert answer is not None
        assert (answer.status, made.size) == (422, 4)
        assert "entry 4, lots.HF01/A.grade" in answer.why
        log.leaves = leaves
        convinces(tmp_path / "state/evidence", log, 4)


def test_an_entry_of_later_rules_is_neither_cosigned_nor_held_against_the_log(
    tmp_path: Path,
) -> None:
    log = harness.yard()
    leaves = both.chained(log.leaves, {3: both.put("v", to=2)})
    with auditing(log, shown.write(log, tmp_path / "log", leaves), tmp_path / "state") as made:
        answer = ask(made, log, leaves)
        assert answer is not None
        assert (answer.status, made.refused) == (429, "")
    assert not (tmp_path / "state/evidence").exists()


@pytest.mark.parametrize("sizes", [(6, 7), (7, 6), (6, 6)])
def test_a_log_with_two_histories_is_refused_with_both_checkpoints(
    tmp_path: Path, sizes: tuple[int, int]
) -> None:
    log, other = harness.yard(), harness.yard()
    other.clock_ms += 60_000
    for one in (log, other):
        for i in range(3):
            one.receive(f"HF01/{i}", "1 t")
    source, state = tmp_path / "log", tmp_path / "state"
    shown.write(log, source, log.leaves[: sizes[0]])
    with auditing(log, source, state) as made:
        assert ask(made, log, log.leaves[: sizes[0]]) is None
        shutil.rmtree(source)
        shown.write(other, source, other.leaves[: sizes[1]])
        answer = ask(made, other, other.leaves[: sizes[1]])
        assert answer is not None
        assert (answer.status, answer.why) == (422, "LOG_FORKED: the log signed two histories")
        kept = sorted(path.name for path in (state / "evidence").iterdir())
        assert [name.rsplit("-", 1)[0] for name in kept] == sorted(
            [f"checkpoint-{sizes[0]}", f"checkpoint-{sizes[1]}", "consistency"]
        )
        assert ask(made, log, log.leaves[: sizes[0]]) == answer
    for path in (state / "evidence").glob("checkpoint-*"):
        checkpoint.open_checkpoint(path.read_bytes(), [log.signer.verifier])


def test_evidence_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    log = shown.certified_twice()
    source, state = shown.write(log, tmp_path / "log"), tmp_path / "state"
    with auditing(log, source, state) as made:
        answer = ask(made, log)
    (state / "evidence/finding.json").unlink()
    with auditing(log, source, state) as made:
        assert ask(made, log) == answer
    convinces(state / "evidence", log, len(log.leaves) - 1, len(log.leaves) - 2)


# Threads, processes, crashes.


def test_several_threads_may_ask_at_once(smelter: harness.TestLedger, tmp_path: Path) -> None:
    source = shown.write(smelter, tmp_path / "log")
    answers: list[witness.Refused | None] = []
    with auditing(smelter, source, tmp_path / "state") as made:
        sizes = [10, 100, len(smelter.leaves), 200, 3, 280]
        threads = [
            threading.Thread(
                target=lambda n=n: answers.append(ask(made, smelter, smelter.leaves[:n]))
            )
            for n in sizes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == len(sizes)
    assert {answer.status for answer in answers if answer} <= {429}


def test_two_processes_on_one_directory_find_nothing_that_is_not_there(
    smelter: harness.TestLedger, tmp_path: Path
) -> None:
    source, state = shown.write(smelter, tmp_path / "log"), tmp_path / "state"
    with auditing(smelter, source, state) as one, auditing(smelter, source, state) as two:
        assert ask(one, smelter, smelter.leaves[:150]) is None
        assert (one.size, two.size) == (150, 0)
        assert ask(two, smelter) is None
        assert ask(one, smelter) is None
        assert not (state / "evidence").exists()


KILLED = """
import sys
from pathlib import Path
from ledger import auditor, remote_audit, tilesource
from ledger.tlog import checkpoint, note
source, state, vkey, batch = sys.argv[1:]
remote_audit.CHUNK = int(batch)
verifier = note.parse_vkey(vkey)
made = auditor.open_auditor(Path(state), verifier.name, [verifier], tilesource.open_source(source))
made.budget_s = 60
print("begun", flush=True)
signed = (Path(source) / "checkpoint").read_bytes()
seen, opened = checkpoint.open_checkpoint(signed, [verifier])
print(made.judge(verifier.name, seen, opened), flush=True)
"""


def test_killed_at_any_moment_it_goes_on_with_what_it_knew(
    smelter: harness.TestLedger, tmp_path: Path
) -> None:
    """Each time a little later, until it comes to its end by itself."""
    source, state = shown.write(smelter, tmp_path / "log"), tmp_path / "state"
    command = [sys.executable, "-c", KILLED, str(source), str(state), smelter.signer.verifier.vkey]
    sizes = []
    for attempt in range(KILLS):
        process = subprocess.Popen(
            [*command, "8"], stdout=subprocess.PIPE, text=True, env={**os.environ}
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02 + 0.1 * attempt)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        engine = audited.open_store(state / "order.sqlite")
        order = audited.order(engine, smelter.origin)
        engine.dispose()
        sizes.append(order.size)
        assert tree.edge_root(order.edge) == tree.root(smelter.hashes()[: order.size])
    assert sizes == sorted(sizes)
    done = subprocess.run([*command, "128"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "begun\nNone\n"


# The store.


def test_the_store_remembers_what_was_taken_and_nothing_of_what_was_refused(
    tmp_path: Path,
) -> None:
    log = shown.certified_twice()
    past = alone.Past(log.leaves.__getitem__)
    seen = [alone.check(n, leaf, past) for n, leaf in enumerate(log.leaves)]
    engine = audited.open_store(tmp_path / "order.sqlite")
    keys = {key for one in seen for key in alone.keys(one)}
    memory = alone.Order({}, log.origin)

    def take(*entries: alone.Seen) -> None:
        with audited.advancing(engine, log.origin, keys) as order:
            for one in entries:
                order.take(one)

    with pytest.raises(LedgerError, match="touched it last"):
        take(*seen)
    for one in seen[:-1]:
        memory.take(one)
    with audited.advancing(engine, log.origin, keys) as order:
        assert order == memory
    assert audited.order(engine, log.origin) == alone.Order(
        {}, log.origin, memory.last, memory.at_ms, memory.edge
    )
    with pytest.raises(AttributeError):  # of our own making: nothing is stored
        take(seen[-1]._replace(reads=(), n=memory.size), None)  # type: ignore[arg-type]
    with audited.advancing(engine, log.origin, keys) as order:
        assert order == memory
    audited.forget(engine)
    assert audited.order(engine, log.origin).size == 0
    with audited.advancing(engine, log.origin, keys) as order:
        assert not order.known
    engine.dispose()


def test_a_store_with_an_edge_of_another_size_is_corrupt(tmp_path: Path) -> None:
    engine = audited.open_store(tmp_path / "order.sqlite")
    with audited.advancing(engine, "log.example", ()) as order:
        order.edge = tree.edge_append(order.edge, b"h" * 32)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE taken SET size = 3")
    with pytest.raises(CorruptError, match="edge of another size"):
        audited.order(engine, "log.example")
    engine.dispose()


def test_what_is_asked_of_the_mirror_is_kept_for_a_while(
    smelter: harness.TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "BUNDLES_KEPT", 1)
    shown.write(smelter, tmp_path)
    head = mirror.open_signed((tmp_path / "checkpoint").read_bytes(), [smelter.signer.verifier])
    source = tilesource.open_source(str(tmp_path))
    bundles = auditor.Bundles(tilesource.Tree(source, head.size, head.root))
    for n in (0, 280, 3, 1, 255, 256):
        assert bundles.entry(n) == smelter.leaves[n]
        assert len(bundles.kept) == 1


# The command.


def test_a_witness_that_audits_must_know_where_each_log_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = harness.yard().signer, harness.log_signer("other.example/log")
    both_logs = tmp_path / "logs.txt"
    both_logs.write_text(f"log {one.verifier.vkey} https://a.example\nlog {two.verifier.vkey}\n")
    command = ["witness", "--dir", str(tmp_path / "w"), "--name", "witness.example/w", "--audit"]
    for more, said in (
        (["--log", one.verifier.vkey], f"no address to read {one.name} at"),
        (["--logs", str(both_logs)], "no address to read other.example/log at"),
        (["--logs", str(both_logs), "--url", "https://b.example"], "no address to read other"),
        (["--log", one.verifier.vkey, "--url", "ftp://a.example"], "no web address"),
        (["--log", one.verifier.vkey, "--url", "http://a.example", "--api-key", "k"], "https only"),
    ):
        assert cli.main([*command, *more]) == 1, more
        assert said in capsys.readouterr().err, more
