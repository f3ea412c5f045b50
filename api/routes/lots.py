"""Entries, lots, lineage and certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import deps, etags, limits
from api.deps import LedgerDep, PrincipalDep
from ledger import dossiers, entry, reports
from ledger.apikeys import Principal
from ledger.book import serial as serials
from ledger.book import shapes
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries
from ledger.tlog import tree

router = APIRouter(prefix="/v1", tags=["lots"], dependencies=[Depends(deps.known_parameters)])

Number = Annotated[int, Path(ge=0, le=tree.MAX_SIZE)]


def _lot(site: str, name: str) -> str:
    return str(shapes.NAMED(f"{site}/{name}", "lot"))


def _serial(text: str) -> str:
    return serials.parse(text.replace("-", "").upper(), "serial")


@router.get("/entries/{n}")
def read_entry(ledger: LedgerDep, who: PrincipalDep, n: Number) -> dict[str, Any]:
    """One entry, with those of its private fields that are kept."""
    with engines.reading(ledger.engine) as connection:
        leaf = entries.read_leaf(connection, ledger.log_id, n)
        disclosures = entries.read_disclosures(connection, ledger.log_id, n)
    deps.need_one_of(who, reports.concerned(ledger, [n]))
    found = entry.parse(leaf)
    return {
        "n": n,
        "leaf_hash": entry.leaf_hash(leaf).hex(),
        "entry": orjson.loads(leaf),
        "event": found.event.payload,
        "disclosures": disclosures,
    }


@router.get("/lots/{site}/{name}")
def read_lot(
    request: Request, ledger: LedgerDep, who: PrincipalDep, site: str, name: str
) -> Response:
    """A lot as it stands, for the parties of its events and for auditors."""
    view = reports.lot_view(ledger, _lot(site, name))
    _need_sight(ledger, who, f"lot:{view['lot']}")
    return etags.answer(request, orjson.dumps(view))


def _need_sight(ledger: Ledger, who: Principal, key: str) -> None:
    deps.need_one_of(who, {who.party} if reports.sees(ledger, who.party, key) else set())


@router.get("/lots/{site}/{name}/lineage")
def read_lineage(
    ledger: LedgerDep,
    who: PrincipalDep,
    site: str,
    name: str,
    direction: Literal["back", "forward", "both"] = "both",
) -> dict[str, Any]:
    """What a lot came of, and what became of it."""
    lot = _lot(site, name)
    if ledger.find(f"lot:{lot}") is not None:
        _need_sight(ledger, who, f"lot:{lot}")
    return reports.lineage(ledger, lot, direction)


@router.get("/certificates/{serial}")
def read_certificate(request: Request, ledger: LedgerDep, serial: str) -> Response:
    """A certificate; public, since a buyer has nothing but the serial."""
    view = orjson.dumps(reports.certificate_view(ledger, _serial(serial)))
    return etags.answer(request, view, cache="public, no-cache", vary="Accept")


Disclose = Annotated[
    str | None,
    Query(
        max_length=4_000,
        pattern="^(0|[1-9][0-9]{0,18}):[a-z][a-z0-9_]{0,31}(,(0|[1-9][0-9]{0,18}):[a-z][a-z0-9_]{0,31})*$",
        description="private fields of your own entries that go along: <entry>:<name>,…",
        examples=["3:seller"],
    ),
]


@dataclass(frozen=True, slots=True)
class _Disclosing:
    """Private fields that go into a dossier, and whose word that is."""

    fields: dossiers.Disclose
    party: str


async def _disclosing(request: Request, disclose: Disclose = None) -> _Disclosing | None:
    """Whoever discloses something has to say who he is; nobody else is asked."""
    await deps.spend_visits(request, limits.DOSSIER_COST)
    if disclose is None:
        return None
    who = await deps.principal(request)
    deps.need(who, "read")
    return _Disclosing(dossiers.parse_disclose(disclose.split(",")), who.party)


@router.get("/certificates/{serial}/dossier")
def read_dossier(
    ledger: LedgerDep, serial: str, disclosing: Annotated[_Disclosing | None, Depends(_disclosing)]
) -> Response:
    """The file that proves the certificate without this server."""
    plain = _serial(serial)
    headers = {"Content-Disposition": f'attachment; filename="{plain}.remelt.json"'}
    if disclosing is None:
        data = dossiers.make(ledger, plain, wait_s=dossiers.WAIT_S)
    else:
        fields, party = disclosing.fields, disclosing.party
        data = dossiers.make(ledger, plain, disclose=fields, party=party, wait_s=dossiers.WAIT_S)
        headers["Cache-Control"] = "private, no-store"
    return Response(data, media_type="application/json", headers=headers)
