"""GS1 keys, and GS1 Digital Link, the address that carries them.

    HTTPS://<HOST>/01/<GTIN>/10/<LOT>      a lot of goods whose seller has a GTIN of its own

Check digits are verified here: not every toolkit does. Sources: GS1 General Specifications
(keys, character set 82, GS1 Prefixes); GS1 Digital Link, URI Syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from labels import payload
from ledger.book.shape import invalid

CANONICAL_HOST: Final = "id.gs1.org"
LOT_MAX: Final = 20
GTIN_LENGTHS: Final = (8, 12, 13, 14)
# The primary keys of Digital Link other than the GTIN: they name no lot.
_OTHER_KEYS: Final = {
    "00": "an SSCC", "253": "a GDTI", "255": "a GCN", "401": "a GINC", "402": "a GSIN",
    "414": "a GLN", "417": "a GLN", "8003": "a GRAI", "8004": "a GIAI", "8006": "an ITIP",
    "8010": "a CPID", "8013": "a GMN", "8017": "a GSRN", "8018": "a GSRN",
}  # fmt: skip
_QUALIFIERS: Final = ("22", "10", "21")  # the order in which they follow 01
_ATTRIBUTE: Final = re.compile(
    r"1[1-7]|20|30|37|9\d|24[0-3]|25[01]|4[0-2]\d|71\d|3[1-6]\d\d|39[0-5]\d|43\d\d|7[02]\d\d|8[0-2]\d\d",
    re.ASCII,
)
_SIX_DIGITS: Final = re.compile(r"3[1-6]\d\d", re.ASCII)  # weights and measures
_SET_82: Final = re.compile(r"[!\"%&'()*+,./0-9:;<=>?A-Z_a-z-]+")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LINK: Final = re.compile(r"(https?)://([^/?#]+)(/[^?#]*)(?:\?([^#]*))?(?:#.*)?", re.ASCII | re.I)

# GS1 Prefixes under which no seller gets a number for goods, with the reason: from, to.
_NOT_GOODS: Final = (
    (20, 29, "numbers that a shop gives itself"),
    (40, 49, "numbers that a company gives itself"),
    (50, 59, "coupons"),
    (200, 299, "numbers that a shop gives itself"),
    (951, 951, "EPC numbers"),
    (977, 977, "serials (ISSN)"),
    (978, 979, "books (ISBN)"),
    (980, 980, "refund receipts"),
    (981, 989, "coupons"),
    (990, 999, "coupons"),
)
_SHORT_NOT_GOODS: Final = (
    (0, 99, "numbers that a shop gives itself, and zeros before a UPC-E code"),
    (200, 299, "numbers that a shop gives itself"),
    (952, 952, "demonstrations"),
    (977, 999, "no goods"),
)
_DEMO: Final = "952"


@dataclass(frozen=True, slots=True)
class DigitalLink:
    """What a GS1 Digital Link of a GTIN says; attributes (AI -> value) stand in its query."""

    gtin: str
    lot: str = ""
    serial: str = ""
    variant: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


def check_digit(digits: str) -> int:
    """The check digit of a GS1 key without it: modulo 10, weights 3 1 3 … from the right."""
    total = sum(int(d) * (1, 3)[i % 2 == 0] for i, d in enumerate(reversed(digits)))
    return -total % 10


def gtin(text: str, name: str = "gtin") -> str:
    """A GTIN-8, -12, -13 or -14 as 14 digits. Raises FormatError, also for a wrong check digit."""
    hint = "write the digits under the bar code: 8, 12, 13 or 14 of them, without spaces"
    if not _are_digits(text) or len(text) not in GTIN_LENGTHS:
        raise invalid(name, text, "a GTIN of 8, 12, 13 or 14 digits", hint)
    _check(text, name)
    return text.zfill(14)


def genuine(number: str, name: str = "gtin", *, demo: bool = False) -> str:
    """A GTIN (14 digits), if GS1 gives such numbers to sellers of goods; else FormatError.

    demo: numbers for demonstrations, of the GS1 Prefix 952, are taken too.
    """
    # Under 13 digits that begin with five zeros stands a GTIN-8, with prefixes of its own.
    short = number[1:6] == "00000"
    prefix = int(number[6:9] if short else number[1:4])
    for low, high, reason in _SHORT_NOT_GOODS if short else _NOT_GOODS:
        if low <= prefix <= high:
            want = f"a number that GS1 gave its holder for goods; {prefix:03} is for {reason}"
            raise invalid(name, number, want, "take the GTIN from your GS1 membership")
    if is_demo(number) and not demo:
        hint = "say that it is for a demonstration (demo), or take the GTIN of your GS1 membership"
        raise invalid(name, number, "a genuine GTIN; 952 is for demonstrations", hint)
    return number


def is_demo(number: str) -> bool:
    """Whether a GTIN (14 digits) is one for demonstrations, GS1 Prefix 952."""
    return number[1:4] == _DEMO


def sscc(text: str, name: str = "sscc") -> str:
    """An SSCC: 18 digits with a right check digit."""
    return _key(text, name, 18, "an SSCC of 18 digits")


def gln(text: str, name: str = "gln") -> str:
    """A GLN: 13 digits with a right check digit."""
    return _key(text, name, 13, "a GLN of 13 digits")


def lot(text: str, name: str = "lot") -> str:
    """The value of AI 10, a batch or lot: 1 to 20 characters of the GS1 set 82."""
    if not 0 < len(text) <= LOT_MAX or _SET_82.fullmatch(text) is None:
        want = f"1 to {LOT_MAX} letters, digits and characters of the GS1 set 82"
        raise invalid(name, text, want)
    return text


def digital_link(host: str, number: str, batch: str) -> str:
    """The text of a label: scheme and host in capitals, for a small QR symbol."""
    link = f"{payload.SCHEME}{payload.capitals(host)}{path(number, batch)}"
    payload.check_text(link)
    return link


def canonical(number: str, batch: str) -> str:
    """The same lot at GS1's own host: the form in which two links are compared."""
    return f"https://{CANONICAL_HOST}{path(number, batch)}"


def path(number: str, batch: str) -> str:
    """The path of a lot's Digital Link; number: a GTIN as 14 digits."""
    return f"/01/{number}/10/{quote(lot(batch), safe='')}"


def parse(text: str) -> DigitalLink:
    """Read a GS1 Digital Link of a GTIN, of any host. Raises FormatError naming the wrong part."""
    found = _LINK.fullmatch(text) if len(text) <= payload.TEXT_MAX else None
    if found is None:
        raise invalid("digital_link", text, "an address such as https://id.gs1.org/01/…/10/…")
    return parse_path(found[3], found[4] or "")


def parse_path(escaped: str, query: str = "") -> DigitalLink:
    """The same for the path and the query of an address, both still percent-encoded.

    Directories in front of 01 and one slash at the end are tolerated. GTINs have 14 digits here.
    """
    if len(escaped) + len(query) > payload.TEXT_MAX:
        raise invalid("digital_link", escaped, f"at most {payload.TEXT_MAX} characters")
    number, *qualifiers = _pairs(escaped)
    if len(number[1]) != 14:
        want = "a GTIN of 14 digits"
        raise invalid("01", number[1], want, "put zeros in front of a shorter one")
    given = _qualifiers(qualifiers)
    return DigitalLink(
        gtin(number[1], "01"),
        lot=lot(given["10"], "10") if "10" in given else "",
        serial=lot(given["21"], "21") if "21" in given else "",
        variant=lot(given["22"], "22") if "22" in given else "",
        attributes=_attributes(query),
    )


def _pairs(escaped: str) -> list[tuple[str, str]]:
    """The pairs of AI and value, read from the right as far as the primary key."""
    segments = escaped.removeprefix("/").removesuffix("/").split("/")
    pairs: list[tuple[str, str]] = []
    while len(segments) > 1 and (not pairs or pairs[0][0] != "01"):
        ai, value = segments[-2:]
        del segments[-2:]
        if ai in _OTHER_KEYS:
            raise invalid("digital_link", escaped, f"a GTIN (01), not {_OTHER_KEYS[ai]} ({ai})")
        pairs.insert(0, (ai, _unescape(value, ai)))
    if not pairs or pairs[0][0] != "01":
        hint = "every AI is followed by its value: /01/<GTIN>/10/<lot>"
        raise invalid("digital_link", escaped, "a path of pairs that begins with 01", hint)
    if len(segments) > 1 and segments[-2] in _QUALIFIERS:
        raise _disorder(segments[-2], "01")
    return pairs


def _qualifiers(pairs: list[tuple[str, str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    least = 0
    for ai, value in pairs:
        if ai not in _QUALIFIERS:
            hint = "attributes of the goods stand behind a question mark" if _is_ai(ai) else ""
            raise invalid("digital_link", ai, "22, 10 or 21 behind the GTIN", hint)
        if ai in given:
            raise invalid(ai, value, "each AI once")
        if _QUALIFIERS.index(ai) < least:
            raise _disorder(next(reversed(given)), ai)
        given[ai], least = value, _QUALIFIERS.index(ai)
    return given


def _disorder(first: str, second: str) -> Exception:
    order = " ".join(("01", *_QUALIFIERS))
    return invalid("digital_link", f"{first} before {second}", f"the order {order}")


def _attributes(query: str) -> dict[str, str]:
    """The AIs among the parameters; others, such as linkType, are not GS1's and left alone."""
    given: dict[str, str] = {}
    for part in query.split("&"):
        ai, _, value = part.partition("=")
        if not _are_digits(ai):
            continue
        if not _is_ai(ai) or ai == "01" or ai in _QUALIFIERS:
            raise invalid("digital_link", ai, "an attribute's AI behind the question mark")
        if ai in given:
            raise invalid(ai, value, "each AI once")
        given[ai] = _unescape(value.replace("+", " "), ai)
        if _SIX_DIGITS.fullmatch(ai) and not (_are_digits(given[ai]) and len(given[ai]) == 6):
            raise invalid(ai, given[ai], "6 digits")
        if _SET_82.fullmatch(given[ai]) is None:
            raise invalid(ai, given[ai], "characters of the GS1 set 82")
    return given


def _is_ai(ai: str) -> bool:
    return ai in ("01", *_QUALIFIERS) or _ATTRIBUTE.fullmatch(ai) is not None


def _unescape(value: str, ai: str) -> str:
    if found := _BAD_ESCAPE.search(value):
        want = f"% followed by two hex digits (character {found.start() + 1})"
        raise invalid(ai, value, want, "a % of the value itself is written %25")
    plain = unquote_to_bytes(value)
    if not plain or not plain.isascii():
        raise invalid(ai, value, "a value of ASCII characters")
    return plain.decode("ascii")


def _key(text: str, name: str, length: int, want: str) -> str:
    if not _are_digits(text) or len(text) != length:
        raise invalid(name, text, want)
    _check(text, name)
    return text


def _check(text: str, name: str) -> None:
    right = check_digit(text[:-1])
    if int(text[-1]) != right:
        want = f"the check digit {right}, not {text[-1]}"
        raise invalid(name, text, want, "a digit is mistyped or two are swapped: read it again")


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
