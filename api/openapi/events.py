"""JSON Schema of every kind of event, read off the tables that decode them."""

from __future__ import annotations

import inspect
from typing import Any, Final

from ledger.book import assay, bodies, events, jose, mass, serial, shape, shapes, vocabulary
from ledger.book.shape import Parser, Shape
from ledger.book.shapes import certificates, fields

Schema = dict[str, Any]

REF: Final = "#/components/schemas/"
_NUMBER: Final = r"(0|[1-9][0-9]*|[1-9][0-9]{0,2}( [0-9]{3})+)(\.[0-9]+)?"


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": REF + name}


def _quantity(units: str, most: int, least: int = 0) -> Schema:
    text = {"type": "string", "pattern": f"^{_NUMBER} ({units})$", "maxLength": 60}
    return {"anyOf": [text, {"type": "integer", "minimum": least, "maximum": most}]}


_WORD_LIST: Final = 40  # longer lists stand in the document once
COMMON: Final[dict[str, Schema]] = {
    "Mass": {
        **_quantity("t|kg|g|mg", mass.MASS_MAX_MG),
        "description": "a mass with its unit, or a whole number of milligrams",
        "examples": ["24.98 t"],
    },
    "Share": {
        **_quantity("%|ppm|ppb", mass.PPB),
        "description": "a share with its unit, or a whole number of parts per billion",
        "examples": ["96.4 %"],
    },
    "Element": {"type": "string", "enum": sorted(vocabulary.ELEMENTS)},
    "Origin": {"type": "string", "enum": list(vocabulary.ORIGINS)},
    "Metal": {"type": "string", "enum": sorted(vocabulary.METALS)},
    "Form": {"type": "string", "enum": sorted(vocabulary.FORMS)},
    "Assay": {
        "type": "object",
        "propertyNames": ref("Element"),
        "additionalProperties": {
            "anyOf": [
                ref("Share"),
                {"type": "string", "pattern": f"^<{_NUMBER} (%|ppm|ppb)$", "maxLength": 61},
            ]
        },
        "description": "content by element, of dry mass; `<x` counts as 0; at most 100 % together",
        "examples": [{"Al": "93.0 %", "Pb": "<0.01 %"}],
    },
    "OriginShares": {
        "type": "object",
        "propertyNames": ref("Origin"),
        "additionalProperties": ref("Share"),
        "description": "shares by class, exactly 100 % together",
    },
    "OriginSplit": {
        "anyOf": [
            ref("OriginShares"),
            {
                "type": "object",
                "propertyNames": ref("Element"),
                "additionalProperties": ref("OriginShares"),
            },
        ],
        "examples": [{"POST": "60 %", "PRE": "40 %"}, {"Al": {"POST": "100 %"}}],
    },
    "PublicKey": {
        "type": "object",
        "additionalProperties": False,
        "required": ["kty", "crv", "x", "y"],
        "properties": {
            "kty": {"const": "EC"},
            "crv": {"const": "P-256"},
            "x": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
            "y": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        },
        "description": "a public P-256 key as JWK",
    },
    "Serial": {
        "type": "string",
        "pattern": "^[0-9A-HJKMNP-TV-Z]{12}$",
        "description": "a certificate's serial without hyphens, its last digit a check digit",
    },
    "Zone": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_+/-]{1,64}$",
        "description": "an IANA time zone",
        "examples": ["Asia/Shanghai"],
    },
    "Time": {
        "type": "string",
        "format": "date-time",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
        "description": "RFC 3339 with offset",
        "examples": ["2026-03-02T09:15:00+08:00"],
    },
    "Private": {
        "type": "object",
        "maxProperties": events.PRIVATE_NAMES_MAX,
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,31}$"},
        "additionalProperties": {"type": "string", "maxLength": events.PRIVATE_BYTES_MAX},
        "description": "free text and names: only salted digests of it enter the log",
    },
}
_NAMED_WORDS: Final = {
    frozenset(vocabulary.METALS): "Metal",
    frozenset(vocabulary.FORMS): "Form",
    frozenset(vocabulary.ORIGINS): "Origin",
}
# Parsers that are functions of their own; those made by a factory are read off their closure.
_BY_PARSER: Final[dict[Any, Schema]] = {
    shape.text: {"type": "string"},
    shape.boolean: {"type": "boolean"},
    shape.constant_true: {"const": True},
    shape.time_ms: ref("Time"),
    shape.date: {"type": "string", "format": "date", "examples": ["2027-03-31"]},
    mass.parse_share: ref("Share"),
    fields.positive_mass: ref("Mass"),
    fields.mass_or_zero: ref("Mass"),
    fields.zone: ref("Zone"),
    assay.parse_assay: ref("Assay"),
    assay.parse_origin: ref("OriginSplit"),
    jose.parse_jwk: ref("PublicKey"),
    serial.parse: ref("Serial"),
    events.check_private: ref("Private"),
}
# What no table says.
_BY_NAME: Final[dict[tuple[Shape, str], Schema]] = {
    (certificates.CERTIFICATE_ISSUED, "substance"): ref("Element"),
    (certificates.CERTIFICATE_ISSUED, "amount"): {
        "anyOf": [{"const": "all"}, ref("Mass"), ref("Share")],
        "description": '"all" of one lot, a mass, or a share of the element\'s grams',
    },
}


def of_parser(parse: Parser) -> Schema:
    """The schema of what a parser takes. LookupError for a parser that is not known here."""
    if parse in _BY_PARSER:
        return dict(_BY_PARSER[parse])
    inside = inspect.getclosurevars(parse).nonlocals
    match inside:
        case {"shape": Shape() as nested}:
            return of_shape(nested)
        case {"compiled": compiled, "want": want}:
            return {"type": "string", "pattern": f"^{compiled.pattern}$", "description": want}
        case {"known": frozenset() as known, "shown": _}:
            named = _NAMED_WORDS.get(known)
            return ref(named) if named else {"type": "string", "enum": sorted(known)}
        case {"allowed": allowed}:
            return {"type": "string", "enum": list(allowed)}
        case {"low": low, "high": high}:
            return {"type": "integer", "minimum": low, "maximum": high}
        case {"parse": member, "least": least, "most": most}:
            items = of_parser(member)
            return {"type": "array", "items": items, "minItems": least, "maxItems": most}
        case {"parse": member, "name_of": _, "most": most}:
            names = {"pattern": "^[A-Za-z][A-Za-z0-9_.-]{0,31}$"}
            values = of_parser(member)
            return {
                "type": "object", "maxProperties": most, "propertyNames": names,
                "additionalProperties": values,
            }  # fmt: skip
        case {"special": special}:
            return {"anyOf": [ref("Mass"), {"const": special}]}
    raise LookupError(parse)


def of_shape(table: Shape) -> Schema:
    """The schema of an object."""
    made: Schema = {
        "type": "object",
        "additionalProperties": False,
        "required": list(table.required),
        "properties": {
            field.name: _BY_NAME.get((table, field.name)) or of_parser(field.parse)
            for field in table.fields
        },
    }
    if table.make is bodies.Partner:
        party = [name for name in ("party", "site") if name in table.names]
        made["anyOf"] = [{"required": party}, {"required": ["external"]}]
    elif "gross" in table.names:
        made["anyOf"] = [{"required": ["mass"]}, {"required": ["gross", "tare"]}]
    if not made["required"]:
        del made["required"]
    return made


def _envelope(kind: str) -> Schema:
    at_site = kind in events.SITE_KINDS
    properties: Schema = {
        "log": {"type": "string", "description": "the origin of the log this is meant for"},
        "id": {
            "type": "string",
            "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            "description": "a UUID made by the sender; with `party` the key of idempotency",
        },
        "kind": {"const": kind},
        "party": of_parser(shapes.PARTY),
        **({"site": of_parser(shapes.SITE)} if at_site else {}),
        "occurred_at": ref("Time"),
        "body": ref(f"{_camel(kind)}Body"),
        "evidence": {"type": "array", "maxItems": 16, "items": ref("Evidence")},
        "private": ref("Private"),
    }
    optional = ("evidence", "private")
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _camel(kind: str) -> str:
    return "".join(word.title() for word in kind.split("_"))


def components() -> dict[str, Schema]:
    """Every schema that events need, by name; `Event` is any of them."""
    made = dict(COMMON)
    made["Evidence"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "sha256"],
        "properties": {
            "type": {"type": "string", "enum": list(vocabulary.EVIDENCE_TYPES)},
            "sha256": of_parser(shapes.SHA256),
        },
    }
    for kind, table in shapes.SHAPES.items():
        body = of_shape(table)
        if kind in ("party_registered", "key_added"):
            body["required"].remove("key")
            body["properties"]["key"] = {
                **ref("PublicKey"),
                "description": 'left out with custody "operator": the server makes one',
            }
        made[f"{_camel(kind)}Body"] = body
        made[_camel(kind)] = _envelope(kind)
    made["Event"] = {
        "oneOf": [ref(_camel(kind)) for kind in shapes.SHAPES],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {kind: REF + _camel(kind) for kind in shapes.SHAPES},
        },
    }
    made["SignedStatement"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["statement"],
        "properties": {
            "statement": of_parser(fields.JWS),
            "disclosures": {"type": "array", "items": {"type": "string"}},
        },
        "description": "an event that the party signed itself (docs/format.md, Statement)",
    }
    return made
