"""Every parser of bytes that come from strangers, with good examples and what must hold of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from ledger import entry
from ledger.book import encoding, events, jose
from ledger.certificate import dossier, policy
from ledger.errors import LedgerError
from ledger.tlog import checkpoint, cosignature, lines, note, proof_file, tiles, witness
from tests import harness
from tests.unit.ledger.tlog import vectors

Read = Callable[[bytes], Any]


@dataclass(frozen=True)
class Parser:
    """read: raises LedgerError or gives a value. hold: what is true of a value that was read."""

    read: Read
    hold: Callable[[bytes, Any], None]
    examples: Callable[[], Sequence[bytes]]


def taken(parser: Parser, data: bytes) -> bool:
    """Whether a parser takes `data`; if not it says why in a form that can be sent on."""
    refusal: LedgerError | None = None
    try:
        value = parser.read(data)
    except LedgerError as error:
        refusal = error
    if refusal is None:
        parser.hold(data, value)
        return True
    assert 0 < len(refusal.message) <= 1001
    assert len(orjson.dumps(refusal.as_dict())) < 8000
    return False


def spelt(write: Callable[[Any], bytes]) -> Callable[[bytes, Any], None]:
    """There is one way to write each value."""

    def hold(data: bytes, value: Any) -> None:
        assert write(value) == data

    return hold


def settles(read: Read, write: Callable[[Any], bytes]) -> Callable[[bytes, Any], None]:
    """Many ways to write it, all of which mean what the one way means that we write."""

    def hold(data: bytes, value: Any) -> None:
        written = write(value)
        assert read(written) == value
        assert write(read(written)) == written

    return hold


def text(data: bytes) -> str:
    """Bytes as a text that may hold half surrogates, as an argument on a command line may."""
    return data.decode("utf-8", "surrogateescape")


def octets(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


# Notes and what is made of them.


def _cosignatures(data: bytes) -> list[cosignature.Cosignature]:
    return [cosignature.parse_cosignature(line) for line in note.parse_signatures(data)]


def _lines(found: Sequence[cosignature.Cosignature]) -> bytes:
    return b"".join(note.format_signature(cosignature.format_cosignature(one)) for one in found)


def _skey(data: bytes) -> str:
    """The skey as it would be generated from the seed that its text holds."""
    signer = note.parse_skey(text(data))
    seed = base64.b64decode(text(data).split("+", 4)[4])[1:]
    return note.generate_skey(signer.name, seed)


REQUEST = witness.make_request(6, vectors.NOTE_15, vectors.SUBTREE)


def _answer(data: bytes) -> witness.Answer:
    """status, type and body in three parts, as a witness could answer."""
    status, _, rest = data.partition(b"\n")
    content_type, _, body = rest.partition(b"\n")
    number = int(status) if status.isdigit() and len(status) == 3 else 200
    keys = {"w1": vectors.W1}
    return witness.read_answer(number, content_type.decode("latin-1"), body, REQUEST, keys)


def _judge_answer(data: bytes, answer: witness.Answer) -> None:
    if answer.kind == "cosigned":
        assert vectors.W1_LINE in data
        assert {name: one.time for name, one in answer.cosignatures.items()} == {
            "w1": vectors.W1_TIME
        }
    else:
        assert not answer.cosignatures
    assert len(answer.why) < 2000


def _proof_files() -> list[bytes]:
    hashes = vectors.LEAVES[:4]
    plain = proof_file.ProofFile(2, tuple(hashes), vectors.NOTE_15 + vectors.W1_LINE)
    extra = proof_file.ProofFile(0, (), vectors.NOTE_15, b"anything")
    return [proof_file.format_proof_file(file) for file in (plain, extra)]


def _requests() -> list[bytes]:
    first = witness.make_request(0, vectors.NOTE_15, vectors.SUBTREE)
    return [witness.format_request(request) for request in (REQUEST, first)]


def _policies() -> list[bytes]:
    log = vectors.LOG.vkey
    kid = harness.kid_of(harness.private_key("operator"))
    rows = [f"log {log} https://log.example", f"operator {kid}", "# words", ""]
    rows += [f"witness w1 {vectors.W1_VKEY} https://w1.example"]
    rows += [f"witness w2 {vectors.ROME_VKEY}", "group g any w1", "group h 2 g w2", "quorum h"]
    rows += ["max_age 7d"]
    keys = [note.generate_skey(f"log.example/{n}", bytes([n]) * 32) for n in range(33)]
    many = [f"log {note.parse_skey(key).verifier.vkey}" for key in keys]
    return [
        "".join(f"{row}\n" for row in rows).encode(),
        "".join(f"{row}\n" for row in [*many, f"operator {kid}", "quorum none"]).encode(),
    ]


# Statements, entries, dossiers.


@lru_cache
def story() -> tuple[harness.TestLedger, bytes]:
    """A log in memory, and the dossier of its certificate with disclosures in it."""
    log, issued = harness.smelter(1)
    return log, log.dossier(issued)


@lru_cache
def statements() -> list[bytes]:
    """A statement of every kind in the log."""
    kinds = {found.event.kind: found.statement for found in story()[0].entries}
    return [statement.encode() for statement in kinds.values()]


def payloads() -> list[bytes]:
    return [jose.parse(text(statement)).payload for statement in statements()]


def _envelopes() -> list[bytes]:
    """Payloads as a custodial party sends them: `private` in place of digests."""
    made = []
    for payload in map(json.loads, payloads()):
        clear = {name: value for name, value in payload.items() if name[:3] != "_sd"}
        made.append(json.dumps({**clear, "private": {"name": "Wang 王", "note": "x"}}).encode())
    return made


def leaves() -> list[bytes]:
    """A leaf of every kind in the log."""
    log = story()[0]
    return list({found.event.kind: log.leaves[found.n] for found in log.entries}.values())


def _disclosures() -> list[bytes]:
    _, made = entry.conceal({"private": {"name": "Wang 王", "note": "x"}}, [b"s" * 16, b"t" * 16])
    return [one.text.encode() for one in made]


def _jws(data: bytes) -> jose.Jws:
    return jose.parse(text(data))


def _write_jws(jws: jose.Jws) -> bytes:
    parts = (jose.header(jws.kid), jws.payload, jws.signature)
    return ".".join(map(jose.b64url, parts)).encode()


def leaf_of(found: entry.Entry) -> dict[str, Any]:
    return {
        "at": found.at_ms, "book": found.book, "lots": found.lots, "n": found.n,
        "prev": found.prev, "reads": found.reads, "statement": found.statement, "v": entry.VERSION,
    }  # fmt: skip


def _write_dossier(found: dossier.Dossier) -> bytes:
    items = [
        {"entry": leaf_of(item.entry), "proof": [hash_.hex() for hash_ in item.proof]}
        for item in found.items.values()
    ]
    return encoding.canonical(
        {
            "checkpoint": found.checkpoint.decode(),
            "disclosures": {str(n): texts for n, texts in found.disclosures.items()},
            "entries": items,
            "remelt": dossier.FORMAT,
            "serial": found.serial,
        }
    )


def _event(signed: bool) -> Parser:
    def read(data: bytes) -> events.Event:
        return events.parse(data, signed=signed)

    # The payload is kept as received: canonical or not, it means the same event.
    settle = settles(read, lambda event: encoding.canonical(event.payload))
    return Parser(read, settle, payloads if signed else _envelopes)


def _jwk(data: bytes) -> dict[str, str]:
    return jose.parse_jwk(encoding.decode(data), "key")


def _keys() -> list[bytes]:
    key = harness.private_key("operator").public_key()
    return [encoding.canonical(jose.public_jwk(key))]


def _checkpoints() -> list[bytes]:
    return [vectors.TEXT_15, vectors.ROME_TEXT, vectors.TEXT_15 + b"extension\n"]


def _bundles() -> list[bytes]:
    return [tiles.encode_bundle([b"one", b"two", b"", b"three"]), tiles.encode_bundle([b"x"] * 256)]


TILE_PATHS = (
    b"tile/0/000", b"tile/15/x123/x456/789.p/41", b"tile/entries/000.p/3", b"tile/63/x001/000",
)  # fmt: skip

PARSERS: dict[str, Parser] = {
    "note": Parser(
        note.parse_note,
        spelt(lambda found: note.format_note(found.text, found.unverified)),
        lambda: [vectors.NOTE_15 + vectors.W1_LINE, vectors.ROME_TEXT + b"\n" + vectors.ROME_LINE],
    ),
    "opened note": Parser(
        lambda data: note.open_note(data, [vectors.LOG]),
        lambda data, found: None if found.verified_signatures else exit("opened by nobody"),
        lambda: [vectors.NOTE_15 + vectors.W1_LINE],
    ),
    "checkpoint": Parser(
        checkpoint.parse_checkpoint, spelt(checkpoint.format_checkpoint), _checkpoints
    ),
    "cosignatures": Parser(
        _cosignatures, spelt(_lines), lambda: [vectors.W1_LINE, vectors.ROME_LINE]
    ),
    "number": Parser(
        lambda data: lines.parse_number(data, "number"),
        spelt(lambda number: b"%d" % number),
        lambda: [b"0", b"15", b"9223372036854775807"],
    ),
    "log key": Parser(
        lambda data: note.parse_vkey(text(data)),
        spelt(lambda found: octets(found.vkey)),
        lambda: [vectors.LOG.vkey.encode()],
    ),
    "private key": Parser(_skey, spelt(octets), lambda: [vectors.SKEY.encode()]),
    "witness key": Parser(
        lambda data: cosignature.parse_vkey(text(data)),
        spelt(lambda found: octets(found.vkey)),
        lambda: [vectors.W1_VKEY.encode()],
    ),
    "any key": Parser(
        lambda data: note.split_vkey(text(data)),
        spelt(lambda parts: octets(note.format_vkey(*parts))),
        lambda: [vectors.W1_VKEY.encode(), vectors.LOG.vkey.encode()],
    ),
    "proof file": Parser(
        proof_file.parse_proof_file, spelt(proof_file.format_proof_file), _proof_files
    ),
    "witness request": Parser(witness.parse_request, spelt(witness.format_request), _requests),
    "witness answer": Parser(
        _answer,
        _judge_answer,
        lambda: [b"200\ntext/plain\n" + vectors.W1_LINE, b"409\ntext/x.tlog.size\n8\n"],
    ),
    "policy": Parser(
        policy.parse, settles(policy.parse, policy.format_policy), _policies
    ),
    "tile path": Parser(
        lambda data: tiles.parse_tile_path(text(data)),
        spelt(lambda where: octets(tiles.tile_path(*where))),
        lambda: TILE_PATHS,
    ),
    "bundle": Parser(tiles.decode_bundle, spelt(tiles.encode_bundle), _bundles),
    "statement": Parser(_jws, spelt(_write_jws), statements),
    "key": Parser(_jwk, settles(_jwk, encoding.canonical), _keys),
    "payload": _event(signed=True),
    "envelope": _event(signed=False),
    "disclosure": Parser(
        lambda data: entry.disclosure(text(data)),
        spelt(lambda found: octets(found.text)),
        _disclosures,
    ),
    "leaf": Parser(
        entry.parse, spelt(lambda found: encoding.canonical(leaf_of(found))), leaves
    ),
    "dossier": Parser(dossier.parse, spelt(_write_dossier), lambda: [story()[1]]),
}  # fmt: skip
