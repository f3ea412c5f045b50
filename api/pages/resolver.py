"""GET /01/{gtin}/10/{lot}: where the GS1 Digital Link on a label leads.

To the page of the lot, to another link of it that was asked for (`?linkType=gs1:…`), or to all its
links as a linkset. Nothing but our own paths is ever redirected to.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from api.deps import LedgerDep
from api.pages import linksets, reader, refused, render
from labels import gs1, linkset
from ledger import gtins, reports
from ledger.errors import FormatError, LedgerError
from ledger.service import Ledger

router = APIRouter(include_in_schema=False)

_READ: Final = ["GET", "HEAD"]
# What a page says of a refusal; everything else is the same trouble as on any page.
_REASONS: Final = {
    "GTIN_UNKNOWN": "no_such_gtin",
    "LOT_UNKNOWN": "no_such_label",
    "DIGITAL_LINK_INVALID": "link_wrong",
}


@router.api_route("/01", methods=_READ)
@router.api_route("/01/{path:path}", methods=_READ)
def resolve(request: Request, ledger: LedgerDep, path: str = "") -> Response:
    """The lot of a Digital Link, by 307 to what was asked for."""
    try:
        return _resolved(request, ledger)
    except LedgerError as error:
        if error.code not in _REASONS or not refused.wants_page(request):
            raise
        who = reader.of(request)
        steps = ("do_type_digits", "do_compare_log", "do_not_accept")
        reason = _REASONS[error.code]
        return render.not_valid(ledger, who, path, reason, *steps, status=error.status_hint)


@router.options("/01/{path:path}")
def resolver_options(path: str) -> Response:
    return Response(status_code=204, headers={**linksets.OPEN, "Allow": "GET, HEAD, OPTIONS"})


@router.api_route("/.well-known/gs1resolver", methods=_READ)
def description(ledger: LedgerDep) -> Response:
    """The resolver description file of the GS1-Conformant resolver standard."""
    shown: dict[str, Any] = {
        "name": f"Remelt, log {ledger.origin}",
        "resolverRoot": linksets.root(ledger),
        "supportedPrimaryKeys": ["01"],
        "supportedLinkType": [{"namespace": linkset.VOCABULARY, "prefix": linkset.PREFIX}],
        "linkTypeDefaultCanBeLinkset": False,
        "contact": {"fn": ledger.operator},
    }
    return Response(orjson.dumps(shown), media_type="application/json", headers=linksets.OPEN)


def _resolved(request: Request, ledger: Ledger) -> Response:
    link = _link(request)
    view = reports.lot_view(ledger, gtins.lot_of(ledger, link))
    path, found = gs1.path(link.gtin, link.lot), linksets.links(ledger, view)
    if linksets.wanted(request):
        anchor = linksets.root(ledger) + path
        return linksets.answer(request, anchor, found, linksets.described(view))
    who = reader.of(request)
    chosen = linkset.choose(found, request.query_params.get("linkType", ""), who.language)
    target = chosen.href.removeprefix(linksets.root(ledger))
    headers = {**linksets.OPEN, "Link": linksets.pointer(path)}
    return RedirectResponse(_with_query(target, request), 307, headers)


def _link(request: Request) -> gs1.DigitalLink:
    """The Digital Link that was scanned, in the capitals of our lots.

    Raises FormatError DIGITAL_LINK_INVALID.
    """
    # The path as it was sent: decoded, %2F and a slash would look alike.
    path = bytes(request.scope["raw_path"]).partition(b"?")[0].decode("latin-1")
    try:
        link = gs1.parse_path(path, request.url.query)
    except FormatError as error:
        raise FormatError(
            "DIGITAL_LINK_INVALID",
            error.message,
            field=error.field,
            value=error.value,
            hint=error.hint or "scan the label again, or type what is printed under its code",
        ) from None
    return gs1.DigitalLink(link.gtin, link.lot.upper())


def _with_query(target: str, request: Request) -> str:
    """The target with the parameters that came along: GS1 has resolvers pass them on."""
    path, _, own = target.partition("?")
    given = [(k, v) for k, v in parse_qsl(request.url.query) if k not in ("linkType", "lang")]
    asked = [("lang", v) for k, v in parse_qsl(request.url.query) if k == "lang"][:1]
    query = urlencode([*(asked or parse_qsl(own)), *given])
    return f"{path}?{query}" if query else path
