"""Shapes of fields: every function takes a JSON value and its path, gives the value or refuses."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable, Collection
from typing import Any

from tests.oracle import words
from tests.oracle.quantity import BILLION, MASS_UNITS, MAX, content, mass, measure, share
from tests.oracle.refuse import Refused

Check = Callable[[Any, str], Any]
Fields = list[tuple[str, bool, Check]]

PARTY = r"[A-Z][A-Z0-9-]{1,23}"
SITE = r"[A-Z][A-Z0-9]{1,11}"
NAME = r"[A-Z0-9][A-Z0-9-]{0,19}"
EQUIPMENT = r"[A-Z0-9][A-Z0-9-]{0,14}"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def under(path: str, name: str) -> str:
    """The path of a field inside an object."""
    return f"{path}.{name}" if path else name


def obj(value: Any, path: str, fields: Fields) -> dict[str, Any]:
    """Unknown names, missing names, then each field in turn."""
    if not isinstance(value, dict):
        raise Refused("FIELD_INVALID", path, "not an object")
    known = [name for name, _, _ in fields]
    for name in value:
        if name not in known:
            raise Refused("FIELD_UNKNOWN", under(path, name))
    for name, required, _ in fields:
        if required and name not in value:
            raise Refused("FIELD_MISSING", under(path, name))
    return {n: check(value[n], under(path, n)) for n, _, check in fields if n in value}


def shape_of(fields: Fields) -> Check:
    """An object with exactly these fields."""
    return lambda value, path: obj(value, path, fields)


def items(value: Any, path: str, check: Check, *, least: int = 0, most: int = 10**9) -> list[Any]:
    """A list, item after item."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Refused("FIELD_INVALID", path, "not a list of the right length")
    return [check(item, f"{path}[{i}]") for i, item in enumerate(value)]


def list_of(check: Check, *, least: int = 0, most: int = 10**9) -> Check:
    """A list of such things."""
    return lambda value, path: items(value, path, check, least=least, most=most)


def text(value: Any, path: str) -> str:
    """A string without control and bidi characters."""
    if not isinstance(value, str) or HIDDEN.search(value):
        raise Refused("FIELD_INVALID", path, "not a clean string")
    return value


def matching(pattern: str) -> Check:
    """A string of this form."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or re.fullmatch(pattern, value, re.ASCII) is None:
            raise Refused("FIELD_INVALID", path, f"not {pattern}")
        return value

    return check


def word(listed: Collection[str], code: str = "VOCABULARY_UNKNOWN") -> Check:
    """A string out of a list."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise Refused("FIELD_INVALID", path, "not a string")
        if value not in listed:
            raise Refused(code, path, value)
        return value

    return check


def whole(least: int, most: int) -> Check:
    """An integer in a range."""

    def check(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Refused("FIELD_INVALID", path, "not an integer of the range")
        return value

    return check


def true(value: Any, path: str) -> bool:
    """The JSON value true."""
    if value is not True:
        raise Refused("FIELD_INVALID", path, "not true")
    return True


def boolean(value: Any, path: str) -> bool:
    """A JSON boolean."""
    if not isinstance(value, bool):
        raise Refused("FIELD_INVALID", path, "not a boolean")
    return value


party = matching(PARTY)
site = matching(SITE)
site_name = matching(f"{SITE}/{NAME}")
scope = matching(NAME)
equipment = matching(EQUIPMENT)
country = matching("[A-Z]{2}")
sha256 = matching("[0-9a-f]{64}")
code = matching(r"[!-~]{1,64}")
element = word(words.ELEMENTS, "ELEMENT_UNKNOWN")


def instant(value: Any, path: str) -> int:
    """UTC milliseconds of an RFC 3339 time with offset."""
    if not isinstance(value, str):
        raise Refused("FIELD_INVALID", path, "not a string")
    match = INSTANT.fullmatch(value)
    if match is None:
        raise Refused("TIME_INVALID", path, value)
    try:
        year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
        local = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError as error:
        raise Refused("TIME_INVALID", path, value) from error
    minutes = 0
    if match[8] != "Z":
        hours, rest = int(match[8][1:3]), int(match[8][4:6])
        if hours > 23 or rest > 59:
            raise Refused("TIME_INVALID", path, value)
        minutes = (hours * 60 + rest) * (-1 if match[8][0] == "-" else 1)
    since = local - datetime.datetime(1970, 1, 1)
    fraction = int(((match[7] or ".0")[1:] + "000")[:3])
    return (since.days * 86400 + since.seconds - minutes * 60) * 1000 + fraction


def date(value: Any, path: str) -> datetime.date:
    """A calendar date."""
    if not isinstance(value, str):
        raise Refused("FIELD_INVALID", path, "not a string")
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is None:
        raise Refused("TIME_INVALID", path, value)
    try:
        return datetime.date.fromisoformat(value)
    except ValueError as error:
        raise Refused("TIME_INVALID", path, value) from error


def zone(value: Any, path: str) -> str:
    """An IANA time zone."""
    name = matching(r"[A-Za-z0-9_+/-]{1,64}")(value, path)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused("VOCABULARY_UNKNOWN", path, name) from error
    return str(name)


def assay(value: Any, path: str) -> dict[str, int]:
    """Element to ppb of dry mass; the sum is held to 100 %."""
    if not isinstance(value, dict):
        raise Refused("FIELD_INVALID", path, "not an object")
    for name in value:
        element(name, under(path, name))
    result = {name: content(value[name], under(path, name)) for name in value}
    if sum(result.values()) > BILLION:
        raise Refused("ASSAY_SUM_OVER_100", path)
    return result


def shares(value: Any, path: str) -> dict[str, int]:
    """Class to ppb, exactly 100 % together."""
    if not isinstance(value, dict):
        raise Refused("FIELD_INVALID", path, "not an object")
    for name in value:
        word(words.CLASSES)(name, under(path, name))
    result = {name: share(value[name], under(path, name)) for name in value}
    if sum(result.values()) != BILLION:
        raise Refused("ORIGIN_SPLIT_INVALID", path)
    return result


def origin(value: Any, path: str) -> dict[str, Any]:
    """Shares for all elements ({"all": …}) or per element ({"each": {…}})."""
    if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
        for name in value:
            element(name, under(path, name))
        return {"each": {name: shares(value[name], under(path, name)) for name in value}}
    return {"all": shares(value, path)}


def all_or_mass(value: Any, path: str) -> Any:
    """What a run takes."""
    return "all" if value == "all" else mass(value, path)


def rest_or_mass(value: Any, path: str) -> Any:
    """What an output weighs."""
    return "rest" if value == "rest" else mass(value, path)


def amount(value: Any, path: str) -> tuple[str, int]:
    """What a certificate claims: everything, milligrams or ppb of the substance."""
    if value == "all":
        return ("all", 0)
    if isinstance(value, str) and value.rpartition(" ")[2] in ("%", "ppm", "ppb"):
        kind, number = "share", share(value, path)
    else:
        kind, number = "mass", measure(value, path, MASS_UNITS)
    if number == 0:
        raise Refused("FIELD_INVALID", path, "zero")
    return (kind, number)


def check_digit(digits: str) -> str:
    """Luhn mod 32 over Crockford digits, from the right, factor 2 first."""
    total, factor = 0, 2
    for digit in reversed(digits):
        product = CROCKFORD.index(digit) * factor
        total += product // 32 + product % 32
        factor = 3 - factor
    return CROCKFORD[-total % 32]


def serial(value: Any, path: str) -> str:
    """A certificate's serial, without hyphens, its check digit right."""
    plain = str(matching(f"[{CROCKFORD}]{{12}}")(value, path))
    if check_digit(plain[:11]) != plain[11]:
        raise Refused("FIELD_INVALID", path, "check digit")
    return plain


def counted(value: Any, path: str) -> int:
    """A count or energy: an integer, zero allowed."""
    return int(whole(0, MAX)(value, path))
