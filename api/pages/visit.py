"""A person at the pages: whoever is logged in, and what every page of theirs has in common."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response

from api import callers, deps
from api.callers import Callers
from api.pages import forms, reader, render, words
from api.pages.reader import Reader
from ledger.apikeys import Principal
from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.sessions import Session

_LANGUAGE_COOKIE: Final = "remelt-lang"
_LANGUAGE_S: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is logged in."""

    request: Request
    ledger: Ledger
    who: Reader
    session: Session

    @property
    def principal(self) -> Principal:
        return self.session.principal

    def page(self, template: str, shown: dict[str, Any], status: int = 200) -> Response:
        person = {"session": self.session, "here": self.request.url.path}
        return personal(self.request, self.who, template, {**person, **shown}, status)

    def check(self, form: forms.Form) -> None:
        """Refuse a form that no page of this session made. RuleError CSRF_FAILED."""
        callers.check_csrf(self.request, form.one("csrf"), self.session.csrf)


def language(request: Request) -> Reader:
    """The language asked for by name, else the one that was last, else the browser's."""
    who = reader.of(request)
    remembered = "" if who.chosen else request.cookies.get(_LANGUAGE_COOKIE, "")
    if remembered:
        return Reader(reader.choose(remembered, request.headers.get("accept-language", "")))
    return who


def personal(
    request: Request, who: Reader, template: str, shown: dict[str, Any], status: int = 200
) -> Response:
    """A page that nobody else may see, not even from a cache; the language is remembered."""
    ledger: Ledger = request.app.state.ledger
    other = next(name for name in words.LANGUAGES if name != who.language)
    query = [
        *((k, v) for k, v in request.query_params.multi_items() if k != "lang"),
        ("lang", other),
    ]
    shown = {"other_href": f"?{urllib.parse.urlencode(query)}", **shown}
    # The cookie keeps the language, so that links need not.
    answer = render.page(template, ledger, replace(who, chosen=False), shown, status)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Vary"] = "Accept-Language, Cookie"
    if who.chosen:
        answer.set_cookie(
            _LANGUAGE_COOKIE, who.language, max_age=_LANGUAGE_S, httponly=True, samesite="lax",
            secure=callers.is_secure(request),
        )  # fmt: skip
    return answer


async def visit(request: Request) -> Visit:
    """Raises RuleError AUTH_REQUIRED, of which a browser makes its way to the log-in page."""
    known: Callers = request.app.state.callers
    session = await known.session(request)
    if session is None:
        raise RuleError(
            "AUTH_REQUIRED", "nobody is logged in", field="cookie", hint="log in at /login"
        )
    known.count(session.principal, request.method)
    return Visit(request, known.ledger, language(request), session)


async def reading(visit: Annotated[Visit, Depends(visit)]) -> Visit:
    """A visit of somebody who may read. Raises RuleError SCOPE_REQUIRED."""
    if "audit" not in visit.principal.scopes:
        deps.need(visit.principal, "read")
    return visit


VisitDep = Annotated[Visit, Depends(visit)]
ReadingDep = Annotated[Visit, Depends(reading)]
