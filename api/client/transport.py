"""What both clients tell httpx."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from api.client import wire
from api.client.errors import BadAnswer
from api.client.retry import Send
from api.client.wire import Answer, Lost


def options(
    url: str, api_key: str, ca_file: str | Path | None, insecure_http: bool
) -> dict[str, Any]:
    """Arguments of httpx.Client and httpx.AsyncClient. ValueError for what cannot be right."""
    base = wire.check_url(url, insecure_http=insecure_http)
    headers = {"User-Agent": "remelt-client"}
    if wire.check_api_key(api_key):
        headers["Authorization"] = f"Bearer {api_key}"
    return {
        "base_url": base,
        "headers": headers,
        "verify": _authorities(ca_file) if ca_file else True,
        # What goes to this machine goes to no proxy; a redirect is shown, not followed.
        "trust_env": not wire.is_loopback(urlsplit(base).hostname or ""),
        "follow_redirects": False,
    }


def _authorities(ca_file: str | Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # it does not name the file
        raise ValueError(f"ca_file: {ca_file}: {error.strerror or error}") from error


def arguments(step: Send) -> dict[str, Any]:
    """Arguments of `stream`."""
    asked = step.request
    return {
        "method": asked.method,
        "url": asked.path,
        "params": asked.query or None,
        "content": asked.content or None,
        "headers": asked.headers,
        "timeout": step.timeout_s,
    }


class Body:
    """An answer while it arrives; larger than any that the ledger gives, it is refused."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._data = bytearray()

    def add(self, piece: bytes) -> None:
        self._data += piece
        if len(self._data) > wire.ANSWER_MAX_BYTES:
            raise BadAnswer(f"an answer of more than {wire.ANSWER_MAX_BYTES} bytes")

    def answer(self) -> Answer:
        return Answer(self._response.status_code, self._response.headers, bytes(self._data))


def lost(error: Exception) -> Lost:
    """What went wrong on the way, in words; httpx says nothing for some.

    BadAnswer where nobody vouches for the server: asking again would not help.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "ca_file names an authority of your own"
            raise BadAnswer(f"the server is not who it should be: {cause.verify_message}; {hint}")
        cause = cause.__cause__ or cause.__context__
    return Lost(f"{type(error).__name__} {error}".strip())
