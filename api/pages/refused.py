"""What a browser shows of a refusal: a page. Programs get the problem."""

from __future__ import annotations

import urllib.parse
from typing import Final

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from api import refusals
from api.pages import reader, render
from ledger.errors import LedgerError
from ledger.service import Ledger

# What a person is told, by status; the message itself stands below it.
_TITLES: Final = {403: "not_allowed", 404: "no_such_page", 405: "no_such_page", 429: "too_often"}
_DO: Final = {403: "do_go_home", 404: "do_go_home", 405: "do_go_home", 429: "do_wait"}


def wants_page(request: Request) -> bool:
    """A browser that goes to an address names HTML; programs and scripts do not."""
    return "text/html" in request.headers.get("accept", "")


def page(request: Request, error: LedgerError) -> Response:
    ledger: Ledger = request.app.state.ledger
    who = reader.of(request)
    status = error.status_hint
    if status == 401 and request.method in ("GET", "HEAD"):
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?{urllib.parse.urlencode({'next': wanted})}", 303)
    if status >= 500:
        return render.page("trouble.html", ledger, who, {}, status)
    shown = {
        # The address itself may know no language.
        "other_href": f"/?lang={'en' if who.language == 'zh' else 'zh'}",
        "title": who.say(_TITLES.get(status, "refused")),
        "text": who.say(_DO.get(status, "do_correct"), seconds=error.value),
        "code": error.code,
        "meaning": refusals.meaning(error.code, who.language),
        "fix": refusals.fix(error.code, who.language),
        "message": "" if status in (404, 405) else render.seen(error.message, 300),
    }
    return render.page("refused.html", ledger, who, shown, status)
