"""Statements a party signs itself: every way to sign wrongly, and disclosures that do not fit."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import httpx
import orjson
import pytest

from ledger import entry, keys
from ledger.book import encoding, jose
from tests.http.door import ORIGIN, SECRET, Door, new_key, received, refused

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (FIPS 186)


def _receipt(door: Door, **more: Any) -> dict[str, Any]:
    body = received(f"TL01/{door.name('L')}")
    return door.at("TL01", "lot_received", body, "waste_note", **more)


def _statement(door: Door) -> tuple[str, str, str]:
    """Header, payload and signature of a good statement."""
    head, payload, signature = door.sealed(_receipt(door))["statement"].split(".")
    return head, payload, signature


def _post(door: Door, statement: object, **more: Any) -> httpx.Response:
    return door.post({"statement": statement, **more}, "TONGLING")


HEADERS = {
    "another order": b'{"kid":"%s","alg":"ES256","typ":"remelt-1"}',
    "spaces": b'{"alg": "ES256", "kid": "%s", "typ": "remelt-1"}',
    "alg none": b'{"alg":"none","kid":"%s","typ":"remelt-1"}',
    "alg NONE": b'{"alg":"NONE","kid":"%s","typ":"remelt-1"}',
    "alg HS256": b'{"alg":"HS256","kid":"%s","typ":"remelt-1"}',
    "alg ES384": b'{"alg":"ES384","kid":"%s","typ":"remelt-1"}',
    "alg EdDSA": b'{"alg":"EdDSA","kid":"%s","typ":"remelt-1"}',
    "no alg": b'{"kid":"%s","typ":"remelt-1"}',
    "no typ": b'{"alg":"ES256","kid":"%s"}',
    "typ of other rules": b'{"alg":"ES256","kid":"%s","typ":"remelt-2"}',
    "typ JWT": b'{"alg":"ES256","kid":"%s","typ":"JWT"}',
    "an embedded key": b'{"alg":"ES256","jwk":{},"kid":"%s","typ":"remelt-1"}',
    "a key's address": b'{"alg":"ES256","jku":"https://example.org","kid":"%s","typ":"remelt-1"}',
    "critical extension": b'{"alg":"ES256","b64":false,"crit":["b64"],"kid":"%s","typ":"remelt-1"}',
    "alg twice": b'{"alg":"none","alg":"ES256","kid":"%s","typ":"remelt-1"}',
    "kid of a path": b'{"alg":"ES256","kid":"../../%s","typ":"remelt-1"}',
    "trailing newline": b'{"alg":"ES256","kid":"%s","typ":"remelt-1"}\n',
    "escaped": b'{"alg":"ES256","kid":"%s","typ":"remelt\\u002d1"}',
    "nothing": b"",
    "no JSON": b"ES256",
    "binary": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("name", HEADERS)
def test_only_one_header_is_a_statements_header(door: Door, name: str) -> None:
    key = door.signing["TONGLING"]
    payload = encoding.canonical(_receipt(door))
    header = HEADERS[name].replace(b"%s", keys.kid_of(key).encode())
    head = jose.b64url(header)
    signed = f"{head}.{jose.b64url(payload)}"
    good = jose.sign(payload, key, keys.kid_of(key)).rpartition(".")[2]
    refused(_post(door, f"{signed}.{good}"), "SIGNATURE_INVALID", "statement")
    refused(_post(door, f"{signed}."), "SIGNATURE_INVALID", "statement")


def test_a_statement_is_three_parts_of_canonical_base64url(door: Door) -> None:
    head, payload, signature = _statement(door)
    last = "AEIMQUYcgkosw048"  # the digits whose unused bits are zero
    assert signature[-1] in last
    loose = signature[:-1] + chr(ord(signature[-1]) + 1)
    padded = base64.urlsafe_b64encode(jose.b64url_decode(payload, "")).decode()
    wrong: list[Any] = [
        "", ".", head, f"{head}.{payload}", f"{head}.{payload}.{signature}.",
        f"{head}.{payload}.{signature}.{signature}", f"{head}..{signature}.x",
        f"{head}.{payload}.{loose}", f"{head}.{payload}.{signature}==", f" {head}.{payload}.x",
        f"{head}.{payload}.{signature}\n", f"{head}.{payload[:5]}\n{payload[5:]}.{signature}",
        f"{head}.{payload}.+{signature[1:]}", f"{head}.{payload}./{signature[1:]}",
        f"{head}.{payload}.{signature[:-1]}é", f"{head}.{payload}.{signature}AAA",
        f"{head}.{payload}.🙂", None, 5, [], {}, [head, payload, signature], True,
    ]  # fmt: skip
    if padded.endswith("="):
        wrong.append(f"{head}.{padded}.{signature}")
    for statement in wrong:
        refused(_post(door, statement), "FIELD_INVALID", "statement")


def test_a_signature_of_another_length_or_none_at_all_is_refused(door: Door) -> None:
    head, payload, signature = _statement(door)
    raw = jose.b64url_decode(signature, "")
    for wrong in (b"", raw[:63], raw + b"\x00", raw[:32], b"\x30\x44\x02\x20" + raw, raw * 2):
        statement = f"{head}.{payload}.{jose.b64url(wrong)}"
        refused(_post(door, statement), "SIGNATURE_INVALID", "statement")


def test_numbers_that_are_no_signature_are_refused(door: Door) -> None:
    head, payload, signature = _statement(door)
    raw = jose.b64url_decode(signature, "")
    top = ORDER.to_bytes(32, "big")
    for wrong in (
        bytes(64), b"\xff" * 64, raw[:32] + bytes(32), bytes(32) + raw[32:], raw[:32] + top,
        raw[32:] + raw[:32], bytes([raw[0] ^ 1]) + raw[1:], raw[:63] + bytes([raw[63] ^ 128]),
    ):  # fmt: skip
        statement = f"{head}.{payload}.{jose.b64url(wrong)}"
        refused(_post(door, statement), "SIGNATURE_INVALID", "statement")


def test_a_signature_holds_for_its_own_payload_only(door: Door) -> None:
    head, payload, signature = _statement(door)
    _, other, _ = _statement(door)
    refused(_post(door, f"{head}.{other}.{signature}"), "SIGNATURE_INVALID", "statement")
    assert _post(door, f"{head}.{payload}.{signature}").status_code == 201


def test_the_other_half_of_a_signature_is_the_same_statement(door: Door) -> None:
    # ES256 is malleable: (r, n-s) verifies too. It must not become a second entry.
    head, payload, signature = _statement(door)
    first = _post(door, f"{head}.{payload}.{signature}").json()
    raw = jose.b64url_decode(signature, "")
    mirrored = (ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    again = _post(door, f"{head}.{payload}.{jose.b64url(raw[:32] + mirrored)}")
    assert again.status_code == 201
    assert (again.json()["n"], again.json()["leaf_hash"]) == (first["n"], first["leaf_hash"])


def test_keys_of_others_unknown_keys_and_revoked_keys_sign_nothing(door: Door) -> None:
    payload = encoding.canonical(_receipt(door))
    foreign, unknown = keys.new_party_key(), keys.new_party_key()
    door.record(
        "key_added", {"party": "STRANGER", "custody": "self", **new_key("STRANGER", foreign)}
    )
    own = keys.new_party_key()
    added = {"party": "TONGLING", "custody": "self", **new_key("TONGLING", own)}
    door.record("key_added", added, "TONGLING")
    gone = {"party": "TONGLING", "kid": keys.kid_of(own), "reason": "compromised"}
    good = jose.sign(encoding.canonical(_receipt(door)), own, keys.kid_of(own))
    assert _post(door, good).status_code == 201
    door.record("key_revoked", gone)
    for key, code in ((foreign, "KEY_UNKNOWN"), (unknown, "KEY_UNKNOWN"), (own, "KEY_REVOKED")):
        statement = jose.sign(payload, key, keys.kid_of(key))
        refused(_post(door, statement), code, "kid")
    # A key that is named and not used to sign is worth nothing either.
    named = jose.sign(payload, unknown, keys.kid_of(door.signing["TONGLING"]))
    refused(_post(door, named), "SIGNATURE_INVALID", "statement")
    assert _post(door, good).status_code == 201, "a retry of what was taken is still answered"


def test_a_key_that_is_named_by_its_own_revocation_cannot_state_it(door: Door) -> None:
    gone = {"party": "TONGLING", "kid": keys.kid_of(door.signing["TONGLING"]), "reason": "left"}
    refused(door.send(door.event("key_revoked", gone, "TONGLING")), "PERMISSION_DENIED")


def test_a_payload_is_an_event_in_strict_json(door: Door) -> None:
    key = door.signing["TONGLING"]
    kid = keys.kid_of(key)
    whole = encoding.canonical(_receipt(door))
    envelope = orjson.loads(whole)
    cases: list[tuple[bytes, str]] = [
        (b"", "JSON_INVALID"),
        (b"[]", "JSON_INVALID"),
        (b"\xff", "JSON_INVALID"),
        (b"[" * 10_000, "JSON_INVALID"),
        (b"\xef\xbb\xbf" + whole, "JSON_INVALID"),
        (whole.replace(b'"mass":', b'"mass":"1 t","mass":'), "JSON_INVALID"),
        (whole.replace(b'"10 t"', b"1.5"), "NUMBER_NOT_EXACT"),
        (encoding.canonical({**envelope, "private": {"note": "x"}}), "FIELD_UNKNOWN"),
        (encoding.canonical({**envelope, "_sd": ["A" * 43]}), "FIELD_MISSING"),
        (encoding.canonical({**envelope, "_sd_alg": "sha-256"}), "FIELD_MISSING"),
        (encoding.canonical({**envelope, "_sd": [], "_sd_alg": "sha-256"}), "FIELD_INVALID"),
        (encoding.canonical({**envelope, "_sd": ["A" * 42], "_sd_alg": "sha-256"}),
         "FIELD_INVALID"),
        (encoding.canonical({**envelope, "_sd": ["B" * 43, "A" * 43], "_sd_alg": "sha-256"}),
         "FIELD_INVALID"),
        (encoding.canonical({**envelope, "_sd": ["A" * 43] * 2, "_sd_alg": "sha-256"}),
         "FIELD_INVALID"),
        (encoding.canonical({**envelope, "_sd": ["A" * 43], "_sd_alg": "sha-512"}),
         "VOCABULARY_UNKNOWN"),
        (whole + b" " * 33_000, "EVENT_TOO_LARGE"),
    ]  # fmt: skip
    for payload, code in cases:
        refused(_post(door, jose.sign(payload, key, kid)), code)
    spaced = orjson.dumps(envelope, option=orjson.OPT_INDENT_2)
    assert _post(door, jose.sign(spaced, key, kid)).status_code == 201


def test_a_statement_comes_with_disclosures_and_nothing_else(door: Door) -> None:
    sealed = door.sealed(_receipt(door, private={"note": SECRET}))
    refused(door.post({**sealed, "private": {}}, "TONGLING"), "FIELD_UNKNOWN", "private")
    refused(door.post({**sealed, "log": ORIGIN}, "TONGLING"), "FIELD_UNKNOWN", "log")
    others: tuple[Any, ...] = (None, {}, "x", 5, [5], [None], [[]])
    for wrong in others:
        answer = door.post({**sealed, "disclosures": wrong}, "TONGLING")
        refused(answer, "FIELD_INVALID", "disclosures")


def _disclosure(*members: Any) -> str:
    return jose.b64url(orjson.dumps(list(members)))


def _disclosing(door: Door, *disclosures: str) -> httpx.Response:
    """A statement that names exactly these disclosures, and sends them."""
    found = {jose.b64url(_sha256(text)) for text in disclosures}
    payload = {**_receipt(door), "_sd": sorted(found), "_sd_alg": "sha-256"}
    key = door.signing["TONGLING"]
    statement = jose.sign(encoding.canonical(payload), key, keys.kid_of(key))
    return _post(door, statement, disclosures=list(disclosures))


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


SALT = "c2FsdHNhbHRzYWx0c2Fs"


def test_a_disclosure_that_the_statement_does_not_name_is_refused(door: Door) -> None:
    sealed = door.sealed(_receipt(door, private={"note": f"{SECRET} 1", "plate": f"{SECRET} 2"}))
    one, two = sealed["disclosures"]
    other = _disclosure(SALT, "note", "x")
    for wrong, where in (
        ([one, two, other], 2), ([other], 0), ([one, one], 1), ([one, two, one], 2),
    ):  # fmt: skip
        answer = door.post({**sealed, "disclosures": wrong}, "TONGLING")
        refused(answer, "FIELD_INVALID", f"disclosures[{where}]")
    salt, name, _ = orjson.loads(jose.b64url_decode(one, ""))
    changed = _disclosure(salt, name, "another value")
    answer = door.post({**sealed, "disclosures": [changed, two]}, "TONGLING")
    refused(answer, "FIELD_INVALID", "disclosures[0]")
    assert door.post({**sealed, "disclosures": [two]}, "TONGLING").status_code == 201


def test_bytes_that_are_no_disclosure_are_refused(door: Door) -> None:
    good = _disclosure(SALT, "note", "x")
    raw = jose.b64url_decode(good, "")
    for wrong in (
        "é", "A", good + "=", good + "!", _disclosure(), _disclosure(SALT, "note"),
        _disclosure(SALT, "note", "x", "y"), _disclosure(1, "note", "x"), _disclosure(SALT, 2, "x"),
        jose.b64url(b'{"a":1}'), jose.b64url(b'"x"'),
    ):  # fmt: skip
        refused(_disclosing(door, wrong), "FIELD_INVALID")
    for data, code in (
        (b"", "JSON_INVALID"),
        (b"\xff\xfe", "JSON_INVALID"),
        (b"[" * 5_000, "JSON_INVALID"),
        (raw + b"x", "JSON_INVALID"),
        (b'["a","note",NaN]', "JSON_INVALID"),
        (b'["a","note",1.5]', "NUMBER_NOT_EXACT"),
        (b'["a","note","\\ud800"]', "JSON_INVALID"),
    ):
        refused(_disclosing(door, jose.b64url(data)), code)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("Note", "x", "private.Note"),
        ("", "x", "private."),
        ("note\u202e", "x", "private.note\u202e"),
        ("note", 5, "private.note"),
        ("note", None, "private.note"),
        ("note", {"deep": ["x"]}, "private.note"),
        ("note", f"{SECRET}\u202e", "private.note"),
        ("note", f"{SECRET}\x00", "private.note"),
        ("note", SECRET * 300, "private"),
    ],
    ids=range(9),
)
def test_what_is_disclosed_obeys_the_rules_of_private_fields(
    door: Door, name: str, value: Any, field: str
) -> None:
    refused(_disclosing(door, _disclosure(SALT, name, value)), "FIELD_INVALID", field)


def test_a_private_field_is_disclosed_once(door: Door) -> None:
    twice = _disclosure(SALT, "note", "one"), _disclosure(SALT, "note", "two")
    refused(_disclosing(door, *twice), "FIELD_INVALID", "disclosures")
    apart = _disclosure(SALT, "note", "one"), _disclosure(SALT, "plate", "two")
    assert _disclosing(door, *apart).status_code == 201


def test_a_self_signed_registration_discloses_its_name(door: Door) -> None:
    body = {"site": "TL09", "party": "TONGLING", "type": "yard", "country": "CN", "scopes": []}
    envelope = door.event("site_registered", {**body, "zone": "UTC"}, "TONGLING",
                          private={"name": f"{SECRET} yard"})  # fmt: skip
    sealed = door.sealed(envelope)
    bare = {"statement": sealed["statement"]}
    refused(door.post(bare, "TONGLING"), "FIELD_MISSING", "private.name")
    assert door.post(sealed, "TONGLING").status_code == 201


def test_a_leaf_keeps_the_statement_as_it_was_signed(door: Door) -> None:
    sealed = door.sealed(_receipt(door, private={"note": SECRET}))
    done = door.post(sealed, "TONGLING").json()
    shown = door.get(f"/v1/entries/{done['n']}", "TONGLING").json()
    assert shown["entry"]["statement"] == sealed["statement"]
    assert shown["disclosures"] == sealed["disclosures"]
    found = entry.disclosure(shown["disclosures"][0])
    assert shown["event"]["_sd"] == [found.digest]
