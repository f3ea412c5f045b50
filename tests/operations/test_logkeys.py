"""The log's key is followed by another: nothing that was signed before is lost."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from ledger import keys, logkeys, reports, rotation, statements
from ledger.certificate import policy
from ledger.errors import LedgerError
from ledger.store import engine as engines
from ledger.store import entries
from ledger.tlog import checkpoint, cosignature, note
from tests.operations.conftest import Place, Run
from tests.store import plant


def listed(remelt: Run, place: Place) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = remelt("logkey", "list", "--json", *place.options).json
    return rows


def newest(place: Place) -> str:
    ledger = place.open()
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        assert head is not None
        return entries.read_checkpoint(connection, ledger.log_id, head.size)


def record(place: Place, lot: str) -> None:
    ledger = place.open(writing=True)
    plant.accept(ledger, plant.receipt(lot))
    place.close()


def signers(text: str, rows: list[dict[str, Any]]) -> set[str]:
    """The keys of the list that signed; each alone must be enough."""
    found = set()
    for row in rows:
        verifier = note.parse_vkey(row["vkey"])
        with contextlib.suppress(LedgerError):
            checkpoint.open_checkpoint(text.encode(), [verifier])
            found.add(row["vkey"])
    return found


def test_a_new_key_signs_beside_the_old_one_until_that_is_retired(
    place: Place, remelt: Run
) -> None:
    [old] = listed(remelt, place)
    before = newest(place)
    place.close()
    assert remelt("logkey", "add", *place.options).status == 0
    first, second = rows = listed(remelt, place)
    assert first == old
    assert second["signs"]
    assert signers(newest(place), rows) == {old["vkey"]}, "the old key covers the entry"
    record(place, "HF01/AFTER-1")
    assert signers(newest(place), rows) == {old["vkey"], second["vkey"]}
    text = (place.data / "policy.txt").read_text()
    assert text.index(old["vkey"]) < text.index(second["vkey"]) < text.index("operator ")

    key_id = note.parse_vkey(old["vkey"]).key_id.hex()
    assert remelt("logkey", "retire", key_id, *place.options).status == 0
    assert [row["signs"] for row in listed(remelt, place)] == [False, True]
    record(place, "HF01/AFTER-2")
    assert signers(newest(place), rows) == {second["vkey"]}
    assert signers(before, rows) == {old["vkey"]}, "what it signed stays"
    for command in (["audit"], ["doctor"]):
        said = remelt(*command, *place.options)
        assert said.status == 0, said.out
    said = remelt("backup", place.data / "b.zip", "--with-keys", *place.options)
    assert said.status == 0, said.err


def test_the_only_key_and_an_unknown_one_are_not_retired(place: Place, remelt: Run) -> None:
    [row] = listed(remelt, place)
    for key_id in (note.parse_vkey(row["vkey"]).key_id.hex(), "00000000"):
        said = remelt("logkey", "retire", key_id, *place.options)
        assert said.status == 1
        assert "PARAMETER_INVALID" in said.err
    assert listed(remelt, place) == [row]


def test_a_command_that_was_cut_off_goes_on_with_the_same_key(place: Place, remelt: Run) -> None:
    waiting = rotation.prepare(place.settings, plant.ORIGIN).verifier.vkey
    assert "logkey add" in remelt("doctor", *place.options).out
    ledger = place.open(writing=True)
    vkeys = {ledger.verifier.vkey, waiting}
    event = statements.envelope(
        plant.ORIGIN, plant.OPERATOR, "policy_set", **logkeys.statement(vkeys)
    )
    plant.accept(ledger, event)
    size = ledger.head().size
    place.close()
    assert remelt("logkey", "add", *place.options).status == 0
    assert [row["vkey"] for row in listed(remelt, place)][1:] == [waiting]
    assert place.open().head().size == size, "the key was named once"
    assert rotation.waiting(place.settings) is None


def test_a_command_that_was_cut_off_at_its_end_gives_no_key_a_second_line(
    place: Place, remelt: Run
) -> None:
    assert remelt("logkey", "add", *place.options).status == 0
    policy_before = (place.data / "policy.txt").read_bytes()
    signing = (place.settings.keys / "log.key").read_text().split()
    (place.settings.keys / "log.key.new").write_text(f"{signing[-1]}\n")  # was not removed yet
    assert remelt("logkey", "add", *place.options).status == 0
    assert (place.settings.keys / "log.key").read_text().split() == signing
    assert (place.data / "policy.txt").read_bytes() == policy_before
    assert rotation.waiting(place.settings) is None
    record(place, "HF01/AFTER")
    assert len(signers(newest(place), listed(remelt, place))) == 2


@pytest.mark.parametrize("torn", ["", "PRIVATE+KEY+store."])
def test_a_key_that_was_not_written_whole_is_made_anew(
    place: Place, remelt: Run, torn: str
) -> None:
    (place.settings.keys / "log.key.new").write_text(torn)
    said = remelt("logkey", "add", *place.options)
    assert said.status == 0, said.err
    assert len(listed(remelt, place)) == 2


def test_a_key_that_the_log_does_not_name_opens_nothing(place: Place, remelt: Run) -> None:
    (place.data / "keys/log.key").unlink()
    keys.create_log_key(place.settings, plant.ORIGIN)
    said = remelt("audit", *place.options)
    assert said.status == 1
    assert "the log does not name" in said.err
    assert "logkey add" in said.err


def test_keys_of_the_environment_are_not_rewritten(place: Place, remelt: Run) -> None:
    held = (place.data / "keys/log.key").read_text()
    said = remelt("logkey", "add", *place.options, REMELT_LOG_KEY=held)
    assert said.status == 1
    assert "REMELT_LOG_KEY" in said.err
    assert held.strip() not in said.err


@pytest.mark.parametrize("wrong", ["other name", "other hash", "unsorted", "no key"])
def test_a_list_that_is_not_the_one_of_the_entry_is_refused(place: Place, wrong: str) -> None:
    ledger = place.open()
    mine = ledger.verifier.vkey
    other = note.parse_skey(note.generate_skey(plant.ORIGIN, bytes(32))).verifier.vkey
    stranger = note.parse_skey(note.generate_skey("other.example", bytes(32))).verifier.vkey
    vkeys = {"other name": {mine, stranger}, "no key": {mine, "x"}}.get(wrong, {mine, other})
    said = logkeys.statement(vkeys)
    if wrong == "other hash":
        said["body"]["tables"]["log_keys"] = "0" * 64
    if wrong == "unsorted":
        said["private"]["log_keys"] = " ".join(sorted(vkeys, reverse=True))
    event = statements.envelope(plant.ORIGIN, plant.OPERATOR, "policy_set", **said)
    signed = statements.sign(event, keys.new_party_key())
    with pytest.raises(LedgerError) as caught:
        logkeys.listed(signed.event, [d.text for d in signed.disclosures])
    assert caught.value.code == "NOTE_INVALID"


def test_the_policy_for_buyers_names_the_keys_that_sign_and_remarks_on_witnesses(
    place: Place, remelt: Run
) -> None:
    assert remelt("logkey", "add", *place.options).status == 0
    seed = cosignature.key_from_seed("witness.example/w1", cosignature.ED25519, bytes(range(32)))
    line = f"witness w1 {seed.cosigner.vkey} https://witness.example\n"
    (place.data / "witnesses.txt").write_text(line)
    data = reports.policy_file(place.open())
    found = policy.parse(data)
    assert [log.verifier.vkey for log in found.logs] == [
        row["vkey"] for row in listed(remelt, place)
    ]
    assert f"# {line}".encode() in data
    assert not found.witnesses
