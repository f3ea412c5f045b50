"""The fields that several bodies share: identifiers, masses, partners, materials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ledger.book import jose, mass, shape, vocabulary, zones
from ledger.book.bodies import Material, Partner
from ledger.book.shape import Field, Shape, invalid, listed, nested, pattern, word
from ledger.errors import FormatError

PARTY = pattern(r"[A-Z][A-Z0-9-]{1,23}", "a party id such as HUAIBEI-AL")
SITE = pattern(r"[A-Z][A-Z0-9]{1,11}", "a site id such as HB01")
NAMED = pattern(r"[A-Z][A-Z0-9]{1,11}/[A-Z0-9][A-Z0-9-]{0,19}", "<site>/<name>, e.g. HB01/A-1")
SCOPE = pattern(r"[A-Z0-9][A-Z0-9-]{0,19}", "a scope id such as CAST")
SITE_SCOPE = pattern(r"[A-Z][A-Z0-9]{1,11}/[A-Z0-9][A-Z0-9-]{0,19}", "<site>/<scope>")
EQUIPMENT = pattern(r"[A-Z0-9][A-Z0-9-]{0,14}", "an equipment id such as F1")
COUNTRY = pattern(r"[A-Z]{2}", "an ISO 3166 country code such as CN")
REGION = pattern(r"[A-Z]{2}-[A-Z0-9]{1,3}", "an ISO 3166-2 code such as CN-AH")
_ZONE_SHAPE = pattern(r"[A-Za-z0-9_+/-]{1,64}", "an IANA time zone such as Asia/Shanghai")
_ZONE_WORD = word(zones.ZONES)
SHA256 = pattern(r"[0-9a-f]{64}", "64 lower-case hex digits")
CODE = pattern(
    r"[A-Za-z0-9](?:[A-Za-z0-9 ._/:#()+-]{0,38}[A-Za-z0-9.#)+])?", "a code, up to 40 characters"
)
HS = pattern(r"[0-9]{4}(?:\.?[0-9]{2}){0,3}", "an HS code such as 7602")
KID = pattern(jose.KID.pattern, "an RFC 7638 thumbprint")
JWS = pattern(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", "a compact JWS")


def zone(value: Any, path: str) -> str:
    """A parser of the name of an IANA time zone."""
    return str(_ZONE_WORD(_ZONE_SHAPE(value, path), path))


def once(names: Iterable[str], path: str, what: str = "lot") -> None:
    """FIELD_INVALID for the first name that stands twice in a list."""
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            raise invalid(f"{path}[{i}]", name, f"each {what} once")
        seen.add(name)


def positive_mass(value: Any, path: str) -> int:
    """A parser of a mass above 0, in mg."""
    return mass.parse_mass(value, path)


def mass_or_zero(value: Any, path: str) -> int:
    """A parser of a mass, 0 included, in mg."""
    return mass.parse_mass(value, path, zero=True)


def mass_or(special: str) -> shape.Parser:
    """A parser of a mass above 0 in mg, or of one word, which gives None."""
    return lambda value, path: None if value == special else mass.parse_mass(value, path)


def named_values(parse: shape.Parser, most: int = 16) -> shape.Parser:
    """A parser of an object with free lower-case names and values of one kind."""
    name_of = pattern(r"[A-Za-z][A-Za-z0-9_.-]{0,31}", "a name of up to 32 letters and digits")

    def parse_map(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise invalid(path, value, f"an object of at most {most} names")
        for name in value:
            name_of(name, shape.join(path, name))
        return {name: parse(value[name], shape.join(path, name)) for name in value}

    return parse_map


def class_word(allowed: tuple[str, ...]) -> shape.Parser:
    """A parser of an origin class; one that is not `allowed` is CLASS_CHANGE_FORBIDDEN."""
    known = word(vocabulary.ORIGINS)

    def parse_class(value: Any, path: str) -> str:
        name: str = known(value, path)
        if name not in allowed:
            raise FormatError(
                "CLASS_CHANGE_FORBIDDEN",
                f"{path}: {name} cannot be given or claimed here",
                field=path,
                value=name,
                hint=f"one of {', '.join(allowed)}",
            )
        return name

    return parse_class


def partner(*, site: bool = False, country: bool = True) -> shape.Parser:
    """A parser of {party, site?} or {external: true, country?}.

    site: goods go there, so a party comes with a site. country: may be said of who is outside.
    """
    party_names = ("party", "site") if site else ("party",)
    external_names = ("external", "country") if country else ("external",)

    def needs(value: Mapping[str, Any]) -> tuple[str, ...]:
        if "external" in value:
            return ()
        return tuple(name for name in party_names if name not in value)

    def joins(members: dict[str, Any], path: str) -> None:
        if "external" in members and any(name in members for name in party_names):
            raise invalid(path, "party and external", "either a party or external")
        if "country" in members and "external" not in members:
            raise invalid(path, "country", "country with external only")

    fields = (
        Field("party", PARTY, required=False),
        Field("site", SITE, required=False),
        Field("external", shape.constant_true, required=False),
        Field("country", COUNTRY, required=False),
    )
    known = tuple(f for f in fields if f.name in (*party_names, *external_names))
    return nested(Shape(Partner, known, needs, joins))


GRADE = Shape(dict, (Field("scheme", word(vocabulary.GRADE_SCHEMES)), Field("code", CODE)))
MATERIAL = Shape(
    Material,
    (
        Field("metal", word(vocabulary.METALS)),
        Field("form", word(vocabulary.FORMS)),
        Field("grade", nested(GRADE), required=False),
        Field("hs", HS, required=False),
    ),
)
LOTS = listed(NAMED, least=1)


def lots_once(members: dict[str, Any], path: str) -> None:
    """A join: each of `lots` stands once."""
    once(members.get("lots", ()), f"{path}.lots")
