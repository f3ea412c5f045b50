"""Reading what a person typed or scanned: leniently, as long as only one reading is possible."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

from labels import payload
from ledger.book import crockford, serial, shapes
from ledger.errors import FormatError

TEXT_MAX: Final = 300
# Crockford's own rule for what people read on paper; U does not occur at all.
_READ_AS: Final = str.maketrans("ILO", "110")
# A host has a scheme before it or a dot in it; a site of this log has neither.
_ADDRESS: Final = re.compile(r"(?:HTTPS?://[^/\s]*|[^/\s]*\.[^/\s]*)?/[LC]/(.*)", re.DOTALL)
# A GS1 Digital Link, or the text that stands under one.
_DIGITAL_LINK: Final = re.compile(r".*/01/(\d{14})/10/([^/?#\s]+).*", re.DOTALL)
_BRACKETS: Final = re.compile(r"\(01\)\s*(\d{14})\s*\(10\)\s*(\S+)")
_LOT: Final = re.compile(r"([^/\s]+)\s*/\s*([^/\s]+)[/\s]+([0-9A-Z-]+)")
_LOT_ALONE: Final = re.compile(r"[A-Z][A-Z0-9]{1,11}\s*/\s*[A-Z0-9][A-Z0-9-]{0,19}")


def capitals(text: str) -> str:
    """The text in capitals; outside ASCII as it is, since capitals can be other letters there."""
    return text.upper() if text.isascii() else text


def digits(text: str) -> str:
    """Crockford digits as typed: capitals, without hyphens and spaces, I and L for 1, O for 0."""
    return re.sub(r"[\s-]", "", capitals(text)).translate(_READ_AS)


def is_serial(text: str) -> bool:
    """Whether these are twelve digits with a right check digit."""
    try:
        serial.parse(text, "serial")
    except FormatError:
        return False
    return True


def looks_like_serial(text: str) -> bool:
    return len(text) == serial.LENGTH and all(digit in crockford.ALPHABET for digit in text)


def is_lot(text: str) -> bool:
    """Whether a lot may have this name: <site>/<name>."""
    try:
        shapes.NAMED(text, "lot")
    except FormatError:
        return False
    return True


def label(site: str, name: str, typed_digits: str) -> tuple[str, str] | None:
    """The lot and the fingerprint of a label; None where no label has such parts."""
    lot, fingerprint = capitals(f"{site}/{name}"), digits(typed_digits)
    try:
        shapes.NAMED(lot, "lot")
    except FormatError:
        return None
    known = all(digit in crockford.ALPHABET for digit in fingerprint)
    return (lot, fingerprint) if known and len(fingerprint) == payload.FINGERPRINT_DIGITS else None


def address(text: str) -> tuple[str, str]:
    """Where on this server the typed text leads: (path, ""), or ("", key of what is wrong)."""
    plain = capitals(unicodedata.normalize("NFKC", text[:TEXT_MAX]).strip())
    if found := _ADDRESS.fullmatch(plain):
        plain = found[1].partition("?")[0].strip("/ ")
    if found := _DIGITAL_LINK.fullmatch(plain) or _BRACKETS.fullmatch(plain):
        return f"/01/{found[1]}/10/{quote(found[2], safe='%')}", ""
    number = digits(plain)
    if looks_like_serial(number):
        return f"/C/{number}", ""
    if found := _LOT.fullmatch(plain):
        read = label(found[1], found[2], found[3])
        if read is not None:
            return f"/L/{read[0]}/{read[1]}", ""
    return "", "home_digits" if _LOT_ALONE.fullmatch(plain) else "home_unread"
