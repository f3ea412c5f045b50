"""`remelt record --url`: the command line is a client like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger import keys, statements
from tests.client.road import LOSE, ROOT, Road
from tests.http.door import ORIGIN, SECRET, Door, received


def record(*arguments: str, api_key: str = "") -> subprocess.CompletedProcess[str]:
    return remelt("record", *arguments, api_key=api_key)


def remelt(*arguments: str, api_key: str = "") -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REMELT_")}
    environment |= {"REMELT_API_KEY": api_key} if api_key else {}
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def events(door: Door, party: str, site: str, count: int) -> list[dict[str, Any]]:
    return [
        statements.envelope(
            ORIGIN, party, "lot_received", received(f"{site}/{door.name('W')}"), site=site,
            private={"note": SECRET},
        )
        for _ in range(count)
    ]  # fmt: skip


def write(path: Path, lines: list[Any]) -> str:
    rows = [line if isinstance(line, bytes) else orjson.dumps(line) for line in lines]
    path.write_bytes(b"\n".join(rows))
    return str(path)


def test_a_file_is_recorded_over_a_bad_road_line_by_line(
    door: Door, road: Road, tmp_path: Path
) -> None:
    good = events(door, "YARD", "YD01", 2)
    file = write(tmp_path / "e.ndjson", [good[0], b"", {"kind": "lot_eaten"}, good[1]])
    road.faults.append(LOSE)
    size = door.size()
    done = record(file, "--url", road.url, api_key=door.api_keys["YARD"])
    assert done.returncode == 1, done.stderr
    assert f"line    1  entry {size} " in done.stdout
    assert "line    3  refused  " in done.stdout
    assert f"line    4  entry {size + 1} " in done.stdout
    assert done.stdout.endswith("2 recorded, 1 refused\n")
    again = record(file, "--url", road.url, "--api-key", door.api_keys["YARD"], "--json")
    results = json.loads(again.stdout)["results"]
    assert [r.get("n") for r in results] == [size, None, size + 1]
    assert [r["line"] for r in results] == [1, 3, 4]
    assert set(results[1]["error"]) == {"code", "field", "value", "message", "hint"}
    assert "ReadError" in done.stderr or "RemoteProtocolError" in done.stderr, "retries are told"
    assert door.api_keys["YARD"] not in done.stdout + done.stderr + again.stderr


def test_a_file_is_signed_with_the_partys_own_key(door: Door, tmp_path: Path) -> None:
    keys.save_party_key(tmp_path / "own.pem", door.signing["SMELTER"])
    file = write(tmp_path / "e.ndjson", events(door, "SMELTER", "SM01", 3))
    key = str(tmp_path / "own.pem")
    done = record(file, "--url", door.address, "--key", key, api_key=door.api_keys["SMELTER"])
    assert done.stdout.endswith("3 recorded, 0 refused\n"), done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--url", "http://127.0.0.1:9", "--api-key", "rmk_x y"], "SETTING_INVALID: api_key"),
        (["--url", "http://192.0.2.1"], "SETTING_INVALID: url: 192.0.2.1: an API key goes over"),
        (["--url", "http://127.0.0.1:9", "--key", "/nowhere.pem"], "SETTING_INVALID: key: cannot"),
        (["--url", "https://127.0.0.1:9", "--ca-file", "/nowhere.pem"], "/nowhere.pem"),
    ],
)
def test_wrong_use_is_told_in_a_line(tmp_path: Path, more: list[str], said: str) -> None:
    done = record(write(tmp_path / "e.ndjson", [{}]), *more)
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_api_key_that_is_not_known_is_told_once(door: Door, tmp_path: Path) -> None:
    file = write(tmp_path / "e.ndjson", events(door, "YARD", "YD01", 2))
    done = record(file, "--url", door.address, api_key="rmk_nobody")
    assert done.returncode == 1
    assert done.stderr.startswith("remelt: error: AUTH_REQUIRED: ")
    assert "2 of 2 lines have no answer; record the file again" in done.stderr


def test_what_was_signed_once_is_recorded_once_however_often(door: Door, tmp_path: Path) -> None:
    keys.save_party_key(tmp_path / "own.pem", door.signing["SMELTER"])
    file = write(tmp_path / "e.ndjson", events(door, "SMELTER", "SM01", 2))
    out, key = str(tmp_path / "signed.ndjson"), str(tmp_path / "own.pem")
    assert remelt("sign", file, "--key", key, "--out", out).returncode == 0
    assert SECRET not in Path(out).read_text(), "but in the disclosures, in base64"
    size = door.size()
    for _ in range(2):
        done = record(out, "--url", door.address, api_key=door.api_keys["SMELTER"])
        assert done.stdout.endswith("2 recorded, 0 refused\n"), done.stdout
    assert door.size() == size + 2
    again = remelt("sign", file, "--key", key, "--out", out)
    assert (again.returncode, "File exists" in again.stderr) == (2, True)


def test_nothing_is_signed_if_a_line_cannot_be(door: Door, tmp_path: Path) -> None:
    keys.save_party_key(tmp_path / "own.pem", door.signing["SMELTER"])
    file = write(tmp_path / "e.ndjson", [*events(door, "SMELTER", "SM01", 1), {"kind": "x"}])
    out = tmp_path / "signed.ndjson"
    done = remelt("sign", file, "--key", str(tmp_path / "own.pem"), "--out", str(out))
    assert done.returncode == 1
    assert "line    2  refused  FIELD_MISSING" in done.stdout
    assert not out.exists()
