"""Shapes of certificates."""

from __future__ import annotations

from typing import Any

from ledger.book import assay, mass, serial, shape, vocabulary
from ledger.book.bodies import (
    CertificateIssued,
    CertificateRevoked,
)
from ledger.book.shape import Field, Shape, invalid, listed, word
from ledger.book.shapes import fields


def _amount(value: Any, path: str) -> str | tuple[str, int]:
    if value == "all":
        return "all"
    if isinstance(value, str) and value.endswith(("%", "ppm", "ppb")):
        kind, amount = "share", mass.parse_share(value, path)
    else:
        kind, amount = "mass", mass.parse_mass(value, path, zero=True)
    if amount == 0:
        raise invalid(path, value, 'more than nothing: "all", a mass or a percentage')
    return kind, amount


def _certificate_joins(members: dict[str, Any], path: str) -> None:
    fields.lots_once(members, path)
    fields.once(members["classes"], f"{path}.classes", "class")
    if members["amount"] == "all" and len(members["lots"]) != 1:
        raise invalid(f"{path}.amount", "all", "a mass or percentage when several lots are named")


CERTIFICATE_ISSUED = Shape(
    CertificateIssued,
    (
        Field("lots", fields.LOTS),
        Field(
            "substance",
            lambda value, path: assay.parse_element(shape.text(value, path), path),
        ),
        Field("method", word(vocabulary.METHODS, "METHOD_UNKNOWN")),
        Field("classes", listed(word(vocabulary.CLAIMABLE), least=1)),
        Field("amount", _amount),
        Field("holder", fields.partner(country=False), required=False),
        Field("valid_until", shape.date, required=False),
    ),
    joins=_certificate_joins,
)

CERTIFICATE_REVOKED = Shape(
    CertificateRevoked,
    (
        Field("serial", serial.parse),
        Field("reason", word(vocabulary.REVOCATION_REASONS)),
        Field("lots", listed(fields.NAMED), required=False),
        Field("consent", fields.JWS, required=False),
    ),
    joins=fields.lots_once,
)
