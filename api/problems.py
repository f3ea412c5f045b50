"""Refusals as RFC 9457 problems, with our code, field, value and hint."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api import callers, logs, methods, refusals
from api.pages import reader, refused
from ledger.errors import LedgerError, RuleError

_BY_STATUS: Final = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
_TEXT_MAX: Final = 300
_HINT: Final = "the message says what is wanted: correct it and send it again"
_PRIVATE: Final = re.compile(r"(private|disclosures)\b")


def plain(error: LedgerError, language: str = "en") -> dict[str, Any]:
    """The error for any reader: short, with a hint, nothing private in it."""
    shown = error.as_dict()
    if _PRIVATE.match(error.field):
        shown["value"] = None
        want = error.message.partition(" is not valid, ")[2]
        shown["message"] = f"{error.field}: not valid, {want}" if want else error.message
    for name in ("field", "message"):
        text = str(shown[name])
        shown[name] = text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "…"
    shown["hint"] = error.hint or refusals.fix(error.code, language) or _HINT
    return shown


def problem(error: LedgerError, language: str = "en") -> dict[str, Any]:
    shown = plain(error, language)
    return {
        "type": f"urn:remelt:error:{error.code}",
        "title": refusals.meaning(error.code, language),
        "status": error.status_hint,
        "detail": shown.pop("message"),
        **shown,
        "request_id": logs.REQUEST_ID.get(),
    }


def answer(error: LedgerError, language: str = "en", **more: Any) -> Response:
    headers = {"Content-Language": language, "Vary": "Accept, Accept-Language"}
    if error.status_hint == 503:
        headers["Retry-After"] = "1"
    if error.status_hint == 429:
        headers["Retry-After"] = str(error.value)
    if error.status_hint == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        orjson.dumps({**problem(error, language), **more}),
        status_code=error.status_hint,
        media_type="application/problem+json",
        headers=headers,
    )


def reply(request: Request, error: LedgerError) -> Response:
    """A page for a browser, the problem for programs; with the problem's headers."""
    request.scope[callers.CODE] = error.code
    shown = answer(error, reader.choose(None, request.headers.get("accept-language", "")))
    if not refused.wants_page(request):
        return shown
    page = refused.page(request, error)
    for name in ("retry-after", "allow"):
        if name in shown.headers:
            page.headers[name] = shown.headers[name]
    return page


def install(app: FastAPI) -> None:
    app.state.refuse = lambda scope, error: reply(Request(scope), error)

    @app.exception_handler(LedgerError)
    async def refusal(request: Request, error: LedgerError) -> Response:
        return reply(request, error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = _BY_STATUS.get(error.status_code, "PARAMETER_INVALID")
        path, hint = request.url.path, "see /openapi.json for every address and method"
        asked = ("method", request.method) if error.status_code == 405 else ("path", path)
        message = f"{request.method} {path}"
        shown = reply(request, RuleError(code, message, field=asked[0], value=asked[1], hint=hint))
        shown.headers.update(error.headers or {})
        if error.status_code == 405:
            shown.headers["Allow"] = methods.allowed(request.app.routes, request.scope)
        return shown

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=400)  # for nobody: the sender left in the middle of the body

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        value = first.get("input")
        given = "" if value is None else f": {str(value)[:80]!r}"
        return reply(
            request,
            RuleError(
                "PARAMETER_INVALID",
                f"{name}: {first['msg']}{given}",
                field=name,
                value=value if isinstance(value, str | int) else None,
                hint="see /openapi.json for the parameters of this address",
            ),
        )
