"""`remelt forget`: private fields are gone from the files, and everything else is as it was."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from ledger import dossiers, entry, forget, reports, rotation
from ledger.book import jose
from ledger.certificate import policy, verify
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables
from tests.operations.conftest import Place, Run
from tests.store import plant

SELLER = "Chen Xiulan of Lane 4"
_FILES = (
    "SELECT current_setting('data_directory'), oid FROM pg_database "
    "WHERE datname = current_database()"
)


@pytest.fixture
def used(place: Place) -> Place:
    """The ledger with many receipts of several sellers."""
    ledger = place.open(writing=True)
    for start in range(0, 120, 40):
        plant.accept(ledger, *[receipt(i) for i in range(start, start + 40)])
    place.close()
    return place


def receipt(i: int) -> plant.Envelope:
    seller = SELLER if i % 10 == 0 else f"seller number {i}"
    return plant.receipt(f"HF01/R{i}", private={"seller": seller, "plate": f"plate {i}"})


def kept(place: Place) -> dict[int, dict[str, entry.Disclosure]]:
    """Every private field in the database, by entry and name."""
    ledger = place.open()
    c = tables.disclosures.c
    found: dict[int, dict[str, entry.Disclosure]] = {}
    with engines.reading(ledger.engine) as connection:
        for n, written in connection.execute(select(c.n, c.text)):
            made = entry.disclosure(written)
            found.setdefault(n, {})[made.name] = made
    place.close()
    return found


def traces(field: entry.Disclosure) -> list[bytes]:
    """What would give a field away: its stored text, its salt, its value, in the spellings used."""
    salt = json.loads(jose.b64url_decode(field.text, ""))[0]
    value = str(field.value).encode()
    middles = [base64.urlsafe_b64encode(value[i:])[4:-4] for i in range(3)]
    found = [field.text.encode(), field.text[:40].encode(), salt.encode(), value, *middles]
    return [trace for trace in found if len(trace) >= 12]


def files(place: Place) -> bytes:
    """All bytes of the database, with its write-ahead log on SQLite."""
    ledger = place.open()
    if ledger.engine.dialect.name == "postgresql":
        with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))
            data, oid = connection.execute(text(_FILES)).one()
        found = [path for path in (Path(data) / "base" / str(oid)).iterdir() if path.is_file()]
    else:
        found = sorted(place.data.glob("ledger.sqlite*"))
    content = b"\n".join(path.read_bytes() for path in found)
    place.close()
    return content


def seen(place: Place, fields: list[entry.Disclosure]) -> list[bytes]:
    content = files(place)
    return [trace for field in fields for trace in traces(field) if trace in content]


def log_of(place: Place) -> tuple[Any, ...]:
    """Root, leaves and a certificate's dossier, verified."""
    ledger = place.open()
    plant.audited(ledger)
    head = ledger.head()
    with engines.reading(ledger.engine) as connection:
        c = tables.certificates.c
        serial = connection.execute(select(c.serial)).scalars().first()
    assert serial is not None
    data = dossiers.make(ledger, serial)
    assert verify.verify(data, policy.parse(reports.policy_file(ledger))).status == 0
    stored = plant.stored(ledger)
    place.close()
    return head, stored, data


def test_without_yes_it_says_what_would_go_and_touches_nothing(used: Place, remelt: Run) -> None:
    before = kept(used)
    n = next(n for n, fields in before.items() if "seller" in fields)
    said = remelt("forget", "--entry", n, "--name", "seller", *used.options)
    assert said.status == 1
    assert f"1 private field of 1 entry would be erased\n  entry {n}: seller\n" in said.out
    assert "nothing was erased" in said.err
    assert kept(used) == before
    assert not (used.data / forget.RECORD).exists()


def test_what_is_forgotten_is_gone_from_the_files_and_the_log_is_as_it_was(
    used: Place, remelt: Run
) -> None:
    fields, log = kept(used), log_of(used)
    gone = [found["seller"] for found in fields.values() if found.get("seller")]
    gone = [field for field in gone if field.value == SELLER]
    assert len(gone) == 12
    assert len(seen(used, gone[:1])) >= 3, "the search finds what is there"
    names = used.data / "names.txt"
    names.write_text(f"{SELLER}\nnobody of this name\n")
    said = remelt("forget", "--value-file", names, "--yes", *used.options)
    names.unlink()
    assert said.status == 0, said.err
    assert "12 private fields of 12 entries erased" in said.out
    assert "and never held" not in said.out
    assert "backups" in said.out
    assert SELLER not in said.out
    assert seen(used, gone) == []
    assert log_of(used) == log
    after = kept(used)
    others = {
        n: {name: made for name, made in found.items() if made.value != SELLER}
        for n, found in fields.items()
    }
    assert after == {n: found for n, found in others.items() if found}
    row = json.loads((used.data / forget.RECORD).read_text())
    assert {int(n) for n in row["fields"]} == {n for n in fields if n not in after or
                                               after[n].keys() != fields[n].keys()}  # fmt: skip
    assert SELLER not in str(row)


def test_nothing_that_matches_is_nothing_to_erase(used: Place, remelt: Run) -> None:
    said = remelt("forget", "--entry", 3, "--name", "no_such_name", *used.options)
    assert (said.status, said.out) == (
        0, "nothing to erase: no private field that is kept matches\n",
    )  # fmt: skip
    empty = used.data / "empty.txt"
    empty.write_text("\n")
    said = remelt("forget", "--value-file", empty, "--yes", *used.options)
    assert said.status == 1
    assert f"value-file: {empty}: no value in it" in said.err


def test_a_partys_fields_are_those_it_stated_and_its_own_name(used: Place, remelt: Run) -> None:
    before = kept(used)
    gone = [made for found in before.values() for made in found.values()]
    gone = [
        made for made in gone if "Wuhu" not in str(made.value) and "WH01" not in str(made.value)
    ]
    said = remelt("forget", "--party", "HEFEI", "--yes", "--json", *used.options)
    assert said.json["erased"] == len(gone) == len(said.json["fields"])
    assert seen(used, gone) == []
    left = {str(made.value) for found in kept(used).values() for made in found.values()}
    assert left == {"Wuhu Metal Co.", "Works WH01"}
    log_of(used)
    again = remelt("forget", "--party", "HEFEI", "--yes", "--json", *used.options)
    assert (again.status, again.json) == (0, {"erased": 0, "fields": []})


def test_an_event_that_was_forgotten_is_repeated_as_before(used: Place, remelt: Run) -> None:
    ledger = used.open(writing=True)
    sent = plant.receipt("HF01/AGAIN", private={"seller": SELLER, "plate": "A 1"})
    signed = plant.receipt("HF01/TWICE", private={"seller": SELLER})
    first, second = plant.accept(ledger, sent, signed)
    used.close()
    assert remelt("forget", "--entry", first.n, "--yes", *used.options).status == 0
    said = remelt("forget", "--entry", second.n, "--name", "seller", "--yes", *used.options)
    assert said.status == 0
    assert not {first.n, second.n} & kept(used).keys()
    ledger = used.open(writing=True)
    assert [answer.n for answer in plant.accept(ledger, sent, signed)] == [first.n, second.n]
    other = {**sent, "body": {**sent["body"], "mass": "11 t"}}
    assert plant.codes(plant.record(ledger, other)) == ["IDEMPOTENCY_CONFLICT"]
    used.close()
    assert not {first.n, second.n} & kept(used).keys()


def test_the_keys_of_the_log_are_never_forgotten(used: Place, remelt: Run) -> None:
    assert remelt("logkey", "add", *used.options).status == 0
    ledger = used.open()
    n, known = ledger.head().size - 1, keys_of(ledger)
    used.close()
    assert len(known) == 2
    listed = kept(used)[n]["log_keys"]
    values = used.data / "values.txt"
    values.write_text(str(listed.value))
    for what in (("--entry", n), ("--party", "OPERATOR"), ("--value-file", values)):
        said = remelt("forget", *what, "--yes", "--json", *used.options)
        assert said.status == 0, said.err
        assert n not in {field["entry"] for field in said.json["fields"]}
    assert kept(used)[n]["log_keys"] == listed
    assert keys_of(used.open()) == known


def keys_of(ledger: Ledger) -> list[str]:
    with engines.reading(ledger.engine) as connection:
        return [key.vkey for key in rotation.known(connection, ledger.log_id)]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "PARAMETER_INVALID"),
        (("--entry", 1, "--party", "HEFEI"), "PARAMETER_INVALID"),
        (("--entry", -1), "PARAMETER_INVALID"),
        (("--entry", 2**63), "PARAMETER_INVALID"),
        (("--entry", 9_999), "NOT_FOUND"),
        (("--party", "NOBODY"), "PARTY_UNKNOWN"),
        (("--value-file", "/dev/null"), "PARAMETER_INVALID"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    place: Place, remelt: Run, options: tuple[object, ...], code: str
) -> None:
    before = kept(place)
    said = remelt("forget", *options, "--yes", *place.options)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith(f"remelt: error: {code}: ")
    assert kept(place) == before
