"""Random histories through the door: a server says of every event what `remelt try` says of it.

Requests of random sizes, one commit or many: neither what the writer remembers between commits
nor how events come together in one may show in what is taken, refused and booked.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger import keys, trial
from ledger.book import encoding, jose
from ledger.errors import FormatError
from tests.cluster import Database
from tests.http.door import OPERATOR, Door, open_door
from tests.oracle import histories

EVENTS = 250
REGISTRATIONS = ("party_registered", "site_registered")


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_history_over_http_is_the_history_of_a_trial(
    tmp_path: Path, database: Database, seed: int
) -> None:
    lines = [line if _comparable(line) else b"" for line in histories.history(seed, EVENTS)]
    wanted = trial.run(b"\n".join(lines))
    with open_door(tmp_path, trial.ORIGIN, database) as door:
        found = _play(door, lines, random.Random(seed))
        for result in wanted["results"]:
            _compare(door, lines[result["line"] - 1], result, found[result["line"]])
        for lot, balances in wanted["lots"].items():
            road = wanted["accounts"].get(f"transit:{lot}", {})
            assert door.get(f"/v1/lots/{lot}", OPERATOR).json()["balances"] == balances | road
        for number, figures in wanted["certificates"].items():
            shown = door.get(f"/v1/certificates/{number}").json()
            assert shown["claimed_mg"] == figures["claimed_mg"]
            assert shown["held_mg"] == figures["held_mg"]


def _comparable(line: bytes) -> bool:
    """A trial does not look into consents, and what is completed here has another size."""
    return b'"consent"' not in line and len(line) < 30_000


def _play(door: Door, lines: list[bytes], rng: random.Random) -> dict[int, str]:
    """Send every line; what became of it, by its number: a code, or "" for an entry."""
    found: dict[int, str] = {}
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    while numbered:
        count = rng.choice([1, 1, 3, 10, 40])
        group, numbered = numbered[:count], numbered[count:]
        rows = [_complete(n, line) for n, line in group]
        if count == 1:
            response = door.post(rows[0])
            codes = [response.json().get("code", "")]
        else:
            results = door.batch(rows).json()["results"]
            codes = ["" if row["ok"] else row["error"]["code"] for row in results]
        found |= {n: code for (n, _), code in zip(group, codes, strict=True)}
    return found


def _complete(number: int, line: bytes) -> bytes:
    """A line for `remelt try` with what a server needs and a trial does not."""
    try:
        event = encoding.decode_object(line)
    except FormatError:
        return line
    made = hashlib.sha256(f"remelt/try\n{number}".encode()).digest()[:16]
    event = {"log": trial.ORIGIN, "id": str(uuid.UUID(bytes=made)), **event}
    body = event.get("body")
    private = event.get("private", {})
    if event.get("kind") in REGISTRATIONS and isinstance(private, dict):
        event["private"] = {"name": "a name", **private}
    if isinstance(body, dict) and "custody" in body and "key" not in body:
        event["body"] = _with_key(body)
    return orjson.dumps(event)


def _with_key(body: dict[str, Any]) -> dict[str, Any]:
    """Who keeps a key decides who makes it; a trial asks for neither."""
    if body["custody"] in ("self", "operator"):
        return {**body, "custody": "operator"}
    return {**body, "key": jose.public_jwk(keys.new_party_key().public_key())}


def _compare(door: Door, line: bytes, wanted: dict[str, Any], code: str) -> None:
    want = "" if wanted["ok"] else wanted["error"]["code"]
    if code == "KEY_UNKNOWN" and want != code:
        # A party that nobody registered has no key: a server finds that before the rules do.
        party = encoding.decode_object(line)["party"]
        assert door.ledger.find(f"party:{party}") is None, (line, want)
        return
    assert code == want, (line, wanted)
