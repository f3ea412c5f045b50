"""Around every answer: the headers that a browser obeys, and how often an address may ask."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import callers, limits
from api.callers import Callers

_NOTHING: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
PAGE_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI asks /openapi.json by script, and marks what it draws with styles of its own.
DOCS_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": _NOTHING,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with that, browsers send `Origin: null` from our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_DOCS: Final = ("/docs", "/redoc")
# Probes, and what every page needs.
_UNCOUNTED: Final = ("/healthz", "/readyz", "/metrics", "/static/")


def _raw(policy: str) -> tuple[tuple[bytes, bytes], ...]:
    named = {**HEADERS, "Content-Security-Policy": policy}
    return tuple((name.lower().encode(), value.encode()) for name, value in named.items())


_PLAIN: Final = _raw(_NOTHING)
_FOR_DOCS: Final = _raw(DOCS_CSP)


class Shield:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        added = _FOR_DOCS if scope["path"].startswith(_DOCS) else _PLAIN
        scope[callers.AUTHORIZATION] = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                scope[callers.AUTHORIZATION] = value
                break
        visitor, wait_s = _visit(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                if visitor and message["status"] == 404:
                    scope["app"].state.callers.limits.visits.take(visitor, limits.MISS_COST - 1)
                headers = message["headers"]
                given = {name for name, _ in headers}
                headers.extend([header for header in added if header[0] not in given])
            await send(message)

        answer: ASGIApp = self.app
        if wait_s:
            answer = scope["app"].state.refuse(scope, limits.refusal(wait_s, "this address"))
        await answer(scope, receive, send_with_headers)


def _visit(scope: Scope) -> tuple[str, float]:
    """The address that is counted, "" for known callers; and how long it has to wait."""
    known: Callers = scope["app"].state.callers
    if known.knows(scope) or scope["path"].startswith(_UNCOUNTED):
        return "", 0
    visitor = callers.address(scope)
    return visitor, known.limits.visits.take(visitor, limits.cost(scope["path"]))
