"""Keys, thumbprints and compact JWS: other people's vectors first, then every other spelling."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ledger.book import jose
from ledger.errors import FormatError, LedgerError, RuleError

# RFC 9449 section 4.1 (the key) and 6.1 (its RFC 7638 thumbprint).
DPOP_KEY = {
    "kty": "EC",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    "crv": "P-256",
}
DPOP_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
# RFC 7515 appendix A.3.
A3_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
A3_SIGNED = (
    b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    b"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
A3_SIGNATURE = (
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
KEY = ec.derive_private_key(20_260_302, ec.SECP256R1())
JWK = jose.public_jwk(KEY.public_key())
KID = jose.thumbprint(JWK)
OTHER = jose.public_jwk(ec.derive_private_key(7, ec.SECP256R1()).public_key())
STATEMENT = jose.sign(b'{"a":1}', KEY, KID)


def refusal(call: Any, *args: object) -> str:
    with pytest.raises(LedgerError) as caught:
        call(*args)
    return caught.value.code


def with_header(header: bytes) -> str:
    """The statement under another protected header."""
    return ".".join([jose.b64url(header), *STATEMENT.split(".")[1:]])


def with_signature(r: int, s: int) -> jose.Jws:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    head = STATEMENT.rpartition(".")[0]
    return jose.parse(f"{head}.{jose.b64url(raw)}")


# Thumbprints.


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    assert jose.thumbprint(DPOP_KEY) == DPOP_THUMBPRINT


def test_the_thumbprint_hashes_the_required_members_in_order_without_spaces() -> None:
    """RFC 7638 section 3.2: for EC keys crv, kty, x, y."""
    members = f'{{"crv":"P-256","kty":"EC","x":"{JWK["x"]}","y":"{JWK["y"]}"}}'
    digest = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest())
    assert digest.decode().rstrip("=") == KID


# Base64url.


@given(st.binary(max_size=100))
def test_bytes_come_back_from_base64url(data: bytes) -> None:
    assert jose.b64url_decode(jose.b64url(data), "x") == data


@given(st.text(st.sampled_from("AQgwB-_+/=Z9 \n"), max_size=9))
def test_every_string_has_one_spelling_or_is_refused(text: str) -> None:
    try:
        data = jose.b64url_decode(text, "x")
    except FormatError:
        return
    assert jose.b64url(data) == text


@pytest.mark.parametrize(
    "text",
    ["aGk=", "aGl", "aB", "a", "aGk\n", " aGk", "aG k", "a+k_", "a/k_", "aGk$", "aGк", "=", "A==="],
)
def test_base64url_with_padding_spare_bits_or_strangers_is_refused(text: str) -> None:
    assert refusal(jose.b64url_decode, text, "x") == "FIELD_INVALID"


# Keys.


def test_a_public_key_has_four_members_and_comes_back_as_it_is() -> None:
    assert jose.parse_jwk(JWK, "body.key") == JWK
    assert jose.parse_jwk(A3_KEY, "body.key") == A3_KEY


def point(x: int, y: int) -> dict[str, str]:
    return JWK | {"x": jose.b64url(x.to_bytes(32)), "y": jose.b64url(y.to_bytes(32))}


GOOD_X = int.from_bytes(jose.b64url_decode(JWK["x"], "x"))
GOOD_Y = int.from_bytes(jose.b64url_decode(JWK["y"], "y"))


@pytest.mark.parametrize(
    ("jwk", "code"),
    [
        (None, "FIELD_INVALID"),
        ("key", "FIELD_INVALID"),
        ({}, "FIELD_MISSING"),
        ({n: v for n, v in JWK.items() if n != "y"}, "FIELD_MISSING"),
        (JWK | {"d": JWK["x"]}, "FIELD_UNKNOWN"),
        (JWK | {"kid": KID}, "FIELD_UNKNOWN"),
        (JWK | {"alg": "ES256"}, "FIELD_UNKNOWN"),
        (JWK | {"kty": "OKP"}, "FIELD_INVALID"),
        (JWK | {"crv": "P-384"}, "FIELD_INVALID"),
        (JWK | {"crv": "secp256k1"}, "FIELD_INVALID"),
        (JWK | {"x": 1}, "FIELD_INVALID"),
        (JWK | {"x": JWK["x"] + "="}, "FIELD_INVALID"),
        (JWK | {"x": JWK["x"][:-1]}, "FIELD_INVALID"),
        (JWK | {"x": jose.b64url(b"\x00" * 31)}, "FIELD_INVALID"),
        (JWK | {"x": jose.b64url(b"\x00" * 33)}, "FIELD_INVALID"),
        (JWK | {"x": JWK["y"], "y": JWK["x"]}, "FIELD_INVALID"),
        (point(GOOD_X, GOOD_Y ^ 1), "FIELD_INVALID"),
        (point(0, 0), "FIELD_INVALID"),
        (point(PRIME, GOOD_Y), "FIELD_INVALID"),
        (point(2**256 - 1, 2**256 - 1), "FIELD_INVALID"),
    ],
)
def test_a_key_that_is_no_public_p256_key_is_refused(jwk: object, code: str) -> None:
    assert refusal(jose.parse_jwk, jwk, "body.key") == code


def test_the_mirrored_point_is_another_good_key() -> None:
    mirrored = jose.parse_jwk(point(GOOD_X, PRIME - GOOD_Y), "body.key")
    assert jose.thumbprint(mirrored) != KID
    assert not jose.verifies(jose.parse(STATEMENT), mirrored)


# Statements.


def test_a_signature_of_rfc_7515_verifies() -> None:
    signature = jose.b64url_decode(A3_SIGNATURE, "signature")
    signed = jose.Jws("", b"", A3_SIGNED, signature)
    assert jose.verifies(signed, A3_KEY)
    assert not jose.verifies(signed, DPOP_KEY)


def test_a_statement_says_who_signed_what_and_verifies_with_that_key_only() -> None:
    jws = jose.parse(STATEMENT)
    assert (jws.kid, jws.payload) == (KID, b'{"a":1}')
    assert jose.verifies(jws, JWK)
    assert not jose.verifies(jws, OTHER)


def test_signing_twice_gives_two_good_signatures() -> None:
    again = jose.sign(b'{"a":1}', KEY, KID)
    assert again.rpartition(".")[0] == STATEMENT.rpartition(".")[0]
    assert again != STATEMENT
    assert jose.verifies(jose.parse(again), JWK)


def test_the_header_is_exactly_these_bytes() -> None:
    want = b'{"alg":"ES256","kid":"%s","typ":"remelt-1"}' % KID.encode()
    assert jose.header(KID) == want == jose.b64url_decode(STATEMENT.split(".")[0], "x")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": KID, "typ": "remelt-1"},
        {"alg": "HS256", "kid": KID, "typ": "remelt-1"},
        {"alg": "ES256", "kid": KID, "typ": "remelt-2"},
        {"alg": "ES256", "kid": KID, "typ": "JWT"},
        {"alg": "ES256", "kid": KID},
        {"alg": "ES256", "kid": KID + "A", "typ": "remelt-1"},
        {"alg": "ES256", "kid": KID[:-1], "typ": "remelt-1"},
        {"alg": "ES256", "kid": "=" + KID[1:], "typ": "remelt-1"},
        {"alg": "ES256", "kid": KID, "typ": "remelt-1", "crit": []},
        {"alg": "ES256", "jwk": JWK, "kid": KID, "typ": "remelt-1"},
        {"typ": "remelt-1", "alg": "ES256", "kid": KID},
        {},
    ],
)
def test_another_header_is_refused(header: dict[str, Any]) -> None:
    text = with_header(json.dumps(header, separators=(",", ":")).encode())
    assert refusal(jose.parse, text) == "SIGNATURE_INVALID"


def test_the_right_header_with_a_space_is_another_header() -> None:
    header = jose.header(KID)
    assert refusal(jose.parse, with_header(header.replace(b",", b", "))) == "SIGNATURE_INVALID"
    assert refusal(jose.parse, with_header(header + b"\n")) == "SIGNATURE_INVALID"
    assert jose.parse(with_header(header)).kid == KID


@pytest.mark.parametrize(
    "text",
    [
        *(None, 1, "", "a.b", "a.b.c.d", STATEMENT + ".", "." + STATEMENT, STATEMENT + "="),
        *(STATEMENT + "\n", " " + STATEMENT, STATEMENT.replace(".", "..", 1)),
        *(STATEMENT[:-1] + "B", STATEMENT.replace("ey", "éy", 1), {"payload": STATEMENT}),
    ],
)
def test_anything_but_three_canonical_parts_is_refused(text: object) -> None:
    assert refusal(jose.parse, text) == "FIELD_INVALID"


@pytest.mark.parametrize("length", [0, 63, 65, 70, 72])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    text = STATEMENT.rpartition(".")[0] + "." + jose.b64url(b"\x01" * length)
    assert refusal(jose.parse, text) == "SIGNATURE_INVALID"


def test_a_signature_of_zero_or_beyond_the_order_does_not_verify() -> None:
    raw = jose.parse(STATEMENT).signature
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    for wrong_r, wrong_s in ((0, 0), (0, s), (r, 0), (ORDER, s), (r, ORDER), (2**256 - 1,) * 2):
        assert not jose.verifies(with_signature(wrong_r, wrong_s), JWK)
    assert jose.verifies(with_signature(r, s), JWK)


@given(st.integers(0, 511))
def test_no_bit_of_a_signature_can_be_turned(bit: int) -> None:
    jws = jose.parse(STATEMENT)
    turned = int.from_bytes(jws.signature) ^ (1 << bit)
    changed = jose.Jws(jws.kid, jws.payload, jws.signed, turned.to_bytes(64))
    assert not jose.verifies(changed, JWK)


# Proofs of possession and consents.

WANT = {"log": "demo.remelt.example/anhui", "party": "HEFEI", "kid": KID}


def proof(value: Any, key: ec.EllipticCurvePrivateKey = KEY, kid: str = KID) -> str:
    return jose.sign(json.dumps(value).encode(), key, kid)


def test_a_proof_signs_exactly_the_object_in_any_order() -> None:
    jose.check_signed_object(proof(WANT), JWK, WANT, "body.proof")
    jose.check_signed_object(proof(dict(reversed(WANT.items()))), JWK, WANT, "body.proof")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (proof(WANT | {"log": "another.example/log"}), "SIGNATURE_INVALID"),
        (proof(WANT | {"more": 1}), "SIGNATURE_INVALID"),
        (proof({}), "SIGNATURE_INVALID"),
        (proof(WANT, ec.derive_private_key(7, ec.SECP256R1())), "SIGNATURE_INVALID"),
        (proof(WANT, kid=jose.thumbprint(OTHER)), "SIGNATURE_INVALID"),
        (proof([WANT]), "JSON_INVALID"),
        ("a.b.c", "FIELD_INVALID"),
    ],
)
def test_a_proof_of_something_else_or_by_another_is_refused(text: str, code: str) -> None:
    with pytest.raises((FormatError, RuleError)) as caught:
        jose.check_signed_object(text, JWK, WANT, "body.proof")
    assert caught.value.code == code
