"""A server with witnesses in processes of their own: what it serves, says, and refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger import highwater, settings, witnesses
from ledger.service import Ledger
from ledger.tlog import checkpoint, cosignature, note
from tests.operations.conftest import Run
from tests.operations.test_highwater import put_back, record, serve
from tests.operations.test_logs import Server, serving, wait_for
from tests.store import plant
from tests.witness.serving import Served, served

GAP: dict[str, Any] = {"REMELT_PUBLISH_GAP_MS": "200"}


@dataclass
class Witness:
    """A process of `remelt witness`, and the line by which a list names it."""

    directory: Path
    served: Served
    line: str

    @property
    def name(self) -> str:
        return self.line.split(" ")[1]

    @property
    def cosigner(self) -> cosignature.Cosigner:
        return cosignature.parse_vkey(self.line.split(" ")[2])


@contextmanager
def witnessing(directory: Path, verifier: note.Verifier) -> Iterator[Witness]:
    name = f"witness.example/{directory.name}"
    with served(directory, "--name", name, "--log", verifier.vkey) as found:
        printed = found.output.read_text(encoding="utf-8")
        (line,) = [line for line in printed.splitlines() if line.startswith("witness ")]
        yield Witness(directory, found, f"{line}\n")


@dataclass
class Place:
    data: Path
    verifier: note.Verifier
    witnesses: list[Witness]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A ledger whose list names two witnesses, both of which must cosign."""
    data = tmp_path / "data"
    plant.build(data)
    ledger = Ledger.open(plant.settings_of(data))
    verifier = ledger.verifier
    ledger.engine.dispose()
    with witnessing(tmp_path / "w1", verifier) as one, witnessing(tmp_path / "w2", verifier) as two:
        (data / witnesses.NAME).write_text(one.line + two.line)
        yield Place(data, verifier, [one, two])


def cosigned(server: Server, place: Place) -> tuple[int, set[str]]:
    """The size of what is published, and who cosigned it; everything in it verifies."""
    answer = server.client.get("/checkpoint")
    assert answer.status_code == 200
    seen, opened = checkpoint.open_checkpoint(answer.content, [place.verifier], plant.ORIGIN)
    known = {one.name: one.cosigner for one in place.witnesses}
    return seen.size, set(cosignature.verify_cosignatures(opened, known))


def checks(server: Server) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in server.client.get("/readyz").json()["checks"]}


def test_what_is_served_is_cosigned_and_a_database_that_was_set_back_is_found_out(
    place: Place, tmp_path: Path, remelt: Run
) -> None:
    shutil.copytree(place.data, tmp_path / "before")
    both = {one.name for one in place.witnesses}
    with serving(place.data, **GAP) as server:
        wait_for(lambda: cosigned(server, place) == (plant.SIZE, both))
        record(server, 3)
        wait_for(lambda: cosigned(server, place) == (plant.SIZE + 3, both))
        assert checks(server)["witnesses"]["message"] == "2 of 2 cosigned 8 entries"
        found = server.figures()
        assert found["remelt_published_size"] == plant.SIZE + 3
        assert found["remelt_witness_quorum_met"] == 1
        assert (found["remelt_witnesses_met"], found["remelt_witnesses_asked"]) == (2, 2)
        age_s = found[f'remelt_witness_age_seconds{{witness="{place.witnesses[0].name}"}}']
        assert 0 <= age_s < 60
        assert found["remelt_published_age_seconds"] < 60

        place.witnesses[1].served.process.kill()
        record(server, 1)
        wait_for(lambda: cosigned(server, place) == (plant.SIZE + 4, {place.witnesses[0].name}))
        said = checks(server)["witnesses"]
        assert said["state"] == "warn"
        assert "1 of 2 cosigned 9 entries; witness.example/w2: no connection: " in said["message"]
        assert server.figures()["remelt_witness_quorum_met"] == 0
        record(server, 1)  # a log does not wait for its witnesses
        wait_for(lambda: cosigned(server, place)[0] == plant.SIZE + 5)
    said_by = remelt("doctor", "--json", "--data", place.data).json["checks"]
    found_by = {check["name"]: check for check in said_by}
    assert found_by[f"witness {place.witnesses[0].name}"]["message"] == "it saw 10 entries"
    assert found_by[f"witness {place.witnesses[1].name}"]["state"] == "warn"

    # The database comes back from yesterday, and the note of how far it had come is gone.
    put_back(tmp_path / "before", place.data)
    (place.data / highwater.NAME).unlink()
    said_by = remelt("doctor", "--json", "--data", place.data).json["checks"]
    found_by = {check["name"]: check for check in said_by}
    said = found_by[f"witness {place.witnesses[0].name}"]
    assert (said["state"], said["message"]) == ("fail", "it saw 10 entries, here it has 5")
    assert "`remelt replay`" in said["hint"]
    done = serve(place.data)
    assert done.returncode == 1
    assert "BACKUP_OLD" in done.stderr
    assert "went on to 10 entries, here it has 5" in done.stderr
    assert "`remelt replay`" in done.stderr
    # No witness answers: that keeps nobody from starting.
    place.witnesses[0].served.process.kill()
    with serving(place.data, **GAP) as server:
        assert server.client.get("/checkpoint").status_code == 200


def test_entries_are_public_where_the_operator_says_so(tmp_path: Path) -> None:
    plant.build(tmp_path / "data")
    rates = {"REMELT_RATE_VISITS": "1", **GAP}
    with serving(tmp_path / "data", REMELT_ENTRIES="public", **rates) as server:
        del server.client.headers["authorization"]
        answer = server.client.get(f"/tile/entries/000.p/{plant.SIZE}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
        missing = server.client.get("/tile/entries/001.p/1")
        assert (missing.status_code, missing.headers["access-control-allow-origin"]) == (404, "*")
        # Ten tiles count as one visit: who reads a whole log in a row is not told to wait.
        tiles = [server.client.get("/tile/0/000.p/1").status_code for _ in range(40)]
        assert set(tiles) == {200}
        others = [server.client.get("/v1/log/checkpoint").status_code for _ in range(40)]
        assert 429 in others


def test_a_bad_list_keeps_a_server_from_starting(tmp_path: Path, remelt: Run) -> None:
    data = tmp_path / "data"
    plant.build(data)
    (data / witnesses.NAME).write_text("# ours\nwitness w1 nonsense http://127.0.0.1:1\n")
    done = serve(data)
    assert done.returncode == 1
    assert f"POLICY_INVALID: {data / witnesses.NAME}: line 2: " in done.stderr
    assert "remelt: hint: " in done.stderr
    found = {c["name"]: c for c in remelt("doctor", "--json", "--data", data).json["checks"]}
    assert found[witnesses.NAME]["state"] == "fail"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REMELT_ENTRIES", "some"),
        ("REMELT_PUBLISH_GAP_MS", "0"),
        ("REMELT_PUBLISH_GAP_MS", "1s"),
        ("REMELT_PUBLISH_GAP_MS", "-1"),
        ("REMELT_PUBLISH_IDLE_S", "9"),
        ("REMELT_PUBLISH_IDLE_S", "9999999999"),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, value: str, remelt: Run) -> None:
    said = remelt("config", "show", **{name: value})
    assert said.status == 1
    assert f"{name}: {value!r}, want" in said.err


def test_settings_have_the_defaults_of_the_table() -> None:
    shown = {name: text for name, text, _ in settings.shown(settings.load())}
    plain = settings.Settings(Path(), "", "", "")
    assert shown["REMELT_ENTRIES"] == plain.entries
    assert shown["REMELT_PUBLISH_GAP_MS"] == str(plain.publish_gap_ms)
    assert shown["REMELT_PUBLISH_IDLE_S"] == str(plain.publish_idle_s)


def test_the_mark_is_on_the_disk_before_a_size_is_published(tmp_path: Path) -> None:
    data = tmp_path / "data"
    plant.build(data)
    with serving(data, **GAP) as server:
        record(server, 2)
        wait_for(lambda: b"\n7\n" in server.client.get("/checkpoint").content)
        assert json.loads((data / highwater.NAME).read_text())["size"] == 7
