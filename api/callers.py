"""Who calls: the API key or session of a request, remembered for a moment."""

from __future__ import annotations

import hmac
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Final

import anyio
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from api import limits
from ledger import apikeys, sessions
from ledger.apikeys import Principal
from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.sessions import Session

# A revoked key or an ended session works for at most this long.
REMEMBER_S: Final = 1.0
REMEMBERED_MAX: Final = 10_000
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER: Final = "x-csrf-token"
COOKIE: Final = "remelt"
# With this prefix a browser takes the cookie over TLS only, from this host only, for all paths.
SECURE_COOKIE: Final = "__Host-remelt"
AUTHORIZATION: Final = "remelt.authorization"
# In the scope of a request: whom it speaks for, and the code of its refusal.
WHO: Final = "remelt.who"
CODE: Final = "remelt.code"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BEARER: Final = f"bearer {apikeys.PREFIX}_".encode()


@dataclass(slots=True)
class Callers:
    """What one process knows of the callers of its ledger."""

    ledger: Ledger
    limits: limits.Limits
    # Checking a password takes 64 MiB and a core: more at once would only be slower.
    hashing: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    _keys: dict[bytes, tuple[float, Principal]] = field(default_factory=dict)
    _sessions: dict[str, tuple[float, Session]] = field(default_factory=dict)

    def by_key(self, header: bytes) -> Principal | None:
        """Whom an Authorization header speaks for."""
        kept = self._keys.get(header)
        if kept is not None and time.monotonic() - kept[0] < REMEMBER_S:
            return kept[1]
        self._keys.pop(header, None)
        if header[: len(_BEARER)].lower() != _BEARER:
            return None
        found = apikeys.check(self.ledger, header[len(b"bearer ") :].decode("latin-1"))
        if found is not None:
            if len(self._keys) >= REMEMBERED_MAX:
                self._keys.clear()
            self._keys[header] = (time.monotonic(), found)
        return found

    async def session(self, request: Request) -> Session | None:
        """The session of a request's cookie."""
        token = token_of(request)
        if not token:
            return None
        kept = self._sessions.get(token)
        if kept is not None and time.monotonic() - kept[0] < REMEMBER_S:
            return kept[1]
        self._sessions.pop(token, None)
        found = await run_in_threadpool(sessions.check, self.ledger, token)
        if found is not None:
            if len(self._sessions) >= REMEMBERED_MAX:
                self._sessions.clear()
            self._sessions[token] = (time.monotonic(), found)
        return found

    def forget_sessions(self) -> None:
        """After a log-out nothing of a session may be remembered."""
        self._sessions.clear()

    def knows(self, scope: Scope) -> bool:
        """Whether the caller showed a valid key or session before: then it is counted by that."""
        header = scope[AUTHORIZATION]
        return header in self._keys if header is not None else self._has_session(scope)

    def _has_session(self, scope: Scope) -> bool:
        return bool(self._sessions) and token_of(Request(scope)) in self._sessions

    def count(self, who: Principal, method: str, cost: float = 1) -> None:
        """Raises RuleError RATE_LIMITED."""
        limit = self.limits.reads if method in SAFE_METHODS else self.limits.events
        wait_s = limit.take(who.key_id, cost)
        if wait_s:
            raise limits.refusal(wait_s, who.key_id)


def address(scope: Scope) -> str:
    client = scope.get("client")
    return limits.network(client[0]) if client else ""


def token_of(request: Request) -> str:
    """The token in the cookie. A plain one counts only where the secure one cannot be had."""
    cookies = request.cookies
    plain = "" if request.url.scheme == "https" else cookies.get(COOKIE, "")
    return cookies.get(SECURE_COOKIE) or plain


def is_secure(request: Request) -> bool:
    """Whether the browser came over TLS, also through a proxy that says nothing of it."""
    origin = request.headers.get("origin")
    return request.url.scheme == "https" or origin == f"https://{_host(request)}"


def is_confidential(request: Request) -> bool:
    """Whether nobody on the way reads a password: TLS, or the machine itself.

    Browsers send Sec-Fetch-* over TLS and to the machine itself only.
    """
    here = (request.url.hostname or "") in LOOPBACK
    return here or is_secure(request) or "sec-fetch-site" in request.headers


def check_origin(request: Request) -> None:
    """Refuse what another site makes a browser send. RuleError CSRF_FAILED."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    foreign = origin is not None and urllib.parse.urlsplit(origin).netloc != _host(request)
    if foreign or site not in ("same-origin", "none"):
        raise _forged(request, "origin", origin or site)


def _host(request: Request) -> str:
    return request.headers.get("host", "")


def check_csrf(request: Request, given: str, wanted: str) -> None:
    """Refuse a request that does not carry what its session's pages carry. CSRF_FAILED."""
    check_origin(request)
    if not hmac.compare_digest(given.encode(errors="replace"), wanted.encode()):
        raise _forged(request, "csrf", None)


def _forged(request: Request, field: str, value: str | None) -> RuleError:
    api = request.url.path.startswith("/v1/")
    hint = f"send the session's token as {CSRF_HEADER}, or use an API key" if api else ""
    return RuleError(
        "CSRF_FAILED", "the request does not come from a page of this session", field=field,
        value=value, hint=hint or "open the page again and send it from there",
    )  # fmt: skip
