"""Answers that a client may keep: an ETag of the bytes, and 304 for who has them already."""

from __future__ import annotations

import hashlib

from fastapi import Request, Response


def answer(
    request: Request,
    data: bytes,
    media_type: str = "application/json",
    *,
    cache: str = "private, no-cache",
    vary: str = "Authorization, Cookie",
    headers: dict[str, str] | None = None,
    always: dict[str, str] | None = None,
) -> Response:
    """The bytes with their ETag; 304 without them if `If-None-Match` names it (RFC 9110 13.1.2).

    headers: of the bytes. always: of the 304 as well.
    """
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    kept = {"ETag": tag, "Cache-Control": cache, **(always or {})} | (
        {"Vary": vary} if vary else {}
    )
    if matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=kept)
    return Response(data, media_type=media_type, headers={**kept, **(headers or {})})


def matches(given: str, tag: str) -> bool:
    """Whether a list of tags, weak or strong, names this one; `*` names every one."""
    named = (part.strip().removeprefix("W/") for part in given.split(","))
    return any(name in ("*", tag) for name in named)
