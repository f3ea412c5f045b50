"""`remelt verify`: two files, a clock, and what is printed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from api import cli
from ledger.certificate import policy
from tests import harness


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A dossier that a witness and an auditor cosigned an hour ago, and the buyer's policy."""
    log = harness.yard()
    issued = harness.certified(log)
    hour_ago = int(time.time()) - 3_600
    signed = harness.cosigned(log.checkpoint(), {"w1": hour_ago, "anhui": hour_ago})
    (tmp_path / "x.remelt.json").write_bytes(log.dossier(issued, checkpoint=signed))
    rows = [policy.format_policy(log.policy()).decode().replace("quorum none\n", "")]
    rows += [f"witness {n} {harness.witness(n).cosigner.vkey}\n" for n in ("w1", "anhui")]
    rows += ["group witnesses any w1\n", "group auditors any anhui\n", "quorum witnesses\n"]
    (tmp_path / "policy.txt").write_text("".join(rows), encoding="utf-8")
    return tmp_path


def verify(files: Path, *more: str, policy_file: str = "policy.txt") -> int:
    return cli.main(
        ["verify", str(files / "x.remelt.json"), "--policy", str(files / policy_file), *more]
    )


def test_it_says_who_saw_the_log_and_who_audited_it(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(files) == 0
    said = capsys.readouterr().out
    assert "seen by 1 of 1 witnesses and 1 of 1" in said
    assert "NOT SPENT TWICE     on the word of auditing witness anhui up to size 6\n" in said
    assert verify(files, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert {w["name"]: w["counted_as"] for w in shown["witnesses"]} == {
        "w1": "witness", "anhui": "auditor"
    }  # fmt: skip
    assert shown["not_spent_twice"] == {"auditors": ["anhui"], "size": 6}


@pytest.mark.parametrize(("max_age", "status"), [("61m", 0), ("59m", 1)])
def test_it_knows_what_time_it_is(
    files: Path, capsys: pytest.CaptureFixture[str], max_age: str, status: int
) -> None:
    text = (files / "policy.txt").read_text("utf-8")
    (files / "young.txt").write_text(f"{text}max_age {max_age}\n", encoding="utf-8")
    assert verify(files, policy_file="young.txt") == status
    assert ("CHECKPOINT_STALE" in capsys.readouterr().out) is bool(status)


def test_it_names_who_did_not_cosign(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (files / "policy.txt").read_text("utf-8")
    absent = f"witness w2 {harness.witness('w2').cosigner.vkey}\nquorum w2\n"
    (files / "more.txt").write_text(text.replace("quorum witnesses\n", absent), encoding="utf-8")
    assert verify(files, policy_file="more.txt") == 1
    said = capsys.readouterr().out
    assert "step 3 (cosignatures)" in said
    assert "CHECKPOINT_UNWITNESSED: the policy wants the cosignatures of w2: not shown" in said
    assert "fetch a fresh dossier" in said
