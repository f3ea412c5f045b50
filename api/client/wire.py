"""Requests and answers as data: which address may be asked, and how a refusal is read."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit
from urllib.parse import quote as _quote

import orjson

from api.client.errors import BadAnswer, Refusal

T = TypeVar("T")
Value = str | int | bool | None | Iterable[str]

ANSWER_MAX_BYTES: Final = 256 * 1024 * 1024
_API_KEY: Final = re.compile(r"[\x21-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. The API key is no part of it: the transport adds it."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    content: bytes = field(default=b"", repr=False)
    media_type: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.media_type} if self.media_type else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing came back, or not all of it: whether the request was carried out is not known."""

    reason: str


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how to read what answers it."""

    request: Request
    read: Callable[[Answer], T]


def query(parameters: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
    """Query parameters: None is left out, a list is repeated, `from_` stands for `from`."""
    pairs: list[tuple[str, str]] = []
    for written, value in parameters.items():
        name = written.removesuffix("_")
        if isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, str | int):
            pairs.append((name, str(value)))
        elif value is not None:
            pairs += [(name, member) for member in value]
    return tuple(pairs)


def follow(path: str, following: str) -> Request:
    """The request of the next page: of the same list, wherever the link says that it leads."""
    parts = urlsplit(following)
    if parts.path != path or parts.netloc:
        raise BadAnswer(f"{path}: the next page is said to be at {following[:80]!r}")
    return Request("GET", path, tuple(parse_qsl(parts.query, keep_blank_values=True)))


def segment(text: str) -> str:
    """One piece of a path: no slash or dots in a name lead anywhere else."""
    return _quote(text, safe="").replace(".", "%2E")


def check_url(url: str, *, insecure_http: bool = False) -> str:
    """The base address without a slash at its end. ValueError where an API key would be shown."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("url: want https://host[:port]")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("url: want an address alone; the API key is an argument of its own")
    if parts.scheme == "http" and not insecure_http and not is_loopback(parts.hostname):
        raise ValueError(
            f"url: {parts.hostname}: an API key goes over https only; say insecure_http=True "
            "if this network may read it"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether what is sent to the host does not leave this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_api_key(api_key: str) -> str:
    """The key, if a header can carry it. ValueError that does not show it."""
    if api_key and _API_KEY.fullmatch(api_key) is None:
        raise ValueError("api_key: want printable ASCII without spaces, such as rmk_…")
    return api_key


def read_json(answer: Answer) -> dict[str, Any]:
    """The one JSON object of an answer."""
    try:
        value = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        start = answer.content[:80].decode(errors="replace")
        raise BadAnswer(f"status {answer.status}, but no JSON object: {start!r}")
    return value


def read_refusal(answer: Answer) -> Refusal:
    """A status of 300 or more as a refusal; from a proxy in between it has no code of ours."""
    try:
        said = read_json(answer)
    except BadAnswer:
        said = {}
    if not isinstance(said.get("code"), str):
        hint = "not from the ledger: is the address right, and what stands in between?"
        where = f" to {answer.headers['location']}" if "location" in answer.headers else ""
        code = f"HTTP_{answer.status}"
        return Refusal(code, f"status {answer.status}{where}", hint=hint, status=answer.status)
    return refusal({**said, "message": said.get("detail", "")}, answer.status)


def refusal(said: Mapping[str, Any], status: int) -> Refusal:
    """A refusal from its members: of a problem, or of a row of a batch."""
    return Refusal(
        str(said.get("code", "")),
        str(said.get("message", "")),
        field=str(said.get("field", "")),
        value=said.get("value"),
        hint=str(said.get("hint", "")),
        status=status,
    )
