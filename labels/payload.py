"""What the code on a label says, and the strict way back.

    HTTPS://<HOST>/L/<SITE>/<NAME>/<10 digits>      a lot and the fingerprint of its first entry
    HTTPS://<HOST>/C/<SERIAL>                       a certificate

Only characters of the QR alphanumeric set, so that the symbol stays small. Every label has exactly
one text: `parse_payload` refuses whatever the two makers would not have written.
Source: docs/format.md, Labels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ledger.book import crockford, serial, shapes
from ledger.book.shape import invalid, pattern

ALPHANUMERIC: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
TEXT_MAX: Final = 400
SCHEME: Final = "HTTPS://"
FINGERPRINT_DIGITS: Final = 10
LEAF_HASH_BYTES: Final = 32

_HINT: Final = "scan the label again, or type what is printed under its code"
_LABEL: Final = r"[A-Z0-9](?:[A-Z0-9-]{0,61}[A-Z0-9])?"
_HOST: Final = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?", re.ASCII)
_FINGERPRINT: Final = pattern(
    f"[{crockford.ALPHABET}]{{{FINGERPRINT_DIGITS}}}", "10 Crockford digits (no I, L, O, U)"
)
_PRINTED_SERIAL: Final = re.compile(r"\w{4}-\w{4}-\w{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LotLabel:
    """The label of a lot; `host` in capitals, with its port if it has one."""

    host: str
    lot: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CertificateLabel:
    """The label of a certificate; `serial` as stored, without hyphens."""

    host: str
    serial: str


def fingerprint(leaf_hash: bytes) -> str:
    """The first 10 Crockford digits (50 bits) of a leaf hash."""
    if len(leaf_hash) != LEAF_HASH_BYTES:
        raise invalid("leaf_hash", leaf_hash.hex(), f"{LEAF_HASH_BYTES} bytes")
    return crockford.digits(leaf_hash, FINGERPRINT_DIGITS)


def lot_payload(host: str, lot_id: str, first_leaf_hash: bytes) -> str:
    """The text of a lot's label; `first_leaf_hash` is that of the entry that made the lot."""
    lot = shapes.NAMED(lot_id, "lot")
    return f"{SCHEME}{capitals(host)}/L/{lot}/{fingerprint(first_leaf_hash)}"


def certificate_payload(host: str, serial_text: str) -> str:
    """The text of a certificate's label; the serial may be given as stored or as printed."""
    printed = _PRINTED_SERIAL.fullmatch(serial_text)
    stored = serial_text.replace("-", "") if printed else serial_text
    return f"{SCHEME}{capitals(host)}/C/{serial.parse(stored, 'serial')}"


def check_text(text: str) -> None:
    """Refuse a text that the QR alphanumeric mode cannot hold, naming the first wrong character."""
    if not 0 < len(text) <= TEXT_MAX:
        raise invalid("payload", text, f"1 to {TEXT_MAX} characters", _HINT)
    for at, char in enumerate(text):
        if char not in ALPHANUMERIC:
            want = f"capitals, digits and $%*+-./: only, no {char!r} (character {at + 1})"
            raise invalid("payload", text, want, _HINT)


def parse_payload(text: str) -> LotLabel | CertificateLabel:
    """Read a scanned label. Raises FormatError naming the part that is wrong."""
    check_text(text)
    if not text.startswith(SCHEME):
        raise invalid("payload", text, f"{SCHEME} in front", _HINT)
    host, *path = text.removeprefix(SCHEME).split("/")
    _host(host)
    match path:
        case ["L", site, name, digits]:
            lot = shapes.NAMED(f"{site}/{name}", "lot")
            return LotLabel(host, lot, _FINGERPRINT(digits, "fingerprint"))
        case ["C", stored]:
            return CertificateLabel(host, serial.parse(stored, "serial"))
    want = f"/L/<SITE>/<NAME>/<{FINGERPRINT_DIGITS} digits> or /C/<SERIAL> after the host"
    raise invalid("payload", text, want, _HINT)


def _host(host: str) -> str:
    found = _HOST.fullmatch(host)
    if found is None or len(found[1]) > 253 or int(found[2] or 1) > 65_535:
        raise invalid("host", host, "a host name or IPv4 address, with :port if it has one")
    return host


def capitals(host: str) -> str:
    """A host as labels write it. Raises FormatError unless it is one."""
    # Outside ASCII, capitals can be another name: "straße" would become "STRASSE".
    return _host(host.upper() if host.isascii() else host)
