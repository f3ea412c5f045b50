"""From the gate to the buyer over HTTP, and what everybody can check afterwards."""

from __future__ import annotations

import hashlib
import itertools

import orjson

from ledger import entry, reports
from ledger.certificate import policy, verify
from ledger.tlog import checkpoint, proof
from tests.http.conftest import Road
from tests.http.door import ORIGIN, SECRET, Door, received, refused


def _hashes(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def _opened(door: Door, note: str) -> checkpoint.Checkpoint:
    return checkpoint.open_checkpoint(note.encode(), [door.ledger.verifier], ORIGIN)[0]


def test_every_answer_carries_a_signed_checkpoint_that_covers_the_entry(
    door: Door, road: Road
) -> None:
    for answer in road.answers.values():
        head = _opened(door, answer["checkpoint"])
        assert head.size == answer["size"] > answer["n"]
        leaf_hash = bytes.fromhex(answer["leaf_hash"])
        path = _hashes(answer["proof"])
        proof.check_inclusion(
            path, size=head.size, root=head.root, index=answer["n"], leaf_hash=leaf_hash
        )


def test_entries_count_up_and_each_names_the_one_before(door: Door, road: Road) -> None:
    numbers = [answer["n"] for answer in road.answers.values()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    shown = [door.get(f"/v1/entries/{n}", "AUDITOR").json() for n in numbers]
    for one, answer in zip(shown, road.answers.values(), strict=True):
        leaf = orjson.dumps(one["entry"], option=orjson.OPT_SORT_KEYS)
        assert one["leaf_hash"] == hashlib.sha256(b"\x00" + leaf).hexdigest() == answer["leaf_hash"]
    for before, after in itertools.pairwise(shown):
        assert after["entry"]["prev"] == before["leaf_hash"]


def test_a_proof_that_an_entry_is_in_the_log_verifies_at_every_size(door: Door, road: Road) -> None:
    n = road.answers["receipt"]["n"]
    for size in range(n + 1, road.answers["coil"]["size"] + 1):
        found = door.get("/v1/log/proof/inclusion", n=n, size=size).json()
        assert (found["n"], found["size"]) == (n, size)
        root = bytes.fromhex(found["root"])
        leaf_hash = bytes.fromhex(road.answers["receipt"]["leaf_hash"])
        path = _hashes(found["proof"])
        proof.check_inclusion(path, size=size, root=root, index=n, leaf_hash=leaf_hash)


def test_the_log_only_ever_grew(door: Door, road: Road) -> None:
    newest = _opened(door, door.get("/v1/log/checkpoint").text)
    for old in {*range(1, newest.size, newest.size // 50 + 1), newest.size}:
        found = door.get(f"/v1/log/proof/consistency?from={old}&to={newest.size}").json()
        assert found["to_root"] == newest.root.hex()
        proof.check_consistency(
            _hashes(found["proof"]),
            old_size=old,
            old_root=bytes.fromhex(found["from_root"]),
            new_size=newest.size,
            new_root=newest.root,
        )
    earlier = _opened(door, road.answers["receipt"]["checkpoint"])
    found = door.get(f"/v1/log/proof/consistency?from={earlier.size}").json()
    assert found["from_root"] == earlier.root.hex()


def test_the_checkpoint_is_that_of_the_latest_entry(door: Door, road: Road) -> None:
    answer = door.take("HF01", "lot_received", received(f"HF01/{door.name('L')}"), "waste_note")
    response = door.get("/v1/log/checkpoint")
    assert response.text == answer["checkpoint"]
    assert response.headers["content-type"].startswith("text/plain")


def test_arrived_lots_weigh_what_the_receiver_weighed(door: Door, road: Road) -> None:
    book = door.get(f"/v1/entries/{road.answers['arrival']['n']}", "HEFEI").json()["entry"]["book"]
    for lot, weight in (("TL01/CUT-1", 4_990_000_000), ("TL01/CUT-2", 5_100_000_000)):
        pages = book[f"lot:{lot}"]
        assert sum(line[1] for page in pages.values() for line in page.values()) == weight
    assert book["ambient:HF01"] == {"OTHER": {"-": -100_000_000}}
    lost = book["loss:HF01/TRANSIT"]
    assert sum(mass for page in lost.values() for mass in page.values()) == 10_000_000


def test_a_lot_is_shown_as_it_stands(door: Door, road: Road) -> None:
    scrap = door.get("/v1/lots/HF01/SCRAP", "HEFEI").json()
    assert (scrap["state"], scrap["made_mg"], scrap["wet_mg"]) == ("consumed", 10_000_000_000, 0)
    ingot = door.get("/v1/lots/HF01/INGOT", "CHUZHOU").json()
    assert (ingot["state"], ingot["at_site"], ingot["party"]) == ("lying", "CZ01", "CHUZHOU")
    assert ingot["wet_mg"] == 9_000_000_000
    assert ingot["assay_grade"] == "final"
    aluminium = next(e for e in ingot["elements"] if e["substance"] == "Al")
    assert aluminium["of_mass"] == "96.80"
    assert sum(o["mass_mg"] for o in aluminium["origins"].values()) == aluminium["mass_mg"]
    coil = door.get("/v1/lots/CZ01/COIL", "CHUZHOU").json()
    assert coil["step"] == "ROLL"


def test_lineage_runs_back_to_the_gate_and_forward_to_the_coil(door: Door, road: Road) -> None:
    back = door.get("/v1/lots/CZ01/COIL/lineage", "CHUZHOU", direction="back").json()
    origins = {"HF01/SCRAP", "TL01/CUT-1", "TL01/CUT-2"}
    assert set(back["lots"]) == origins | {"CZ01/COIL", "HF01/INGOT"}
    forward = door.get("/v1/lots/TL01/CUT-1/lineage", "TONGLING", direction="forward").json()
    assert {"HF01/INGOT", "HF01/DROSS", "HF01/HEEL-F1", "CZ01/COIL"} <= set(forward["lots"])
    assert not set(forward["lots"]) & (origins - {"TL01/CUT-1"})
    both = door.get("/v1/lots/HF01/INGOT/lineage", "HEFEI").json()
    assert set(both["lots"]) == origins | {"HF01/INGOT", "CZ01/COIL"}
    edges = {(edge["child"], edge["parent"]) for edge in both["edges"]}
    assert ("CZ01/COIL", "HF01/INGOT") in edges
    assert both["truncated"] is False


def test_the_certificate_is_public_and_drawn_once_the_buyer_rolled(door: Door, road: Road) -> None:
    shown = door.get(f"/v1/certificates/{road.serial}").json()
    assert (shown["issuer"], shown["holder"], shown["status"]) == ("HEFEI", "CHUZHOU", "DRAWN")
    assert shown["lots"] == ["HF01/INGOT"]
    assert 0 < shown["held_mg"] < sum(shown["claimed_mg"].values())
    printed = "-".join(road.serial[i : i + 4] for i in (0, 4, 8)).lower()
    assert door.get(f"/v1/certificates/{printed}").json() == shown


def test_the_dossier_verifies_against_a_buyers_policy(door: Door, road: Road) -> None:
    response = door.get(f"/v1/certificates/{road.serial}/dossier")
    assert response.headers["content-disposition"].endswith(f'"{road.serial}.remelt.json"')
    buyer = policy.parse(reports.policy_file(door.ledger))
    verdict = verify.verify(response.content, buyer, lot="HF01/INGOT", serial=road.serial)
    assert verdict.refusal is None
    assert verdict.status == 0
    assert SECRET.encode() not in response.content


def test_a_dossier_holds_nothing_that_a_party_keeps_to_itself(door: Door, road: Road) -> None:
    shown = orjson.loads(door.get(f"/v1/certificates/{road.serial}/dossier").content)
    numbers = [one["entry"]["n"] for one in shown["entries"]]
    told = [door.get(f"/v1/entries/{n}", "AUDITOR").json()["event"]["party"] for n in numbers]
    assert set(told) == {"OPERATOR", "HEFEI"}
    assert shown["disclosures"] == {}


def test_the_lines_of_a_heat_sum_to_nothing_in_every_substance(door: Door, road: Road) -> None:
    shown = door.get(f"/v1/entries/{road.answers['heat']['n']}", "HEFEI").json()
    found = entry.parse(orjson.dumps(shown["entry"], option=orjson.OPT_SORT_KEYS))
    assert found.event.kind == "run_recorded"
    assert shown["event"] == found.event.payload
    totals: dict[str, int] = {}
    for account, pages in found.book.items():
        for substance, page in pages.items():
            for line in page.values():
                delta = line[0] if isinstance(line, list) else line
                totals[substance] = totals.get(substance, 0) + delta
        assert account.partition(":")[0] in {"lot", "loss", "ambient", "gain"}
    assert set(totals.values()) == {0}


def test_a_dry_run_shows_the_postings_and_changes_nothing(door: Door) -> None:
    lot = f"HF01/{door.name('L')}"
    envelope = door.at("HF01", "lot_received", received(lot), "waste_note")
    before = door.get("/v1/log/checkpoint").text
    tried = door.send(envelope, dry_run=True)
    assert tried.status_code == 200
    shown = tried.json()
    assert shown["dry_run"] is True
    assert shown["book"][f"lot:{lot}"]["Al"] == {"POST": [9_500_000_000, 9_500_000_000]}
    assert shown["book"]["source:HF01"]["Al"] == {"POST": -9_500_000_000}
    assert shown["lots"][lot]["at_site"] == "HF01"
    assert shown["reads"]["log"] == 0
    assert door.get("/v1/log/checkpoint").text == before
    refused(door.get(f"/v1/lots/{lot}", "HEFEI"), "LOT_UNKNOWN", "lot")
    done = door.ok(envelope)
    recorded = door.get(f"/v1/entries/{done['n']}", "HEFEI").json()["entry"]
    assert {name: recorded[name] for name in ("book", "lots", "reads")} == {
        name: shown[name] for name in ("book", "lots", "reads")
    }
    refused(door.send(door.run("HF01", "MERGE", {lot: "11 t"}, {"HF01/NO": "rest"}), dry_run=True),
            "LOT_INSUFFICIENT")  # fmt: skip


def test_a_dry_run_of_a_signed_statement_needs_a_good_signature(door: Door) -> None:
    envelope = door.at("TL01", "lot_received", received(f"TL01/{door.name('L')}"), "waste_note")
    size = door.size()
    assert door.send(envelope, dry_run="true").status_code == 200
    sealed = door.sealed(envelope)
    head, payload, signature = sealed["statement"].split(".")
    bad = f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    answer = door.post({**sealed, "statement": bad}, "TONGLING", dry_run="true")
    refused(answer, "SIGNATURE_INVALID")
    assert door.size() == size


def test_the_server_says_that_it_lives_and_that_it_can_serve(door: Door) -> None:
    assert door.get("/healthz").json() == {"ok": True}
    ready = door.get("/readyz").json()
    assert (ready["ok"], ready["log"]) == (True, ORIGIN)
    assert ready["size"] == door.size()
    described = door.get("/openapi.json").json()
    assert "/v1/events/batch" in described["paths"]
