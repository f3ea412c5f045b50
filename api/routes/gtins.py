"""GTINs that parties registered for their sites."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response

from api import deps
from api.deps import LedgerDep, PrincipalDep
from ledger import gtins
from ledger.book import encoding, shape, shapes
from ledger.book.shape import Field, Shape

router = APIRouter(
    prefix="/v1/gtins", tags=["gtins"], dependencies=[Depends(deps.known_parameters)]
)

BODY_MAX_BYTES: Final = 16 * 1024


_REGISTRATION: Final = Shape(
    dict,
    (
        Field("site", shapes.SITE),
        Field("material", gtins.parse_material, required=False),
        Field("demo", shape.boolean, required=False),
    ),
)
_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["site"],
    "properties": {
        "site": {"type": "string", "pattern": "^[A-Z][A-Z0-9]{1,11}$"},
        "material": {
            "type": "object",
            "additionalProperties": False,
            "required": ["metal"],
            "properties": {
                "metal": {"type": "string"},
                "form": {"type": "string"},
                "grade": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["scheme", "code"],
                    "properties": {"scheme": {"type": "string"}, "code": {"type": "string"}},
                },
            },
        },
        "demo": {"type": "boolean", "default": False},
    },
}
_BODY: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}
}


_PATTERN: Final = {"pattern": "^([0-9]{8}|[0-9]{12,14})$"}
Number = Annotated[str, Path(json_schema_extra=_PATTERN, examples=["09506000134352"])]


async def _body(request: Request) -> bytes:
    return await deps.body(request, "application/json", BODY_MAX_BYTES)


@router.get("")
def list_gtins(ledger: LedgerDep, who: PrincipalDep) -> dict[str, Any]:
    """The GTINs of the key's party, ended ones too; at most 1,000."""
    deps.need(who, "read")
    return {"gtins": [row.as_dict() for row in gtins.listing(ledger, who.party)]}


@router.get("/{gtin}")
def read_gtin(ledger: LedgerDep, who: PrincipalDep, gtin: Number) -> dict[str, Any]:
    """A GTIN as it is registered, for its party and for auditors."""
    row = gtins.find(ledger, gtin)
    deps.need_one_of(who, {row.party, ledger.operator})
    return row.as_dict()


@router.put("/{gtin}", openapi_extra=_BODY, responses={201: {"description": "Registered"}})
def register_gtin(
    ledger: LedgerDep, who: PrincipalDep, gtin: Number, data: Annotated[bytes, Depends(_body)]
) -> Response:
    """Register a GTIN for a site of the key's party, or say anew what it is for."""
    deps.need(who, "record")
    given = shape.decode(encoding.decode_object(data), "", _REGISTRATION)
    row, new = gtins.register(
        ledger, who.party, gtin, given["site"], given.get("material"), demo=given.get("demo", False)
    )
    return Response(
        orjson.dumps(row.as_dict()),
        status_code=201 if new else 200,
        media_type="application/json",
    )


@router.delete("/{gtin}")
def end_gtin(ledger: LedgerDep, who: PrincipalDep, gtin: Number) -> dict[str, Any]:
    """Print no more labels with a GTIN; those there are lead on to their lots."""
    deps.need(who, "record")
    return gtins.end(ledger, who.party, gtin).as_dict()
