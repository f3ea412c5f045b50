"""The command `remelt witness`: what it shows, and what it says is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from api import cli
from api.commands import auditing, witnessing
from ledger import witness
from ledger.tlog import cosignature
from tests.unit.ledger.tlog import vectors
from tests.witness import places

Said = pytest.CaptureFixture[str]


def test_a_new_witness_is_made_and_shown_without_a_log(tmp_path: Path, capsys: Said) -> None:
    where = ["witness", "--dir", str(tmp_path / "w"), "--show"]
    assert cli.main([*where, "--name", "witness.example/w2"]) == 0
    first = capsys.readouterr().out
    vkey, line = first.splitlines()
    assert cosignature.parse_vkey(vkey).name == "witness.example/w2"
    assert line == f"witness witness.example/w2 {vkey} http://127.0.0.1:8741"
    assert cli.main(where) == 0
    assert capsys.readouterr().out == first
    assert cli.main([*where, "--name", "witness.example/w3"]) == 1
    assert "the witness here is witness.example/w2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--show"], 1, "no witness here"),
        (["--show", "--name", "two words"], 1, "not a name"),
        ([], 1, "no log to witness"),
        (["--log", "x"], 1, "POLICY_INVALID: logs: vkey"),
        (["--log", vectors.W1_VKEY], 1, "want Ed25519 (0x01)"),
        (["--logs", "none.txt"], 2, "none.txt: No such file"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, capsys: Said, arguments: list[str], status: int, said: str
) -> None:
    assert cli.main(["witness", "--dir", str(tmp_path / "w"), *arguments]) == status
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.startswith("remelt: error: ")
    assert not (tmp_path / "w").exists()


def test_the_second_key_has_a_line_of_its_own(tmp_path: Path, capsys: Said) -> None:
    where = ["witness", "--dir", str(tmp_path / "w"), "--show", "--ml-dsa"]
    status = cli.main([*where, "--name", "witness.example/w2"])
    shown = capsys.readouterr()
    if "cannot compute" in shown.err:
        pytest.skip("this installation cannot compute ML-DSA-44")
    assert status == 0
    names = [line.split()[1] for line in shown.out.splitlines() if line.startswith("witness ")]
    assert names == ["witness.example/w2", "witness.example/w2-ml-dsa"]


def test_a_key_that_audits_does_not_cosign_unaudited(tmp_path: Path, capsys: Said) -> None:
    where = ["witness", "--dir", str(tmp_path), "--name", "witness.example/w2"]
    assert cli.main([*where, "--show"]) == 0
    (tmp_path / auditing.AUDIT_DIRECTORY).mkdir()
    assert witnessing.AUDIT_DIRECTORY == auditing.AUDIT_DIRECTORY
    assert cli.main([*where, "--log", vectors.LOG.vkey]) == 1
    assert "this witness audits" in capsys.readouterr().err
    assert cli.main([*where, "--log", vectors.LOG.vkey, "--url", "https://x.example"]) == 1
    assert "add --audit" in capsys.readouterr().err


def test_a_key_that_cosigned_unaudited_does_not_begin_to_audit(
    tmp_path: Path, capsys: Said
) -> None:
    directory = places.new(tmp_path)
    assert not witness.has_cosigned(directory)
    opened = places.open_at(directory)
    assert isinstance(witness.add_checkpoint(opened, places.asked(0, 15)), bytes)
    opened.store.engine.dispose()
    where = ["witness", "--dir", str(directory), "--log", vectors.LOG.vkey, "--audit"]
    assert cli.main([*where, "--url", "http://127.0.0.1:9"]) == 1
    assert "has cosigned without auditing" in capsys.readouterr().err
    assert not (directory / auditing.AUDIT_DIRECTORY).exists()
