"""Lists of lots, certificates, entries, sites and parties, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import deps, paging
from api.deps import LedgerDep, PrincipalDep
from ledger import lists
from ledger.apikeys import Principal
from ledger.book import shapes, vocabulary
from ledger.errors import RuleError
from ledger.service import Ledger

router = APIRouter(prefix="/v1", tags=["lists"], dependencies=[Depends(deps.known_parameters)])

LOT_STATES: Final = ("lying", "road", "consumed", "left")
LOT_ROLES: Final = ("received", *vocabulary.OUTPUT_ROLES, "heel")
STATUSES: Final = ("VALID", "DRAWN", "DISPUTED", "EXPIRED", "REVOKED")
KINDS: Final = tuple(shapes.SHAPES)

_PERIOD: Final[dict[str, paging.Parser]] = {"from": paging.time_ms, "until": paging.time_ms}
FILTERS: Final[dict[str, dict[str, paging.Parser]]] = {
    "lots": {
        "site": paging.SITE,
        "state": paging.word(LOT_STATES),
        "metal": paging.word(sorted(vocabulary.METALS), "metals"),
        "form": paging.word(sorted(vocabulary.FORMS), "forms"),
        "role": paging.word(LOT_ROLES),
        **_PERIOD,
    },
    "entries": {
        "kind": paging.word(KINDS), "site": paging.SITE, "party": paging.PARTY, **_PERIOD,
    },
    "certificates": {
        "site": paging.SITE,
        "issuer": paging.PARTY,
        "status": paging.word(STATUSES),
        "substance": paging.word(sorted(vocabulary.ELEMENTS), "elements"),
        **_PERIOD,
    },
    "sites": {"party": paging.PARTY, "country": paging.COUNTRY},
    "parties": {"role": paging.word(vocabulary.PARTY_ROLES)},
}  # fmt: skip


def _word(*words: str) -> Any:
    return Query(json_schema_extra={"enum": list(words)})


_TIME: Final = {"format": "date-time", "examples": ["2026-03-02T09:15:00+08:00"]}
From = Annotated[str | None, Query(alias="from", json_schema_extra=_TIME)]
Until = Annotated[str | None, Query(json_schema_extra=_TIME)]
Site = Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9]{1,11}$", examples=["HB01"])]
Party = Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9-]{1,23}$", examples=["HUAIBEI-AL"])]


@dataclass(frozen=True, slots=True)
class Paging:
    """What every list takes."""

    cursor: str | None
    limit: int
    updated_after: str | None
    total: bool


def _paging(
    cursor: Annotated[
        str | None, Query(max_length=200, description="where a page ended; a part of its `next`")
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=lists.LIMIT_MAX, description="items on a page, at most")
    ] = 100,
    updated_after: Annotated[
        str | None,
        Query(
            max_length=40,
            description="only what changed after an entry (its index), or a time with offset",
            examples=["41206"],
        ),
    ] = None,
    total: Annotated[bool, Query(description="count all items; takes longer")] = False,
) -> Paging:
    return Paging(cursor, limit, updated_after, total)


PagingDep = Annotated[Paging, Depends(_paging)]


def _viewer(who: Principal) -> str | None:
    """Whose eyes a list is seen with: an auditor's see everything."""
    if "audit" in who.scopes:
        return None
    deps.need(who, "read")
    return who.party


def _page(request: Request, ledger: Ledger, who: Principal, paged: Paging, name: str) -> Response:
    viewer, asked, parsers = _viewer(who), dict(request.query_params), FILTERS[name]
    filters = {n: parsers[n](text, n) for n, text in asked.items() if n in parsers}
    paging.check_period(filters)
    path = f"/v1/{name}"
    more: dict[str, Any] = dict(paging.updated_after(paged.updated_after))
    if paged.cursor is not None:
        more["after"] = paging.place_of(path, asked, paged.cursor)
    query = lists.Query(name, filters, viewer, paged.limit, total=paged.total, **more)
    answer = lists.read(ledger, query)
    following = paging.link(path, asked, answer.next) if answer.next else None
    shown: dict[str, Any] = {"items": answer.items, "next": following, "size": answer.size}
    if answer.total is not None:
        shown["total"] = answer.total
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Response(orjson.dumps(shown), media_type="application/json", headers=headers)


@router.get("/lots")
def list_lots(
    request: Request,
    ledger: LedgerDep,
    who: PrincipalDep,
    paged: PagingDep,
    site: Site = None,
    state: Annotated[str | None, _word(*LOT_STATES)] = None,
    metal: Annotated[str | None, _word(*sorted(vocabulary.METALS))] = None,
    form: Annotated[str | None, _word(*sorted(vocabulary.FORMS))] = None,
    role: Annotated[str | None, _word(*LOT_ROLES)] = None,
    from_: From = None,
    until: Until = None,
) -> Response:
    """Lots by their last change; the period is when they were made."""
    return _page(request, ledger, who, paged, "lots")


@router.get("/entries")
def list_entries(
    request: Request,
    ledger: LedgerDep,
    who: PrincipalDep,
    paged: PagingDep,
    kind: Annotated[str | None, _word(*KINDS)] = None,
    site: Site = None,
    party: Party = None,
    from_: From = None,
    until: Until = None,
) -> Response:
    """Entries of the log in their order; the period is when the events happened."""
    return _page(request, ledger, who, paged, "entries")


@router.get("/certificates")
def list_certificates(
    request: Request,
    ledger: LedgerDep,
    who: PrincipalDep,
    paged: PagingDep,
    site: Site = None,
    issuer: Party = None,
    status: Annotated[str | None, _word(*STATUSES)] = None,
    substance: Annotated[str | None, _word(*sorted(vocabulary.ELEMENTS))] = None,
    from_: From = None,
    until: Until = None,
) -> Response:
    """Certificates by their last change; the period is when they were issued."""
    return _page(request, ledger, who, paged, "certificates")


@router.get("/sites")
def list_sites(
    request: Request,
    ledger: LedgerDep,
    who: PrincipalDep,
    paged: PagingDep,
    party: Party = None,
    country: Annotated[str | None, Query(pattern="^[A-Z]{2}$", examples=["CN"])] = None,
) -> Response:
    """Sites by their last change, without their names, which are private."""
    return _page(request, ledger, who, paged, "sites")


@router.get("/parties")
def list_parties(
    request: Request,
    ledger: LedgerDep,
    who: PrincipalDep,
    paged: PagingDep,
    role: Annotated[str | None, _word(*vocabulary.PARTY_ROLES)] = None,
) -> Response:
    """Parties by their last change, without their names, which are private."""
    return _page(request, ledger, who, paged, "parties")


@router.get("/sites/{site}")
def read_site(
    ledger: LedgerDep, who: PrincipalDep, site: Annotated[str, Path(examples=["HB01"])]
) -> dict[str, Any]:
    """A site, without its name, which is private."""
    _viewer(who)
    return _one(ledger, "sites", "site", str(shapes.SITE(site, "site")))


@router.get("/parties/{party}")
def read_party(
    ledger: LedgerDep, who: PrincipalDep, party: Annotated[str, Path(examples=["HUAIBEI-AL"])]
) -> dict[str, Any]:
    """A party, without its name, which is private."""
    _viewer(who)
    return _one(ledger, "parties", "party", str(shapes.PARTY(party, "party")))


def _one(ledger: Ledger, name: str, kind: str, wanted: str) -> dict[str, Any]:
    found = lists.one(ledger, name, f"{kind}:{wanted}")
    if found is None:
        raise RuleError(
            f"{kind.upper()}_UNKNOWN", f"no {kind} {wanted} in this log", field=kind,
            value=wanted, hint=f"GET /v1/{name} lists them",
        )  # fmt: skip
    return found
