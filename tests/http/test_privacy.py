"""Private fields: who reads them, who puts them into a dossier, and that nobody guesses them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from ledger import entry, keys, reports, statements
from ledger.book import encoding, jose
from ledger.certificate import policy, verify
from tests.http.conftest import Road
from tests.http.door import OPERATOR, ORIGIN, SECRET, Door, received, refused

# What holds private fields, and who has a part in it: a receipt of HEFEI, a dispatch of TONGLING
# to HEFEI, the arrival of it, and the registration of CHUZHOU by the operator.
PARTS = {
    "receipt": {"HEFEI", "READER"},
    "dispatch": {"HEFEI", "READER", "TONGLING"},
    "arrival": {"HEFEI", "READER", "TONGLING"},
    "CHUZHOU": {"CHUZHOU", "OPREAD"},
}
CALLERS = ("", "STRANGER", "HEFEI", "READER", "TONGLING", "CHUZHOU", "OPREAD", "AUDITOR")


@pytest.fixture(scope="module")
def places(door: Door, road: Road) -> dict[str, int]:
    door.api_key(OPERATOR, ["read"], "OPREAD")
    rows = door.get("/v1/entries", "AUDITOR", party="CHUZHOU", kind="party_registered").json()
    found = {name: road.answers[name]["n"] for name in ("receipt", "dispatch", "arrival")}
    return {**found, "CHUZHOU": rows["items"][0]["n"]}


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("what", PARTS)
def test_private_fields_are_given_to_the_parties_of_their_event_and_to_auditors(
    door: Door, places: dict[str, int], what: str, who: str
) -> None:
    answer = door.get(f"/v1/entries/{places[what]}", who)
    if who in PARTS[what] or who == "AUDITOR":
        shown = [entry.disclosure(text) for text in answer.json()["disclosures"]]
        assert shown
        assert all(SECRET in str(found.value) for found in shown)
        return
    refused(answer, "AUTH_REQUIRED" if not who else "PERMISSION_DENIED")
    assert "disclosures" not in answer.json()


def addresses(road: Road, places: dict[str, int]) -> Iterator[str]:
    """Everything else that tells something of this metal."""
    yield from ("/v1/entries", "/v1/lots", "/v1/certificates", "/v1/sites", "/v1/parties")
    yield from ("/v1/entries?kind=lot_received", "/v1/parties/HEFEI", "/v1/sites/HF01")
    yield from ("/v1/lots/HF01/SCRAP", "/v1/lots/HF01/INGOT/lineage", "/L/HF01/INGOT", "/metrics")
    serial = road.serial
    yield from (f"/C/{serial}", f"/v1/certificates/{serial}", f"/v1/certificates/{serial}/dossier")
    for n in places.values():
        yield from (f"/v1/log/proof/inclusion?n={n}", f"/v1/log/proof/{n}.tlog-proof")
    yield from ("/checkpoint", "/v1/log/checkpoint", "/openapi.json")


@pytest.mark.parametrize("who", CALLERS)
def test_lists_pages_and_proofs_show_private_fields_to_nobody(
    door: Door, road: Road, places: dict[str, int], who: str
) -> None:
    spellings = {SECRET.encode(), *(base64.b64encode(b"x" * i + SECRET.encode())[4:-4]
                                    for i in range(3))}  # fmt: skip
    asked = 0
    for path in addresses(road, places):
        answer = door.client(who).get(path)
        asked += answer.status_code == 200
        assert not [text for text in spellings if text in answer.content], (who, path)
    assert asked >= 12


def dossier(door: Door, road: Road, who: str = "", disclose: str | None = None) -> Any:
    query = {} if disclose is None else {"disclose": disclose}
    return door.get(f"/v1/certificates/{road.serial}/dossier", who, **query)


def test_a_party_puts_fields_of_its_own_into_a_dossier(
    door: Door, road: Road, places: dict[str, int]
) -> None:
    n = places["receipt"]
    answer = dossier(door, road, "READER", f"{n}:seller")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    shown = orjson.loads(answer.content)["disclosures"]
    assert list(shown) == [str(n)]
    (found,) = [entry.disclosure(text) for text in shown[str(n)]]
    assert (found.name, found.value) == ("seller", f"{SECRET} Wang")
    buyer = policy.parse(reports.policy_file(door.ledger))
    assert verify.verify(answer.content, buyer, serial=road.serial).status == 0
    both = orjson.loads(dossier(door, road, "HEFEI", f"{n}:seller,{n}:plate").content)
    assert {entry.disclosure(text).name for text in both["disclosures"][str(n)]} == {
        "seller", "plate",
    }  # fmt: skip
    plain = dossier(door, road)
    assert orjson.loads(plain.content)["disclosures"] == {}
    assert SECRET.encode() not in plain.content


def test_a_party_may_show_the_name_it_was_registered_under(door: Door, road: Road) -> None:
    rows = door.get("/v1/entries", "AUDITOR", party="HEFEI", kind="party_registered").json()
    n = rows["items"][0]["n"]
    answer = dossier(door, road, "HEFEI", f"{n}:name")
    buyer = policy.parse(reports.policy_file(door.ledger))
    found = verify.verify(answer.content, buyer)
    assert found.certificate is not None
    assert found.certificate.issuer_name == f"{SECRET} Hefei Ltd"
    refused(dossier(door, road, "TONGLING", f"{n}:name"), "PERMISSION_DENIED", "disclose")


@pytest.mark.parametrize(
    ("who", "what", "name", "code"),
    [
        ("", "receipt", "seller", "AUTH_REQUIRED"),
        ("STRANGER", "receipt", "seller", "PERMISSION_DENIED"),
        ("CHUZHOU", "receipt", "seller", "PERMISSION_DENIED"),
        ("HEFEI", "dispatch", "plate", "PERMISSION_DENIED"),
        ("TONGLING", "arrival", "plate", "PERMISSION_DENIED"),
        ("OPREAD", "receipt", "seller", "PERMISSION_DENIED"),
        ("AUDITOR", "receipt", "seller", "SCOPE_REQUIRED"),
        ("HEFEI", "receipt", "buyer", "PARAMETER_INVALID"),
        ("TONGLING", "dispatch", "plate", "PARAMETER_INVALID"),
    ],
)
def test_nobody_puts_anything_else_into_a_dossier(
    door: Door, road: Road, places: dict[str, int], who: str, what: str, name: str, code: str
) -> None:
    answer = dossier(door, road, who, f"{places[what]}:{name}")
    refused(answer, code)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "disclose",
    ["", "12", ":", "12:", ":seller", "-1:seller", "012:seller", "1e3:seller", "12:Seller",
     "12:seller,", "12:seller;13:x", f"{2**63}:seller", "٣:seller", "12:" + "x" * 40,
     ",".join(["12:seller"] * 1_000)],
)  # fmt: skip
def test_what_names_no_field_is_refused(door: Door, road: Road, disclose: str) -> None:
    refused(dossier(door, road, "HEFEI", disclose), "PARAMETER_INVALID", "disclose")


def test_an_entry_that_is_not_there_is_not_disclosed(door: Door, road: Road) -> None:
    refused(dossier(door, road, "HEFEI", "999999:seller"), "NOT_FOUND", "n")


# Guessing.


def guesses(name: str, value: str) -> Iterator[str]:
    """Digests that a value would have, if there were no salt, or a known one."""
    made = [value, f"{name}:{value}", encoding.canonical({name: value}).decode()]
    made += [encoding.canonical(members).decode() for members in ([name, value], ["", name, value])]
    for text in made:
        yield jose.b64url(hashlib.sha256(text.encode()).digest())
        yield jose.b64url(hashlib.sha256(jose.b64url(text.encode()).encode()).digest())


def test_a_supplier_is_not_guessed_from_a_list_of_100_000_names(door: Door) -> None:
    """The digests of the log fit no name of the list; with the salt they fit exactly one."""
    names = [f"{SECRET} supplier {i:06d}" for i in range(100_000)]
    supplier = names[61_803]
    lot = f"HF01/{door.name('L')}"
    done = door.take("HF01", "lot_received", received(lot), "waste_note",
                     private={"seller": supplier})  # fmt: skip
    shown = door.get(f"/v1/entries/{done['n']}", "HEFEI").json()
    digests = set(shown["event"]["_sd"])
    assert not [name for name in names if digests.intersection(guesses("seller", name))]
    (text,) = shown["disclosures"]
    salt = orjson.loads(jose.b64url_decode(text, ""))[0]
    fitting = []
    for name in names:
        made = jose.b64url(encoding.canonical([salt, "seller", name]))
        if jose.b64url(hashlib.sha256(made.encode()).digest()) in digests:
            fitting.append(name)
    assert fitting == [supplier]


def test_every_field_of_every_event_has_a_salt_of_its_own() -> None:
    key, salts, digests = keys.new_party_key(), set(), set()
    for _ in range(200):
        event = statements.envelope(
            ORIGIN, "HEFEI", "lot_received", received("HF01/A"), site="HF01",
            private={"seller": "the same", "buyer": "the same"},
        )  # fmt: skip
        made = statements.sign(event, key)
        digests |= set(made.event.sd)
        salts |= {orjson.loads(jose.b64url_decode(d.text, ""))[0] for d in made.disclosures}
    assert len(salts) == len(digests) == 400
    assert {len(jose.b64url_decode(salt, "")) for salt in salts} == {16}
