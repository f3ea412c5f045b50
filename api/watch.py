"""Around every request: its id, its line in the log, its figures, and the answer to a fault."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import callers, logs, metrics, problems, shield
from ledger.apikeys import Principal
from ledger.errors import RuleError

_LOGGER: Final = logging.getLogger("remelt.api")
_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
# Random for the process, then counted: an id costs little, and no two are the same.
_FIRST_ID, _NEXT_ID = secrets.token_hex(4), itertools.count()
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_PATH_MAX: Final = 200
_FAULT: Final = 500
_FLUSH_S: Final = 0.1
_EVENTS, _CREATED = "/v1/events", 201


class Watch:
    """The outermost of our layers: whatever goes wrong below, the sender gets an answer."""

    def __init__(self, app: ASGIApp, lines: bool, as_json: bool) -> None:
        self.app, self.lines, self.as_json = app, lines, as_json
        self.flushing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            self._flush()  # the server ends by a signal, which flushes nothing
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        logs.REQUEST_ID.set(request_id)
        header = (b"x-request-id", request_id.encode())
        status = sent = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append(header)
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            _LOGGER.exception("fault at %s %s", scope["method"], scope["path"][:_PATH_MAX])
            if status:
                raise  # half an answer is out: only an end of the connection tells
            await _fault(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "other")
            metrics.count_request(scope["method"], route, status, seconds)
            if route == _EVENTS and (status == _CREATED or callers.CODE in scope):
                metrics.count_event(scope.get(callers.CODE, ""))
            if self.lines and (scope["path"] not in _PROBES or status >= _FAULT):
                self._line(scope, request_id, status, sent, seconds)

    def _line(self, scope: Scope, request_id: str, status: int, sent: int, seconds: float) -> None:
        """Written past the loggers: this is on the way of every request."""
        who: Principal | None = scope.get(callers.WHO)
        client = scope.get("client")
        line: dict[str, Any] = {
            "time": datetime.now(UTC),
            "level": "error" if status >= _FAULT else "info",
            "event": "request",
            "method": scope["method"],
            "path": scope["path"][:_PATH_MAX],
            "status": status,
            "ms": round(seconds * 1000, 2),
            "bytes": sent,
            "request_id": request_id,
            "client": client[0] if client else "",
        }
        if callers.CODE in scope:
            line["code"] = scope[callers.CODE]
        if who is not None:
            line["party"], line["key"] = who.party, who.key_id
        data = orjson.dumps(line, option=orjson.OPT_UTC_Z) if self.as_json else _readable(line)
        try:
            sys.stderr.buffer.write(data + b"\n")
        except (OSError, ValueError):
            self.lines = False
        if status >= _FAULT:
            self._flush()
        elif not self.flushing:
            # A system call for each line would give up the interpreter amid each answer.
            self.flushing = True
            asyncio.get_running_loop().call_later(_FLUSH_S, self._flush)

    def _flush(self) -> None:
        self.flushing = False
        try:
            sys.stderr.buffer.flush()
        except (OSError, ValueError):  # whoever read our lines has gone; requests go on
            self.lines = False


def _readable(line: dict[str, Any]) -> bytes:
    who = f"{line['party']}/{line['key']}" if "party" in line else "-"
    path = line["path"].encode("unicode_escape").decode()  # a newline must not begin a line
    return (
        f"{line['time']:%H:%M:%S} {line['method']} {path} {line['status']} {line['ms']} ms "
        f"{line['bytes']} B {who} {line.get('code', '-')} {line['request_id']}"
    ).encode()


def _request_id(scope: Scope) -> str:
    """The caller's, where it is sane; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if _SANE_ID.fullmatch(value):
                return str(value, "ascii")
            break
    return f"{_FIRST_ID}{next(_NEXT_ID):08x}"


async def _fault(scope: Scope, receive: Receive, send: Send) -> None:
    hint = "nothing was recorded unless a retry with the same id says so; tell the operator"
    failed = RuleError("INTERNAL_ERROR", "a fault of the server", hint=hint)
    shown = problems.reply(Request(scope), failed)
    # This answer is made outside the shield.
    shown.headers.update({k: v for k, v in shield.HEADERS.items() if k not in shown.headers})
    await shown(scope, receive, send)
