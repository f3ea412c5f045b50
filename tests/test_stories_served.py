"""The example stories on a real server, one log for all; then dossiers verified without it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger import audit, keys, reports
from ledger.book import serial
from ledger.exchange import story
from ledger.store import engine as engines
from tests.http.door import ORIGIN, ROOT, Door, new_key, open_door
from tests.test_stories import CERTIFIED, EXAMPLES, FOLDERS, NEWER


@dataclass
class Served:
    """What the server answered, and what it gave away."""

    folder: Path
    taken: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)
    issued: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed_walks: tuple[str, ...] = ()

    def verify(self, number: str) -> subprocess.CompletedProcess[str]:
        """`remelt verify` in a process that knows nothing of the ledger."""
        command = [sys.executable, "-m", "api.cli", "verify", f"{number}.remelt.json"]
        return subprocess.run(
            [*command, "--policy", "policy.txt"],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        )  # fmt: skip


def tell(door: Door, name: str, folder: str) -> Iterator[tuple[dict[str, Any], Any, str]]:
    """Play a file of a story: envelope, answer and expected code of each event."""
    text = (EXAMPLES / folder / name).read_text(encoding="utf-8")
    file = story.load(text, ORIGIN)
    for event, expected in zip(file.events, file.expected, strict=True):
        envelope = {"log": ORIGIN, **event}
        party = event["body"].get("party", "")
        if event["kind"] == "party_registered" and event["body"]["custody"] == "self":
            door.signing[party] = keys.new_party_key()
            envelope["body"] = {**event["body"], **new_key(party, door.signing[party])}
        yield envelope, door.send(envelope), expected
        if event["kind"] == "party_registered":
            door.api_key(party, ["record", "read"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    found = Served(tmp_path_factory.mktemp("buyer"))
    data = tmp_path_factory.mktemp("stories")
    with open_door(data) as door:
        for folder in FOLDERS:
            play(door, folder, found)
        for folder in NEWER:
            for number, _ in found.issued[folder]:
                found.views[number] = door.get(f"/v1/certificates/{number}").json()
                answer = door.get(f"/v1/certificates/{number}/dossier")
                (found.folder / f"{number}.remelt.json").write_bytes(answer.content)
        with engines.reading(door.ledger.engine) as connection:
            report = audit.run(connection, door.ledger.log_id, door.ledger.verifier)
        found.closed_walks = report.closed_walks
        (found.folder / "policy.txt").write_bytes(reports.policy_file(door.ledger))
    return found


def play(door: Door, folder: str, found: Served) -> None:
    answers = list(tell(door, "story.toml", folder))
    found.taken[folder] = [answer.status_code for _, answer, _ in answers]
    found.issued[folder] = [
        (serial.make(ORIGIN, e["party"], e["id"]), e["body"])
        for e, _, _ in answers
        if e["kind"] == "certificate_issued"
    ]
    found.refused[folder] = [
        f"{answer.json().get('code')} {expected}"
        for _, answer, expected in tell(door, "refused.toml", folder)
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_server_takes_the_stories_one_after_another(served: Served, folder: str) -> None:
    assert set(served.taken[folder]) == {201}


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_refuses_what_is_to_be_refused(served: Served, folder: str) -> None:
    assert all(len(set(codes.split())) == 1 for codes in served.refused[folder])


# What a dossier cannot show, because a party shares with its customers only, is not recycled.
PROVEN = {"JP01/SOFT-1A": "82.69", "JP01/SOFT-1B": "82.69"}


@pytest.mark.parametrize("folder", NEWER)
def test_it_shows_the_certificates_as_the_dry_run_does(served: Served, folder: str) -> None:
    shown = {}
    for number, body in served.issued[folder]:
        view = served.views[number]
        name = (body["lots"][0], "+".join(body["classes"]), view["substance"], view["status"])
        shown[name] = tuple(view[n] for n in ("claimed_mg", "held_mg", "of_substance", "of_mass"))
    assert shown == CERTIFIED[folder]


@pytest.mark.parametrize("folder", NEWER)
def test_a_buyer_verifies_every_certificate_without_the_server(served: Served, folder: str) -> None:
    for number, body in served.issued[folder]:
        view, done = served.views[number], served.verify(number)
        shown, stated = " ".join(done.stdout.split()), view["of_substance"]
        proven = PROVEN.get(body["lots"][0], stated)
        what = f"{'+'.join(body['classes'])} in the {body['substance']} of the certified lots"
        assert f"{what}: proven at least {proven} % (stated {stated} %)" in shown
        revoked = view["status"] == "REVOKED"
        assert ("this certificate is REVOKED" in shown) == revoked
        assert done.returncode == int(revoked), shown


def test_what_is_not_shown_is_somebody_elses_declaration(served: Served) -> None:
    ((number, _),) = [i for i in served.issued["lead"] if i[1]["lots"] == ["JP01/SOFT-1A"]]
    assert "374.59 kg not shown, counted as primary" in served.verify(number).stdout
    page = (EXAMPLES / "lead" / "README.md").read_text(encoding="utf-8")
    assert all(f"{share} %" in page for share in PROVEN.values())
