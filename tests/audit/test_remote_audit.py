"""The audit of a log that is read from outside, in one process and in several."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api import cli
from ledger import logkeys, remote_audit, tilesource
from ledger.audit import Finding
from ledger.book import encoding, jose
from ledger.errors import CorruptError, LedgerError
from ledger.tlog import cosignature, note, tiles
from tests import harness
from tests.audit import both, shown
from tests.monitor import logs

Alter = both.Alter


@pytest.fixture(scope="module")
def smelter() -> harness.TestLedger:
    return harness.smelter(40)[0]


def audited(
    log: harness.TestLedger, directory: Path, processes: int = 1, **changes: Any
) -> remote_audit.Report:
    source = tilesource.open_source(str(directory))
    return remote_audit.run(source, shown.policy(log, **changes), processes)


def finding(
    log: harness.TestLedger, leaves: list[bytes], directory: Path, processes: int = 1
) -> Finding | None:
    return audited(log, shown.write(log, directory, leaves), processes).finding


@pytest.mark.parametrize("processes", [1, 2])
def test_an_honest_log_is_clean(
    smelter: harness.TestLedger, tmp_path: Path, processes: int
) -> None:
    assert len(smelter.leaves) > 2 * remote_audit.CHUNK
    report = audited(smelter, shown.write(smelter, tmp_path), processes)
    assert report.finding is None
    assert (report.origin, report.size) == (smelter.origin, len(smelter.leaves))
    assert (report.cosigned, report.quorum) == ({"w1": shown.SEEN_AT}, True)


def test_a_log_too_long_for_memory_is_audited_from_disk(
    smelter: harness.TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_audit, "IN_MEMORY_MAX", 0)
    assert finding(smelter, smelter.leaves, tmp_path) is None
    log = shown.certified_twice()
    found = finding(log, log.leaves, tmp_path / "twice")
    assert found is not None
    assert (found.n, found.field) == (len(log.leaves) - 1, "reads.lot:HF01/A")


def test_the_first_of_two_findings_is_named_however_far_others_ran_ahead(
    smelter: harness.TestLedger, tmp_path: Path
) -> None:
    """The later one is wrong by itself and found at once, the first only in the log's order."""
    early, late = remote_audit.CHUNK + 3, len(smelter.leaves) - 2
    stale = {early: both.put("prev", to="00" * 32), late: both.without("reads", "log")}
    leaves = both.chained(smelter.leaves, stale)
    for processes in (1, 2):
        found = finding(smelter, leaves, tmp_path / str(processes), processes)
        assert found is not None
        assert (found.n, found.field) == (early, "prev")


DISHONEST: list[tuple[Callable[[harness.TestLedger], object], str]] = [
    (lambda log: log.append(log.entries[3].statement, log.clock_ms), "id"),
    (lambda log: again(log, "HF01/A"), "body.ticket"),
]


def again(log: harness.TestLedger, lot: str) -> None:
    log.receive(lot, "1 t", ticket="T-9")
    log.memory.usage.clear()
    log.receive(f"{lot}2", "1 t", ticket="T-9")


@pytest.mark.parametrize(("act", "field"), DISHONEST, ids=["id", "ticket"])
def test_what_only_the_whole_log_shows_is_found(
    tmp_path: Path, act: Callable[[harness.TestLedger], object], field: str
) -> None:
    log = harness.yard()
    act(log)
    found = finding(log, log.leaves, tmp_path)
    assert found is not None
    assert (found.n, found.field) == (len(log.leaves) - 1, field)
    assert "before, in entry" in found.message


def melted() -> harness.TestLedger:
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.receive("HF01/B", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.melt("HF01/H-1", {"HF01/A": "all", "HF01/B": "all"}, {"HF01/I": ("17 t", {"Al": "96 %"})})
    log.certify(["HF01/I"], "Al")
    return log


def swap_reads(leaf: both.Leaf) -> None:
    reads = leaf["reads"]
    reads["lot:HF01/A"], reads["lot:HF01/B"] = reads["lot:HF01/B"], reads["lot:HF01/A"]


FORGERIES: list[tuple[int, Alter]] = [
    (6, swap_reads),
    (6, both.put("reads", "lot:HF01/A", to=3)),
    (6, both.without("reads", "log")),
    (6, both.without("reads", "lot:HF01/B")),
    (7, both.put("reads", "lot:HF01/I", to=5)),
    (4, both.put("book", "source:HF01", "Al", "POST", to=-9_500_000_001)),
    (6, both.put("book", "lot:HF01/I", "Al", "POST", to=[17 * 10**9, 17 * 10**9])),
    (6, both.without("book", "loss:HF01/MELT")),
    (4, both.put("lots", "HF01/A", "grade", to="provisional")),
    (4, both.put("at", to=1)),
    (5, both.put("prev", to="00" * 32)),
    (5, both.put("n", to=4)),
    (5, lambda leaf: leaf.pop("v")),
    (0, both.put("reads", "log", to=0)),
]


@pytest.mark.parametrize(("n", "alter"), FORGERIES, ids=map(str, range(len(FORGERIES))))
def test_what_a_forger_changes_is_found_where_the_local_audit_finds_it(
    tmp_path: Path, n: int, alter: Alter
) -> None:
    log = melted()
    leaves = both.chained(log.leaves, {n: alter})
    found = finding(log, leaves, tmp_path)
    assert found is not None
    carried = both.sequentially(leaves, log.signer.verifier)
    assert carried is not None
    assert found.n == carried[0] == n


# Keys.


def test_a_log_of_another_operator_or_key_is_not_the_one_of_the_policy(tmp_path: Path) -> None:
    log = harness.yard()
    directory = shown.write(log, tmp_path)
    found = audited(log, directory, operators=("x" * 43,)).finding
    assert found is not None
    assert (found.n, found.field) == (0, "operator_key")
    other = harness.TestLedger(log_label="another")
    with pytest.raises(LedgerError) as raised:
        audited(log, directory, logs=other.policy().logs)
    assert raised.value.code == "CHECKPOINT_UNSIGNED"


def rotated(log: harness.TestLedger, *, stated: bool) -> harness.TestLedger:
    """The log goes on under a second key, with or without an entry that says so."""
    second = harness.log_signer(log.origin, "second")
    if stated:
        vkeys = [log.signer.verifier.vkey, second.verifier.vkey]
        more = logkeys.statement(vkeys)
        log.state("policy_set", more["body"], private=more["private"])
    log.signer = second
    return log


def test_a_key_that_the_log_names_is_its_key(tmp_path: Path) -> None:
    log = rotated(harness.yard(), stated=True)
    assert audited(log, shown.write(log, tmp_path)).finding is None


def test_a_key_that_the_log_does_not_name_is_found(tmp_path: Path) -> None:
    log = rotated(harness.yard(), stated=False)
    found = audited(log, shown.write(log, tmp_path)).finding
    assert found is not None
    assert (found.n, found.field) == (0, "log_key")


# The source.


def test_what_a_source_damages_is_not_held_against_the_log(
    smelter: harness.TestLedger, tmp_path: Path
) -> None:
    directory = shown.write(smelter, tmp_path)
    bundle = directory / tiles.tile_path(tiles.ENTRIES, 0)
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(LedgerError) as raised:
        audited(smelter, directory)
    assert raised.value.code == "PROOF_INVALID"
    bundle.unlink()
    with pytest.raises(LedgerError) as raised:
        audited(smelter, directory)
    assert raised.value.code == "SOURCE_UNREADABLE"


def test_an_empty_log_is_clean(tmp_path: Path) -> None:
    log = harness.yard()
    assert finding(log, [], tmp_path) is None


def test_the_spool_gives_back_what_it_took(tmp_path: Path) -> None:
    leaves = [bytes([n]) * (n * 37 % 200) for n in range(50)]
    with remote_audit.Spool.temporary() as spool:
        end = spool.extend(leaves[:20], 0)
        spool.extend(leaves[20:], end)
        assert [spool.read(n) for n in range(50)] == leaves
        for n in (50, 51, 1000, -1):
            with pytest.raises(CorruptError):
                spool.read(n)


def test_a_cosignature_that_does_not_verify_refuses_the_checkpoint(tmp_path: Path) -> None:
    log = harness.yard()
    directory = shown.write(log, tmp_path)
    signed = note.parse_note((directory / "checkpoint").read_bytes())
    own, line = signed.unverified
    bad = replace(line, value=line.value[:-1] + bytes([line.value[-1] ^ 1]))
    (directory / "checkpoint").write_bytes(note.format_note(signed.text, [own, bad]))
    with pytest.raises(LedgerError) as raised:
        audited(log, directory)
    assert raised.value.code == "SIGNATURE_INVALID"


def test_a_time_beyond_every_calendar_is_printed_as_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "SEEN_AT", cosignature.MAX_TIME)
    log = harness.yard()
    directory, policy = shown.write(log, tmp_path / "log"), shown.policy_file(log, tmp_path)
    for form in ((), ("--json",)):
        status, out, _ = run(capsys, "--url", directory, "--policy", policy, *form)
        assert status == 0
        assert "?" in out


def test_a_process_that_dies_ends_the_audit_and_clears_nobody() -> None:
    dying = functools.partial(os._exit, 1)
    with (
        pytest.raises(CorruptError, match="a process ended before its work was done"),
        remote_audit.answers(dying, range(0, 1000, 100), 1000, 2) as found,
    ):
        next(found)


# The command.


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = cli.main(["audit", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_command_says_clean_and_who_cosigned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = melted()
    directory, policy = shown.write(log, tmp_path / "log"), shown.policy_file(log, tmp_path)
    with logs.serve(lambda path: _file(directory, path)) as web:
        for where in (directory, web.url):
            status, out, _ = run(capsys, "--url", where, "--policy", policy, "--processes", "2")
            assert status == 0
            assert out.startswith(f"clean: {len(log.leaves)} entries, log {log.origin}\n  root ")
            assert "cosigned by w1, 2026-03-02T00:00:00Z" in out
            assert "quorum" not in out
    status, out, _ = run(capsys, "--url", directory, "--policy", policy, "--json")
    said = json.loads(out)
    assert (status, said["finding"], said["quorum"]) == (0, None, True)
    assert said["cosigned"] == [{"witness": "w1", "at": "2026-03-02T00:00:00Z"}]


@pytest.mark.parametrize(("most", "young"), [("1h", False), ("99999d", True), ("", None)])
def test_the_command_says_whether_the_log_is_as_young_as_the_policy_wants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], most: str, young: bool | None
) -> None:
    log = harness.yard()
    directory, policy = shown.write(log, tmp_path / "log"), shown.policy_file(log, tmp_path)
    with policy.open("a") as file:
        file.write(f"max_age {most}\n" if most else "")
    status, out, _ = run(capsys, "--url", directory, "--policy", policy)
    assert (status, "max_age is not met" in out) == (0, young is False)
    status, out, _ = run(capsys, "--url", directory, "--policy", policy, "--json")
    assert json.loads(out)["young"] is young


def _file(directory: Path, path: str) -> bytes | None:
    file = directory / path.lstrip("/")
    return file.read_bytes() if file.is_file() else None


def test_the_command_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = shown.certified_twice()
    directory, policy = shown.write(log, tmp_path / "log"), shown.policy_file(log, tmp_path)
    last = len(log.leaves) - 1
    status, out, _ = run(capsys, "--url", directory, "--policy", policy)
    assert status == 1
    assert out.startswith(f"NOT CLEAN at entry {last}, reads.lot:HF01/A: ENTRY_DIFFERS: ")
    assert f"the log says entry {last - 2}, entry {last - 1} touched it last" in out
    status, out, _ = run(capsys, "--url", directory, "--policy", policy, "--json")
    assert (status, json.loads(out)["finding"]["n"]) == (1, last)


def test_the_command_tells_wrong_use_and_what_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = melted()
    directory, policy = shown.write(log, tmp_path / "log"), shown.policy_file(log, tmp_path)
    empty = tmp_path / "empty"
    empty.write_text("log nonsense\n")
    for arguments, said in (
        (("--url", tmp_path / "none", "--policy", policy), "no directory"),
        (("--url", "ftp://log.example", "--policy", policy), "no web address"),
        (("--url", tmp_path, "--policy", policy), "nothing there"),
        (("--url", directory, "--policy", empty), "line 1"),
        (("--url", directory, "--policy", tmp_path / "gone"), "No such file"),
        (("--url", directory), "--url needs --policy"),
        (("--url", directory, "--policy", policy, "--rebuild-views"), "--rebuild-views does not"),
        (("--policy", policy), "--policy does not go without --url"),
        (("--processes", "2"), "--processes does not go without --url"),
    ):
        status, out, err = run(capsys, *arguments)
        assert (status, out) == (2, ""), arguments
        assert said in err, arguments
    (directory / "checkpoint").write_bytes(harness.TestLedger(log_label="x").checkpoint())
    status, _, err = run(capsys, "--url", directory, "--policy", policy)
    assert (status, "CHECKPOINT_UNSIGNED" in err) == (1, True)


def test_statements_are_checked_again_and_not_believed(tmp_path: Path) -> None:
    """A statement that says something else, signed with a key that the party never had."""
    log = melted()
    key = harness.private_key("planted")

    def alter(leaf: both.Leaf) -> None:
        payload = encoding.canonical(encoding.decode_object(jose.parse(leaf["statement"]).payload))
        leaf["statement"] = jose.sign(payload, key, harness.kid_of(key))

    found = finding(log, both.chained(log.leaves, {5: alter}), tmp_path)
    assert found is not None
    assert (found.n, found.field) == (5, "kid")
    assert "KEY_UNKNOWN" in found.message
