"""Yesterday's database under today's history, with everything running: caught, and brought back."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import httpx

from ledger import apikeys, highwater
from ledger.service import Ledger
from ledger.tlog import checkpoint, note
from tests.operations.conftest import Run
from tests.operations.test_highwater import files, mark_of, put_back, record, serve
from tests.operations.test_logs import Server, serving, wait_for
from tests.store import plant
from tests.witness.serving import Served, served

NAME = "witness.example/w1"


def vkey_of(witness: Served) -> str:
    found = re.search(rf"{NAME}\+[0-9a-f]{{8}}\+\S+", httpx.get(f"{witness.address}/").text)
    assert found is not None
    return found[0].rstrip(".,\"'<")


def cosigned(server: Server, size: int) -> bool:
    """Whether the witness's line stands under the published checkpoint of this size."""
    answer = server.client.get("/checkpoint")
    if answer.status_code != 200:
        return False
    opened = note.parse_note(answer.content)
    said = checkpoint.parse_checkpoint(opened.text)
    return said.size == size and any(line.name == NAME for line in opened.unverified)


def test_a_rollback_under_a_running_history(tmp_path: Path, remelt: Run) -> None:
    data, before = tmp_path / "data", tmp_path / "before"
    plant.build(data)
    ledger = Ledger.open(plant.settings_of(data))
    key, audit = ledger.verifier.vkey, apikeys.create(ledger, "HEFEI", ["audit"], "mirror")
    plant.close(ledger)
    shutil.copytree(data, before)
    policy = tmp_path / "policy.txt"
    copy, state = tmp_path / "mirror", tmp_path / "state"
    with served(tmp_path / "witness", "--name", NAME, "--log", key) as witness:
        line = f"witness w1 {vkey_of(witness)} {witness.address}\n"
        (data / "witnesses.txt").write_text(line)
        policy.write_text(f"log {key}\noperator {'A' * 43}\n{line}quorum w1\nmax_age 1h\n")
        shown = f"{witness.address}/{hashlib.sha256(plant.ORIGIN.encode()).hexdigest()}"

        def watch(url: str) -> int:
            return remelt("monitor", "--url", url, "--url", shown, "--policy", policy,
                          "--state", state, "--party", "WUHU", "--api-key", audit,
                          "--once").status  # fmt: skip

        with serving(data) as server:
            url = f"{server.client.base_url}/{plant.ORIGIN.partition('/')[2]}"
            record(server, 5)
            size = plant.SIZE + 5
            wait_for(lambda: cosigned(server, size))
            said = remelt("mirror", url, copy, "--policy", policy, "--once", "--api-key", audit)
            assert said.status == 0, said.err
            assert watch(url) == 1, "WUHU's registration is told, once"
            assert watch(url) == 0
        assert mark_of(data) == size

        put_back(before, data)
        refused = serve(data)
        assert (refused.returncode, "BACKUP_OLD" in refused.stderr) == (1, True)
        (data / highwater.NAME).unlink()
        refused = serve(data)
        assert refused.returncode == 1
        assert f"the log went on to {size} entries" in refused.stderr
        assert "witness w1" in refused.stderr

        said = remelt("replay", copy, "--data", data)
        assert said.status == 0, said.err
        assert f"replayed 5 entries from {copy}" in said.out
        assert remelt("audit", "--data", data).status == 0
        with serving(data) as server:
            url = f"{server.client.base_url}/{plant.ORIGIN.partition('/')[2]}"
            record(server, 1)
            wait_for(lambda: cosigned(server, size + 1))
            assert watch(url) == 0
            said = remelt("mirror", url, copy, "--policy", policy, "--once", "--api-key", audit)
            assert (said.status, "1 new" in said.out) == (0, True)
            # A second machine with the old database brings itself up from this server.
            found = remelt("replay", url, "--api-key", audit, "--data", before)
            assert found.status == 0, found.err
            assert "replayed 6 entries" in found.out
    assert files(before)
    assert remelt("audit", "--data", before).status == 0
