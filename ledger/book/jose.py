"""P-256 keys as JWK, their RFC 7638 thumbprints, and compact JWS with ES256.

Just the corner of JOSE that statements use: the protected header is, byte for byte,
`{"alg":"ES256","kid":"<thumbprint>","typ":"remelt-1"}`, and base64url is canonical, unpadded.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from ledger.book import encoding
from ledger.errors import FormatError, RuleError

TYP: Final = "remelt-1"
KID: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_ES256: Final = ec.ECDSA(hashes.SHA256())
_SIGNATURE_HINT: Final = (
    'sign as compact JWS, ES256, header exactly {"alg":"ES256","kid":…,"typ":"remelt-1"}'
)


@dataclass(frozen=True, slots=True)
class Jws:
    """A parsed compact JWS whose signature is not checked yet."""

    kid: str
    payload: bytes
    signed: bytes
    signature: bytes


def b64url(data: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str, field: str) -> bytes:
    """Bytes of canonical unpadded base64url; FormatError FIELD_INVALID for any other spelling."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or b64url(data) != text:
        raise FormatError(
            "FIELD_INVALID",
            f"{field}: not canonical unpadded base64url",
            field=field,
            value=text[:60],
            hint="RFC 4648 section 5, no padding, unused bits zero",
        )
    return data


def parse_jwk(value: object, field: str) -> dict[str, str]:
    """A public P-256 JWK with exactly kty, crv, x, y, on the curve.

    Raises FormatError FIELD_UNKNOWN, FIELD_MISSING or FIELD_INVALID.
    """
    if not isinstance(value, dict):
        raise _bad_key(field, value, "want a JWK object")
    for name in value:
        if name not in ("kty", "crv", "x", "y"):
            raise FormatError(
                "FIELD_UNKNOWN",
                f"{field}.{name}: not a field of a public P-256 key",
                field=f"{field}.{name}",
                value=name,
                hint="send kty, crv, x and y only; never a private key",
            )
    for name in ("kty", "crv", "x", "y"):
        if name not in value:
            raise FormatError(
                "FIELD_MISSING", f"{field}.{name} is missing", field=f"{field}.{name}"
            )
        if not isinstance(value[name], str):
            raise _bad_key(f"{field}.{name}", value[name], "want a string")
    if value["kty"] != "EC" or value["crv"] != "P-256":
        raise _bad_key(field, value["crv"], "want kty EC and crv P-256")
    for name in ("x", "y"):
        if len(b64url_decode(value[name], f"{field}.{name}")) != 32:
            raise _bad_key(f"{field}.{name}", value[name], "want 32 bytes")
    try:
        _public_key(value["x"], value["y"])
    except ValueError as error:
        raise _bad_key(field, value["x"], "the point is not on the curve") from error
    return value


def _bad_key(field: str, value: object, what: str) -> FormatError:
    return FormatError(
        "FIELD_INVALID",
        f"{field}: {what}",
        field=field,
        value=value,
        hint='a key is {"kty":"EC","crv":"P-256","x":…,"y":…} (RFC 7518 section 6.2)',
    )


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638 thumbprint of a P-256 JWK: the `kid` of its statements."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return b64url(hashlib.sha256(encoding.canonical(members)).digest())


@lru_cache(maxsize=4096)
def _public_key(x: str, y: str) -> ec.EllipticCurvePublicKey:
    point = b"\x04" + b64url_decode(x, "x") + b64url_decode(y, "y")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The JWK of a P-256 public key."""
    numbers = key.public_numbers()
    x, y = (b64url(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def header(kid: str) -> bytes:
    """The protected header of every statement, exactly."""
    return b'{"alg":"ES256","kid":"' + kid.encode("ascii") + b'","typ":"' + TYP.encode() + b'"}'


def sign(payload: bytes, key: ec.EllipticCurvePrivateKey, kid: str) -> str:
    """A compact JWS over `payload`. Not deterministic: ES256 draws a nonce."""
    signed = f"{b64url(header(kid))}.{b64url(payload)}"
    r, s = decode_dss_signature(key.sign(signed.encode("ascii"), _ES256))
    return f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def parse(text: object, field: str = "statement") -> Jws:
    """Take a compact JWS apart without checking its signature.

    Raises FormatError FIELD_INVALID for anything but three canonical base64url parts,
    SIGNATURE_INVALID for another header or a signature that is not 64 bytes.
    """
    parts = text.split(".") if isinstance(text, str) and text.isascii() else []
    if len(parts) != 3:
        raise FormatError(
            "FIELD_INVALID",
            f"{field}: not a compact JWS of three parts",
            field=field,
            value=text,
            hint=_SIGNATURE_HINT,
        )
    head, payload, signature = (b64url_decode(part, field) for part in parts)
    match = re.fullmatch(rb'\{"alg":"ES256","kid":"([A-Za-z0-9_-]{43})","typ":"remelt-1"\}', head)
    if match is None or len(signature) != 64:
        what = "header" if match is None else "signature length"
        raise FormatError(
            "SIGNATURE_INVALID",
            f"{field}: the {what} is not that of a remelt-1 statement",
            field=field,
            value=head.decode("latin-1")[:120],
            hint=_SIGNATURE_HINT,
        )
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    return Jws(match[1].decode(), payload, signed, signature)


def verifies(jws: Jws, jwk: dict[str, str]) -> bool:
    """Whether the signature is that of the key over header and payload."""
    r, s = jws.signature[:32], jws.signature[32:]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    try:
        _public_key(jwk["x"], jwk["y"]).verify(der, jws.signed, _ES256)
    except InvalidSignature:
        return False
    return True


def check_signed_object(text: str, jwk: dict[str, str], want: dict[str, Any], field: str) -> None:
    """Check that a JWS signs exactly the object `want` with the key `jwk`.

    Used for proofs of possession and consents. Raises FormatError or RuleError SIGNATURE_INVALID.
    """
    jws = parse(text, field)
    if jws.kid != thumbprint(jwk) or not verifies(jws, jwk):
        what = "is not signed by the key it should be signed by"
    elif encoding.decode_object(jws.payload) != want:
        what = "signs something else"
    else:
        return
    raise RuleError(
        "SIGNATURE_INVALID",
        f"{field}: {what}, want {encoding.canonical(want).decode()}",
        field=field,
        value=jws.kid,
        hint="sign exactly this object with the new or the holder's key",
    )
