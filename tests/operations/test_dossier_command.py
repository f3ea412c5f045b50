"""`remelt dossier`, `remelt certify --disclose` and `remelt proof`, on a ledger of their own."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from ledger import dossiers, entry, rotation
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, published, tables
from tests.operations.conftest import Place, Run
from tests.store import plant


@pytest.fixture
def serial(place: Place) -> str:
    ledger = place.open()
    with engines.reading(ledger.engine) as connection:
        found = connection.execute(select(tables.certificates.c.serial)).scalar_one()
    place.close()
    return str(found)


def noted(place: Place) -> int:
    """The entry whose private field is a note: the first receipt."""
    ledger = place.open()
    c = tables.disclosures.c
    with engines.reading(ledger.engine) as connection:
        rows = connection.execute(select(c.n, c.text)).all()
    place.close()
    return int(next(n for n, text in rows if entry.disclosure(text).name == "note"))


def verified(remelt: Run, place: Place, file: Path) -> int:
    return remelt("verify", file, "--policy", place.data / "policy.txt").status


def test_a_dossier_is_made_anew_with_a_private_field_and_smaller(
    place: Place, remelt: Run, serial: str, tmp_path: Path
) -> None:
    n, file = noted(place), tmp_path / "shown.json"
    said = remelt("dossier", serial, "--disclose", f"{n}:note", "--out", file, *place.options)
    assert said.status == 0, said.err
    assert f"discloses note of entry {n}: whoever has the file reads it" in said.out
    (text,) = json.loads(file.read_text())["disclosures"][str(n)]
    assert entry.disclosure(text).value == "yard 3"
    assert verified(remelt, place, file) == 0
    small = tmp_path / "small.json"
    said = remelt("dossier", serial, "--budget", "7kB", "--out", small, *place.options)
    assert said.status == 0, said.err
    assert small.stat().st_size < file.stat().st_size
    assert json.loads(small.read_text())["disclosures"] == {}
    assert verified(remelt, place, small) == 0
    least = remelt("dossier", serial, "--budget", "1", "--out", small, *place.options)
    assert "  more than 1: the certificate and what it rests on take that at least" in least.out


@pytest.mark.parametrize("budget", ["0", "17MB", "1.55MB", "x", "-1", "1e6", "٣kB", "1 MB"])
def test_a_budget_that_is_no_size_is_refused(
    place: Place, remelt: Run, serial: str, budget: str
) -> None:
    said = remelt("dossier", serial, f"--budget={budget}", *place.options)
    assert said.status == 1
    assert "PARAMETER_INVALID: budget" in said.err


def test_a_certificate_stands_even_if_what_to_disclose_does_not(
    place: Place, remelt: Run, tmp_path: Path
) -> None:
    lot = ["WH01/C", "--party", "WUHU", "--site", "WH01", "--substance", "Al"]
    out = ["--out", tmp_path / "made.json", *place.options]
    said = remelt("certify", *lot, "--disclose", "nonsense", *out)
    assert (said.status, said.out) == (1, "")
    said = remelt("certify", *lot, "--disclose", "0:name", *out)
    assert said.status == 1
    assert "was issued all the same" in said.err
    assert "entry 0 has no private field 'name'" in said.err
    number = said.err.split("certificate ")[1].split()[0]
    assert remelt("dossier", number, *out).status == 0


def test_a_proof_is_written_and_checked(place: Place, remelt: Run, tmp_path: Path) -> None:
    file, policy = tmp_path / "6.tlog-proof", place.data / "policy.txt"
    said = remelt("proof", 6, "--out", file, *place.options)
    assert (said.status, said.err) == (0, "")
    ledger = place.open()
    c = tables.entries.c
    with engines.reading(ledger.engine) as connection:
        leaf = connection.execute(select(c.leaf).where(c.n == 6)).scalar_one()
    place.close()
    (tmp_path / "leaf").write_bytes(leaf)
    (tmp_path / "pretty.json").write_text(json.dumps(json.loads(leaf), indent=2))
    for name in ("leaf", "pretty.json"):
        checked = ("proof", "--check", file, "--entry", tmp_path / name, "--policy", policy)
        said = remelt(*checked, "--json")
        assert (said.status, said.json["index"], said.json["cosigned"]) == (0, 6, [])
    (tmp_path / "leaf").write_bytes(leaf[:-1])
    said = remelt("proof", "--check", file, "--entry", tmp_path / "leaf", "--policy", policy)
    assert said.status == 1
    file.write_bytes(file.read_bytes()[1:])
    said = remelt("proof", "--check", file, "--leaf-hash", "0" * 64, "--policy", policy)
    assert said.status == 2
    assert "remelt: hint:" in said.err


@pytest.mark.parametrize("wrong", [[], ["-1"], [str(2**63)], ["5", "--check", "x"], ["999"]])
def test_a_proof_of_nothing_is_refused(place: Place, remelt: Run, wrong: list[str]) -> None:
    said = remelt("proof", *wrong, *place.options)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("remelt: error: ")


def put_up(ledger: Ledger, size: int) -> str:
    """Publish the stored checkpoint of a size."""
    with engines.writing(ledger.engine) as connection:
        text = entries.read_checkpoint(connection, ledger.log_id, size)
        before = published.read(connection, ledger.log_id, lock=True)
        after = published.Published(size, text, 1, True)
        assert published.write(connection, ledger.log_id, before, after)
    return text


def test_a_dossier_waits_for_the_witnesses_and_not_for_ever(place: Place) -> None:
    ledger = place.open()
    head = ledger.head().size
    with engines.reading(ledger.engine) as connection:
        c = tables.checkpoints.c
        sizes = list(connection.execute(select(c.size).order_by(c.size)).scalars())
    old, n = sizes[-2], head - 1
    put_up(ledger, old)
    with engines.writing(ledger.engine) as connection:
        published.write_states(connection, ledger.log_id, [published.State("key", "W1")])
    dossiers.await_published(ledger, n, 0.2)
    with engines.reading(ledger.engine) as connection:
        assert dossiers.checkpoint_over(connection, ledger.log_id, n)[0] == head
        assert dossiers.checkpoint_over(connection, ledger.log_id, old - 1)[0] == old
    publisher = threading.Timer(0.3, put_up, (ledger, head))
    publisher.start()
    dossiers.await_published(ledger, n, 60)
    publisher.join()
    with engines.reading(ledger.engine) as connection:
        assert dossiers.checkpoint_over(connection, ledger.log_id, 0)[0] == head
    place.close()


def test_a_dossier_shows_how_the_keys_of_the_log_changed(
    place: Place, remelt: Run, serial: str, tmp_path: Path
) -> None:
    """Bought under the old key, or the new one: either policy verifies it, whatever the budget."""
    old = (place.data / "policy.txt").read_text()
    assert remelt("logkey", "add", *place.options).status == 0
    ledger = place.open(writing=True)
    n = ledger.head().size - 1
    plant.accept(ledger, plant.receipt("HF01/LATER"))  # both keys sign from here on
    with engines.reading(ledger.engine) as connection:
        (_, new) = (key.vkey for key in rotation.known(connection, ledger.log_id))
    place.close()
    file = tmp_path / "made.json"
    assert remelt("dossier", serial, "--budget", "1kB", "--out", file, *place.options).status == 0
    (text,) = json.loads(file.read_text())["disclosures"][str(n)]
    assert entry.disclosure(text).name == "log_keys"
    asked = ("--disclose", f"{n}:log_keys", "--out", file)  # what goes with it in any case
    assert remelt("dossier", serial, *asked, *place.options).status == 0
    assert json.loads(file.read_text())["disclosures"][str(n)] == [text]
    lines = [f"log {new}" if line.startswith("log ") else line for line in old.split("\n")]
    for number, policy in enumerate((old, "\n".join(lines))):
        (tmp_path / f"{number}.txt").write_text(policy)
        said = remelt("verify", file, "--policy", tmp_path / f"{number}.txt")
        assert said.status == 0, said.out + said.err
