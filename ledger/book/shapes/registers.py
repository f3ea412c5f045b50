"""Shapes of what registers: the log, its policy, parties, keys, sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.book import jose, mass, shape, vocabulary
from ledger.book.bodies import (
    KeyAdded,
    KeyRevoked,
    LogOpened,
    PartyRegistered,
    PolicySet,
    Scope,
    SiteRegistered,
)
from ledger.book.shape import Field, Shape, listed, nested, pattern, word
from ledger.book.shapes import fields

# Parameters of the log (docs/events.md section 2, policy_set): ppb, mg, words.
_EVIDENCE_TYPES = listed(word(vocabulary.EVIDENCE_TYPES), most=16)
EVIDENCE_PARAMETER = Shape(
    dict,
    tuple(Field(name, _EVIDENCE_TYPES, required=False) for name in ("POST", "PRE", "BMW", "PRIM")),
)
PARAMETERS = Shape(
    dict,
    (
        Field("closure_tolerance", mass.parse_share, required=False),
        Field("scale_tolerance", mass.parse_share, required=False),
        Field("accepted_limit", mass.parse_share, required=False),
        Field("split_minimum", fields.mass_or_zero, required=False),
        Field("strict", shape.boolean, required=False),
        Field("same_process", word(("plant", "scope")), required=False),
        Field("evidence", nested(EVIDENCE_PARAMETER), required=False),
    ),
)
_TABLES = fields.named_values(fields.SHA256, most=64)


def _key_needs(value: Mapping[str, Any]) -> tuple[str, ...]:
    return ("proof",) if value.get("custody") == "self" and "proof" not in value else ()


def _key_fields(*, trial: bool) -> tuple[Field, ...]:
    return (
        Field("key", jose.parse_jwk, required=not trial),
        Field("custody", word(vocabulary.CUSTODIES)),
        Field("proof", fields.JWS, required=False),
    )


def _party_shape(*, trial: bool) -> Shape:
    return Shape(
        PartyRegistered,
        (
            Field("party", fields.PARTY),
            Field("country", fields.COUNTRY),
            Field("roles", listed(word(vocabulary.PARTY_ROLES))),
            Field("identifiers", fields.named_values(fields.CODE), required=False),
            *_key_fields(trial=trial),
            Field("share", word(vocabulary.SHARES)),
        ),
        None if trial else _key_needs,
    )


def _key_shape(*, trial: bool) -> Shape:
    return Shape(
        KeyAdded,
        (
            Field("party", fields.PARTY),
            *_key_fields(trial=trial),
            Field("label", fields.CODE, required=False),
        ),
        None if trial else _key_needs,
    )


_GEO = Shape(
    dict,
    (
        Field("lat_e7", shape.integer(-900_000_000, 900_000_000)),
        Field("lon_e7", shape.integer(-1_800_000_000, 1_800_000_000)),
    ),
)
SITE = Shape(
    SiteRegistered,
    (
        Field("party", fields.PARTY),
        Field("site", fields.SITE),
        Field("type", fields.CODE),
        Field("country", fields.COUNTRY),
        Field("region", fields.REGION, required=False),
        Field(
            "scopes",
            listed(
                nested(
                    Shape(
                        Scope,
                        (Field("id", fields.SCOPE), Field("level", word(vocabulary.SCOPE_LEVELS))),
                    )
                )
            ),
        ),
        Field("equipment", listed(fields.EQUIPMENT), required=False),
        Field("zone", fields.zone),
        Field("geo", nested(_GEO), required=False),
    ),
)

LOG_OPENED = Shape(
    LogOpened,
    (
        Field("origin", pattern(r"[!-*,-~]{1,255}", "a log origin without spaces or '+'")),
        Field("log_key", pattern(r"[!-~]{1,600}", "a verifier key (vkey)")),
        Field("operator", fields.PARTY),
        Field("operator_key", jose.parse_jwk),
        Field("rules", shape.integer(1, 1)),
        Field("parameters", nested(PARAMETERS)),
        Field("tables", _TABLES),
    ),
)
POLICY_SET = Shape(PolicySet, (Field("parameters", nested(PARAMETERS)), Field("tables", _TABLES)))
PARTY = _party_shape(trial=False)
PARTY_ON_TRIAL = _party_shape(trial=True)
KEY_ADDED = _key_shape(trial=False)
KEY_ON_TRIAL = _key_shape(trial=True)
KEY_REVOKED = Shape(
    KeyRevoked,
    (
        Field("party", fields.PARTY),
        Field("kid", fields.KID),
        Field("reason", word(vocabulary.KEY_REASONS)),
    ),
)
