"""GET /, /L/{site}/{name}/{fingerprint} and /C/{serial}: pages for people, in two languages.

Whatever the address, the answer is a page. Capitals, hyphens and the digits people mistake for
one another do not matter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import RedirectResponse

from api.deps import LedgerDep
from api.pages import certificate, linksets, lot, reader, render, typed, verdicts
from api.pages.reader import Reader
from ledger import reports
from ledger.book import state
from ledger.errors import LedgerError, RuleError
from ledger.service import Ledger

router = APIRouter(include_in_schema=False)

_LOGGER: Final = logging.getLogger("remelt.pages")
_READ: Final = ["GET", "HEAD"]
# What a person can ask for in vain; every other refusal is trouble of ours.
_NOT_FOUND: Final = frozenset({"LOT_UNKNOWN", "CERTIFICATE_UNKNOWN"})


@router.api_route("/", methods=_READ)
def home(request: Request, ledger: LedgerDep) -> Response:
    who = reader.of(request)
    text = request.query_params.get("q", "")
    path, wrong = typed.address(text) if text.strip() else ("", "")
    if path:
        return RedirectResponse(path + render.suffix(who), status_code=303)
    status = 400 if wrong else 200
    shown = {"typed": render.seen(text), "wrong": wrong}
    return _answer(
        ledger,
        who,
        lambda: render.page("home.html", ledger, who, {**shown, **_about(ledger)}, status),
        lambda: render.page("trouble.html", ledger, who, {}, 503),
    )


@router.api_route("/L", methods=_READ)
@router.api_route("/l", methods=_READ)
@router.api_route("/L/{path:path}", methods=_READ)
@router.api_route("/l/{path:path}", methods=_READ)
def label(request: Request, ledger: LedgerDep, path: str = "") -> Response:
    if linksets.wanted(request):
        view, address = _labelled(ledger, path)
        anchor = linksets.root(ledger) + address
        return linksets.answer(request, anchor, linksets.links(ledger, view))
    who = reader.of(request)
    steps = ("do_scan_again", "do_compare_log", "do_not_accept")
    return _answer(
        ledger,
        who,
        lambda: _lot(ledger, who, path),
        lambda: render.not_valid(ledger, who, path, "no_such_label", *steps),
    )


@router.api_route("/C", methods=_READ)
@router.api_route("/c", methods=_READ)
@router.api_route("/C/{path:path}", methods=_READ)
@router.api_route("/c/{path:path}", methods=_READ)
def serial(request: Request, ledger: LedgerDep, path: str = "") -> Response:
    who = reader.of(request)
    number = typed.digits(path.rstrip("/"))
    steps = ("do_type_again", "do_compare_log", "do_not_rely")
    return _answer(
        ledger,
        who,
        lambda: _certificate(ledger, who, number),
        lambda: render.not_valid(ledger, who, path, _wrong(number), *steps),
    )


@router.api_route("/static/{name}", methods=_READ)
def static(name: str) -> Response:
    """Style sheets and scripts: a new content has a new name, so they may be kept for ever."""
    if name not in render.STATIC:
        raise RuleError("NOT_FOUND", f"/static/{render.seen(name)}")
    data, media_type = render.STATIC[name]
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(data, media_type=media_type, headers=headers)


def _answer(
    ledger: Ledger, who: Reader, found: Callable[[], Response], missing: Callable[[], Response]
) -> Response:
    """The page that was asked for, else that it does not exist, else that we are in trouble."""
    try:
        return found()
    except (LedgerError, SQLAlchemyError) as error:
        if isinstance(error, LedgerError) and error.code in _NOT_FOUND:
            return missing()
        _LOGGER.exception("a page could not be made")
        return render.page("trouble.html", ledger, who, {}, 503)


def _about(ledger: Ledger) -> dict[str, Any]:
    head = ledger.head()
    keys = reports.policy_file(ledger).decode("utf-8", "replace")
    return {"size": head.size, "at_ms": head.at_ms, "operator": ledger.operator, "keys": keys}


def _lot(ledger: Ledger, who: Reader, path: str) -> Response:
    """A lot's page, for a label with the right fingerprint only. Raises RuleError LOT_UNKNOWN."""
    view, address = _labelled(ledger, path)
    who = replace(who, zone=view["zone"])
    shown = lot.page(ledger, view, who)
    answer = render.page("lot.html", ledger, who, {**shown, "address": address})
    answer.headers["Vary"] = linksets.OPEN["Vary"]
    answer.headers["Link"] = linksets.pointer(address)
    return answer


def _labelled(ledger: Ledger, path: str) -> tuple[dict[str, Any], str]:
    """The lot of a label, and the label's own address. Raises RuleError LOT_UNKNOWN."""
    parts = path.rstrip("/").split("/")
    read = typed.label(*parts) if len(parts) == 3 else None
    view = None if read is None else reports.lot_view(ledger, read[0])
    if read is None or view is None or view["fingerprint"] != read[1]:
        raise RuleError("LOT_UNKNOWN", "no such label", field="path")
    return view, f"/L/{'/'.join(read)}"


def _certificate(ledger: Ledger, who: Reader, number: str) -> Response:
    """A certificate's page. Raises RuleError CERTIFICATE_UNKNOWN."""
    if not typed.is_serial(number):
        raise RuleError("CERTIFICATE_UNKNOWN", "no serial", field="path")
    view = reports.certificate_view(ledger, number)
    site = ledger.find(f"site:{view['site']}")
    who = replace(who, zone=site.zone if isinstance(site, state.Site) else "UTC")
    shown = certificate.page(view, verdicts.check(ledger, number, view["entries"]), who)
    return render.page("certificate.html", ledger, who, {**shown, "address": f"/C/{number}"})


def _wrong(number: str) -> str:
    """What is wrong with a number that no certificate has."""
    if not typed.looks_like_serial(number):
        return "serial_shape"
    return "no_such_certificate" if typed.is_serial(number) else "serial_mistyped"
