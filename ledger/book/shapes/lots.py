"""Shapes of what happens to a lot as a whole: receipts, assays, scrap, transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.book import assay, mass, shape, vocabulary
from ledger.book.bodies import (
    Arrival,
    AssayRecorded,
    Deduction,
    LotArrived,
    LotDispatched,
    LotReceived,
    LotReturned,
    ScrapDeclared,
)
from ledger.book.shape import Field, Shape, invalid, listed, nested, word
from ledger.book.shapes import fields

# lot_received: `mass`, or `gross` and `tare` with deductions; net is what counts.

_DEDUCTION = Shape(
    Deduction,
    (Field("mass", fields.positive_mass), Field("reason", word(vocabulary.DEDUCTION_REASONS))),
)


def _received_needs(value: Mapping[str, Any]) -> tuple[str, ...]:
    if "mass" in value:
        return ()
    if "gross" not in value and "tare" not in value:
        return ("mass",)
    return tuple(name for name in ("gross", "tare") if name not in value)


def _received_joins(members: dict[str, Any], path: str) -> None:
    scale = [name for name in ("gross", "tare", "deductions") if name in members]
    if "mass" in members and scale:
        raise invalid(
            f"{path}.mass", "mass", f"either mass, or gross and tare, not also {scale[0]}"
        )
    if "mass" not in members:
        deducted = sum(d.mass for d in members.get("deductions", ()))
        net = members["gross"] - members["tare"] - deducted
        if net <= 0:
            raise invalid(f"{path}.gross", net, "more than tare and deductions together")
        members["mass"] = net


def _received(**members: Any) -> LotReceived:
    for name in ("gross", "tare", "deductions"):
        members.pop(name, None)
    return LotReceived(source=members.pop("from"), **members)


LOT_RECEIVED = Shape(
    _received,
    (
        Field("lot", fields.NAMED),
        Field("from", fields.partner()),
        Field("material", nested(fields.MATERIAL)),
        Field("mass", fields.positive_mass, required=False),
        Field("gross", fields.positive_mass, required=False),
        Field("tare", fields.mass_or_zero, required=False),
        Field("deductions", listed(nested(_DEDUCTION), most=16), required=False),
        Field("moisture", mass.parse_share, required=False),
        Field("assay", assay.parse_assay, required=False),
        Field("assay_grade", word(vocabulary.ASSAY_GRADES), required=False),
        Field("origin", assay.parse_origin, required=False),
        Field("ticket", fields.CODE, required=False),
        Field("ticket_part", shape.integer(0, 10**6), required=False),
    ),
    _received_needs,
    _received_joins,
)


_ARRIVAL = Shape(
    Arrival,
    (
        Field("lot", fields.NAMED),
        Field("mass", fields.positive_mass),
        Field("difference", word(("accepted",)), required=False),
    ),
)


def _declared(**members: Any) -> ScrapDeclared:
    return ScrapDeclared(class_=members.pop("class"), **members)


def _arrivals_once(members: dict[str, Any], path: str) -> None:
    fields.once((arrival.lot for arrival in members["lots"]), f"{path}.lots")


ASSAY_RECORDED = Shape(
    AssayRecorded,
    (
        Field("lot", fields.NAMED),
        Field("assay", assay.parse_assay),
        Field("moisture", mass.parse_share, required=False),
        Field("method", fields.CODE, required=False),
        Field("sample", fields.CODE, required=False),
        Field("grade", word(vocabulary.ASSAY_GRADES)),
    ),
)

SCRAP_DECLARED = Shape(
    _declared,
    (
        Field("lot", fields.NAMED),
        Field("class", fields.class_word(vocabulary.SCRAP_CLASSES)),
        Field("from_scope", fields.SITE_SCOPE),
        Field("process", fields.CODE),
    ),
)

LOT_DISPATCHED = Shape(
    LotDispatched,
    (
        Field("consignment", fields.NAMED),
        Field("lots", fields.LOTS),
        Field("to", fields.partner(site=True)),
        Field("mode", word(vocabulary.TRANSPORT_MODES), required=False),
    ),
    joins=fields.lots_once,
)

LOT_RETURNED = Shape(
    LotReturned,
    (Field("consignment", fields.NAMED), Field("lots", fields.LOTS)),
    joins=fields.lots_once,
)

LOT_ARRIVED = Shape(
    LotArrived,
    (Field("consignment", fields.NAMED), Field("lots", listed(nested(_ARRIVAL), least=1))),
    joins=_arrivals_once,
)
