"""GET and POST /login, POST /logout, and /my/account: who somebody is to this server."""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from api import callers, limits
from api.callers import Callers
from api.pages import forms, visit
from api.pages.forms import Form
from api.pages.visit import Visit, VisitDep
from ledger import people, sessions
from ledger.errors import LedgerError, RuleError

router = APIRouter(include_in_schema=False)

HOME: Final = "/my"
ACCOUNT: Final = "/my/account"  # of whom may read nothing
_READERS: Final = frozenset({"read", "audit"})
_FORM_COOKIE: Final = "remelt-form"
_FORM_S: Final = 24 * 3600
_WAITING_MAX: Final = 8


@router.api_route("/login", methods=["GET", "HEAD"])
def ask(request: Request) -> Response:
    asked = forms.asked(request)
    if not callers.is_confidential(request):
        return _again(request, asked, "LOGIN_NEEDS_TLS", 403)
    return _again(request, asked, "", 200)


@router.post("/login")
async def log_in(request: Request) -> Response:
    form = await forms.read(request)
    if not callers.is_confidential(request):
        return _again(request, form, "LOGIN_NEEDS_TLS", 403)
    token = request.cookies.get(_FORM_COOKIE, "")
    try:
        callers.check_csrf(request, form.one("csrf"), sessions.csrf(token) if token else "-")
        owner = await _owner(request, form)
    except RuleError as error:
        answer = _again(request, form, error.code, error.status_hint)
        if error.code == "RATE_LIMITED":
            answer.headers["Retry-After"] = str(error.value)
        return answer
    known: Callers = request.app.state.callers
    await run_in_threadpool(sessions.close, known.ledger, callers.token_of(request))
    opened = await run_in_threadpool(sessions.open_session, known.ledger, owner)
    found = await run_in_threadpool(sessions.check, known.ledger, opened)
    home = HOME if found and found.principal.scopes & _READERS else ACCOUNT
    answer = RedirectResponse(forms.own_path(form.one("next"), home), 303)
    _keep(request, answer, opened)
    answer.delete_cookie(_FORM_COOKIE)
    return answer


async def _owner(request: Request, form: Form) -> sessions.Owner:
    """Whom a filled-in form shows to be there. Raises LOGIN_FAILED or RATE_LIMITED."""
    known: Callers = request.app.state.callers
    limit, here = known.limits, callers.address(request.scope)
    name, key = form.one("name")[: people.NAME_MAX].strip().casefold(), form.one("key").strip()
    attempts = [(limit.address, here)]
    if not key:
        attempts += [(limit.name_here, f"{here} {name}"), (limit.name, name)]
    # Taken before the password is looked at: attempts side by side do not get past the limit.
    wait_s = max([kind.take(whose) for kind, whose in attempts])
    if wait_s or known.hashing.statistics().tasks_waiting >= _WAITING_MAX:
        raise limits.refusal(wait_s, "this name or address")
    if key:
        owner = await run_in_threadpool(sessions.key_owner, known.ledger, key)
    else:
        check = partial(people.check, known.ledger, name, form.one("password"))
        found = await anyio.to_thread.run_sync(check, limiter=known.hashing)
        owner = sessions.Owner(person=found) if found else None
    if owner is None:
        raise RuleError("LOGIN_FAILED", "no such name and password, or no such API key")
    for kind, whose in attempts:
        kind.give(whose)
    return owner


def _again(request: Request, form: Form, wrong: str, status: int) -> Response:
    """The log-in page, with what was wrong last time."""
    token = request.cookies.get(_FORM_COOKIE, "") or sessions.new_token()
    shown = {
        "csrf": sessions.csrf(token),
        "next": forms.own_path(form.one("next"), ""),
        "name": form.one("name")[: people.NAME_MAX],
        "by_key": bool(form.one("key")),
        "wrong": wrong,
        "open": wrong != "LOGIN_NEEDS_TLS",
    }
    answer = visit.personal(request, visit.language(request), "login.html", shown, status)
    answer.set_cookie(
        _FORM_COOKIE, token, max_age=_FORM_S, httponly=True, samesite="strict",
        secure=callers.is_secure(request),
    )  # fmt: skip
    return answer


def _keep(request: Request, answer: Response, token: str) -> None:
    secure = callers.is_secure(request)
    name = callers.SECURE_COOKIE if secure else callers.COOKIE
    answer.set_cookie(name, token, httponly=True, samesite="lax", secure=secure)


@router.post("/logout")
async def log_out(found: VisitDep) -> Response:
    """End this session, or with `everywhere` all sessions of this person or key."""
    form = await forms.read(found.request)
    found.check(form)
    known: Callers = found.request.app.state.callers
    if form.one("everywhere"):
        await run_in_threadpool(sessions.close_all, found.ledger, found.session.owner)
    token = callers.token_of(found.request)
    await run_in_threadpool(sessions.close, found.ledger, token)
    known.forget_sessions()
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(callers.COOKIE)
    answer.delete_cookie(callers.SECURE_COOKIE, secure=True)
    return answer


@router.api_route("/my/account", methods=["GET", "HEAD"])
def account(found: VisitDep) -> Response:
    return _account(found, "", 200, done=bool(forms.asked(found.request).one("done")))


def _account(found: Visit, wrong: str, status: int, *, done: bool = False) -> Response:
    scopes = [found.who.say(f"scope_{name}") for name in sorted(found.principal.scopes)]
    return found.page("account.html", {"wrong": wrong, "done": done, "scopes": scopes}, status)


@router.post("/my/account")
async def new_password(found: VisitDep) -> Response:
    """Another password for a person who knows the present one; all sessions end but a new one."""
    form = await forms.read(found.request)
    found.check(form)
    name = found.session.owner.person
    if name is None:
        raise RuleError("PERMISSION_DENIED", "an API key has no password", field="password")
    known: Callers = found.request.app.state.callers
    try:
        wait_s = known.limits.name_here.take(f"password {name}")
        if wait_s:
            raise limits.refusal(wait_s, name)
        check = partial(people.check, found.ledger, name, form.one("password"))
        if not await anyio.to_thread.run_sync(check, limiter=known.hashing):
            raise RuleError("LOGIN_FAILED", "not the present password", field="password")
        change = partial(people.set_password, found.ledger, name, form.one("new"))
        await anyio.to_thread.run_sync(change, limiter=known.hashing)
    except LedgerError as error:
        answer = _account(found, error.code, error.status_hint)
        if error.code == "RATE_LIMITED":
            answer.headers["Retry-After"] = str(error.value)
        return answer
    known.limits.name_here.give(f"password {name}")
    known.forget_sessions()
    owner = found.session.owner
    token = await run_in_threadpool(sessions.open_session, found.ledger, owner)
    answer = RedirectResponse("/my/account?done=1", 303)
    _keep(found.request, answer, token)
    return answer
