"""What routes ask for: the ledger, whom the request speaks for, a body within limits."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from api import callers
from api.callers import Callers
from ledger.apikeys import Principal
from ledger.errors import FormatError, RuleError
from ledger.service import Ledger


async def get_ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


async def principal(request: Request) -> Principal:
    """Whom the request speaks for: by its API key, else by the session of a browser."""
    known: Callers = request.app.state.callers
    header = request.scope[callers.AUTHORIZATION]
    if header is not None:
        who = known.by_key(header)
    else:
        session = await known.session(request)
        who = session.principal if session else None
        if session and request.method not in callers.SAFE_METHODS:
            given = request.headers.get(callers.CSRF_HEADER, "")
            callers.check_csrf(request, given, session.csrf)
    if who is not None:
        request.scope[callers.WHO] = who
        known.count(who, request.method)
        return who
    raise RuleError(
        "AUTH_REQUIRED",
        "authorization: no valid API key",
        field="authorization",
        hint="send `Authorization: Bearer rmk_…`; the operator makes keys with `remelt apikey new`",
    )


def spend(request: Request, who: Principal, events: int) -> None:
    """Count the events of a batch. Raises RuleError RATE_LIMITED."""
    known: Callers = request.app.state.callers
    known.count(who, request.method, events)


async def spend_visits(request: Request, cost: float) -> None:
    """Count what is public and dear by reads, for known callers: as visitors they do not count."""
    known: Callers = request.app.state.callers
    if not known.knows(request.scope):
        return
    header = request.scope[callers.AUTHORIZATION]
    if header is not None:
        who = known.by_key(header)
    else:
        session = await known.session(request)
        who = session.principal if session else None
    if who is not None:
        known.count(who, request.method, cost)


def need(who: Principal, scope: str) -> None:
    if scope not in who.scopes:
        raise RuleError(
            "SCOPE_REQUIRED",
            f"this API key has {' '.join(sorted(who.scopes))}, {scope} is needed",
            field="authorization",
            value=who.key_id,
            hint=f"ask the operator for a key with the scope {scope}",
        )


def need_one_of(who: Principal, parties: set[str]) -> None:
    """Entries, lots and lineage are for the parties of their events, and for auditors."""
    if "audit" in who.scopes:
        return
    need(who, "read")
    if who.party not in parties:
        raise RuleError(
            "PERMISSION_DENIED",
            f"{who.party} is not a party of this",
            field="party",
            value=who.party,
            hint="the public page of a lot (/L/…) or certificate (/C/…) shows what is public",
        )


async def known_parameters(request: Request) -> None:
    """Refuse a query parameter that the address does not have: `?dryrun=1` must not record."""
    known = _parameters(request.scope["route"].dependant)
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name in seen:
            raise RuleError(
                "PARAMETER_INVALID", f"{name[:80]}: given more than once", field=name[:80],
                value=value, hint="give each query parameter once",
            )  # fmt: skip
        seen.add(name)
        if name not in known:
            raise RuleError(
                "PARAMETER_INVALID",
                f"{name[:80]}: no such query parameter here",
                field=name[:80],
                value=value,
                hint=f"known here: {', '.join(sorted(known)) or 'none'}",
            )


def _parameters(dependant: Dependant) -> set[str]:
    """The query parameters of an address, those of what it depends on too."""
    below = (_parameters(inner) for inner in dependant.dependencies)
    return {field.alias for field in dependant.query_params}.union(*below)


async def body(
    request: Request, media_type: str, most: int, too_large: str = "BODY_TOO_LARGE"
) -> bytes:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise FormatError(
            "MEDIA_TYPE_UNSUPPORTED",
            f"content-type: {given or 'none'}, want {media_type}",
            field="content-type",
            value=given,
            hint=f"send `Content-Type: {media_type}`",
        )
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise FormatError(
                too_large,
                f"the body is larger than {most} bytes",
                field="body",
                value=most,
                hint="divide it: fewer events in one batch, several events instead of one",
            )
    return bytes(data)


LedgerDep = Annotated[Ledger, Depends(get_ledger)]
PrincipalDep = Annotated[Principal, Depends(principal)]
