"""The worked entry of docs/format.md: every block follows from those above it.

`python -m tests.test_format` writes the blocks anew (the statement is signed anew too) after a
change of the format.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from labels import payload
from ledger import entry, service
from ledger.book import encoding, events, fold, jose, rules, serial
from ledger.tlog import checkpoint, note
from tests import documents, harness

CERTIFICATE_ID = "00000000-0000-7000-8000-00000000000c"


def worked(name: str) -> str:
    """A block of the worked entry; one newline ends it, a note keeps its own."""
    ((_, text),) = documents.blocks("docs/format.md", f"text worked-{name}", f"json worked-{name}")
    return text


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def test_the_worked_statement_is_made_as_the_page_says() -> None:
    jwk, envelope = json.loads(worked("party-key")), json.loads(worked("envelope"))
    kid = b64url(hashlib.sha256(canonical(jwk)).digest())
    head = worked("header").rstrip("\n").encode()
    assert head == b'{"alg":"ES256","kid":"%s","typ":"remelt-1"}' % kid.encode()

    salt, disclosed, digest = worked("disclosure").split()
    ((name, value),) = envelope.pop("private").items()
    assert disclosed == b64url(canonical([salt, name, value]))
    assert digest == b64url(hashlib.sha256(disclosed.encode()).digest())
    signed = {**envelope, "_sd": [digest], "_sd_alg": "sha-256"}
    said = worked("payload").rstrip("\n").encode()
    assert said == canonical(signed)

    statement = worked("statement").rstrip("\n")
    begin, _, signature = statement.rpartition(".")
    assert begin == f"{b64url(head)}.{b64url(said)}"
    assert len(signature) == 86
    assert jose.verifies(jose.parse(statement), jwk)
    assert events.parse(said, signed=True).site == "YD01"


def test_the_worked_entry_follows_from_the_statement_by_the_rules() -> None:
    leaf = worked("entry").rstrip("\n").encode()
    value = json.loads(leaf)
    assert leaf == canonical(value)
    assert value["statement"] == worked("statement").rstrip("\n")
    assert (value["n"], value["prev"]) == (3, worked("tree").split()[2])
    size, leaf_hash = worked("leaf-hash").split()
    assert int(size) == len(leaf)
    assert leaf_hash == hashlib.sha256(b"\x00" + leaf).hexdigest()

    log_, before = worked_log(), fold.Memory()
    for registration in log_.entries[:3]:
        before.apply(registration.facts(), harness.ORIGIN)
    found = entry.parse(leaf)
    assert found.at_ms == log_.entries[3].at_ms
    entry.recheck(found, before, rules.Signer(found.jws.kid, valid=True))
    grams = found.book["lot:YD01/WIRE-1"]
    assert sum(shown[1] for page in grams.values() for shown in page.values()) == 4_800_000_000
    assert sum(shown[1] for shown in grams["Cu"].values()) == 4_800_000_000 * 98 * 97 // 10_000


def test_the_worked_tree_checkpoint_and_proof_hang_together() -> None:
    *leaves, root = (bytes.fromhex(line) for line in worked("tree").split())
    assert leaves[3].hex() == worked("leaf-hash").split()[1]
    pairs = [node(leaves[0], leaves[1]), node(leaves[2], leaves[3])]
    assert root == node(*pairs)
    assert [bytes.fromhex(line) for line in worked("proof").split()] == [leaves[2], pairs[0]]

    vkey, skey = worked("log-keys").split()
    signer = note.parse_skey(skey)
    assert signer.verifier.vkey == vkey
    head = checkpoint.Checkpoint(harness.ORIGIN, 4, root)
    assert worked("checkpoint").encode() == checkpoint.sign_checkpoint(head, [signer])
    lines = worked("checkpoint").split("\n")
    assert lines[:4] == [harness.ORIGIN, "4", base64.b64encode(root).decode(), ""]


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_the_worked_names_are_made_of_their_hashes() -> None:
    log_id, fingerprint, label, number = worked("names").split()
    leaf_hash = bytes.fromhex(worked("leaf-hash").split()[1])
    assert crockford(hashlib.sha256(harness.ORIGIN.encode()).digest(), 8) == log_id
    assert crockford(leaf_hash, 10) == fingerprint
    assert label == f"HTTPS://DEMO.REMELT.EXAMPLE/L/YD01/WIRE-1/{fingerprint}"
    text = f"remelt/certificate\n{harness.ORIGIN}\nYARD\n{CERTIFICATE_ID}"
    assert number[:-1] == crockford(hashlib.sha256(text.encode()).digest(), 11)
    assert serial.parse(number, "serial") == number


def crockford(data: bytes, count: int) -> str:
    bits = "".join(f"{byte:08b}" for byte in data)
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "".join(alphabet[int(bits[5 * i : 5 * i + 5], 2)] for i in range(count))


def worked_log() -> harness.TestLedger:
    """The log of the worked entry, its statements signed anew."""
    made = harness.TestLedger()
    made.party("YARD", custody="self")
    made.site("YD01", "YARD")
    body = {
        "lot": "YD01/WIRE-1", "from": {"external": True, "country": "CN"},
        "material": {"metal": "copper", "form": "wire"}, "mass": "4.8 t", "moisture": "2 %",
        "assay": {"Cu": "97 %"}, "assay_grade": "final", "origin": {"POST": "75 %", "PRE": "25 %"},
    }  # fmt: skip
    private = {"seller": "Mrs Chen"}
    made.at("YD01", "lot_received", body, evidence=["waste_note"], private=private)
    return made


def worked_blocks() -> dict[str, str]:
    """The blocks of the worked entry, from fixed keys, times, ids and salts."""
    made = worked_log()
    found, leaf = made.entries[3], made.leaves[3]
    head, said, _ = (jose.b64url_decode(part, "jws") for part in found.statement.split("."))
    (disclosed,) = (entry.disclosure(text) for text in made.disclosures[3])
    salt = encoding.decode(jose.b64url_decode(disclosed.text, "disclosure"))[0]
    clear = {k: v for k, v in found.event.payload.items() if k not in ("_sd", "_sd_alg")}
    known = {**clear, "private": {disclosed.name: disclosed.value}}
    order = ("log", "id", "kind", "party", "site", "occurred_at", "body", "evidence", "private")
    envelope = {name: known[name] for name in order}
    skey = note.generate_skey(made.origin, hashlib.sha256(b"log").digest())
    leaf_hash, origin = entry.leaf_hash(leaf), made.origin
    label = payload.lot_payload(origin.partition("/")[0], "YD01/WIRE-1", leaf_hash)
    hashes = [hash_.hex() for hash_ in made.hashes()]
    names = [service.log_id_of(origin), payload.fingerprint(leaf_hash), label]
    root = checkpoint.parse_checkpoint(made.checkpoint().partition(b"\n\n")[0] + b"\n").root
    return {
        "log-keys": f"{made.signer.verifier.vkey}\n{skey}\n",
        "party-key": json.dumps(jose.public_jwk(made.keys["YARD"][0].public_key()), indent=1)
        + "\n",
        "envelope": json.dumps(envelope, indent=1) + "\n",
        "disclosure": f"{salt}\n{disclosed.text}\n{disclosed.digest}\n",
        "header": f"{head.decode()}\n",
        "payload": f"{said.decode()}\n",
        "statement": f"{found.statement}\n",
        "entry": f"{leaf.decode()}\n",
        "leaf-hash": f"{len(leaf)}\n{leaf_hash.hex()}\n",
        "tree": "\n".join([*hashes, root.hex(), ""]),
        "proof": "\n".join([*(hash_.hex() for hash_ in made.inclusion(3)), ""]),
        "checkpoint": made.checkpoint().decode(),
        "names": "\n".join([*names, serial.make(origin, "YARD", CERTIFICATE_ID), ""]),
    }


def write_worked() -> None:
    page = documents.read("docs/format.md")
    for name, text in worked_blocks().items():
        begin, old, rest = re.split(rf"(^```\w+ worked-{name}\n.*?^```$)", page, flags=re.M | re.S)
        page = f"{begin}{old.partition(chr(10))[0]}\n{text}```{rest}"
    (documents.ROOT / "docs/format.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    write_worked()
