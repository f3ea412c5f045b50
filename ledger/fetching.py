"""Fetching the files of a log from a web address or a directory: limits, patience, refusals.

What comes back is bytes, and nothing is known of them but that they are not too many.
"""

from __future__ import annotations

import ipaddress
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from ledger.errors import FormatError, LedgerError

GZIP_EXTRA_BYTES: Final = 1024
"""What gzip may add to something that it cannot make smaller."""
TIMEOUT: Final = httpx.Timeout(20.0, connect=10.0)
WHOLE_ANSWER_S: Final = 120
PAUSES_S: Final = (0.1, 0.4, 1.6)
BUSY_MAX: Final = 10
BUSY_MAX_S: Final = 10

Fetch = Callable[[str, int], bytes | None]
"""(path, most bytes) -> what stands there, None if nothing does; raises LedgerError."""

_API_KEY: Final = re.compile(r"[\x21-\x7e]{1,512}")
_CLOSED: Final = "entries are for whom the operator lets: give an API key with scope audit"


def unreadable(where: str, what: str, hint: str) -> LedgerError:
    """SOURCE_UNREADABLE."""
    return LedgerError(
        "SOURCE_UNREADABLE", f"{where}: {what}", field="source", value=where, hint=hint
    )


# A directory.


def directory(root: Path) -> Fetch:
    """Return what reads files below a directory. Raises SOURCE_UNREADABLE if there is none."""
    if not root.is_dir():
        raise unreadable(str(root), "no directory", "give a directory, or an https:// address")

    def fetch(path: str, most: int) -> bytes | None:
        try:
            with (root / path).open("rb") as file:
                found = file.read(most + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            wrong = error.strerror or str(error)
            raise unreadable(
                f"{root}/{path}", wrong, "check its permissions and its disk"
            ) from error
        return _limited(found, most, f"{root}/{path}")

    return fetch


def _limited(found: bytes, most: int, where: str) -> bytes:
    if len(found) > most:
        raise unreadable(where, f"more than {most} bytes", "this is not the layout of a log")
    return found


# The web.


def web(where: str, api_key: str = "") -> tuple[str, Fetch, Callable[[], None]]:
    """Return a prefix as it is shown, what fetches below it, and what ends its connections.

    api_key: goes to that host alone, and over plain http only if the host is this machine. No
    redirect is followed. Raises FormatError PARAMETER_INVALID; nothing is fetched yet.
    """
    base, host = _check_address(where, api_key)
    headers = {"User-Agent": "remelt", "Accept-Encoding": "gzip"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    client = httpx.Client(
        headers=headers,
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=not is_loopback(host),  # what goes to this machine goes to no proxy
    )
    return base, lambda path, most: _patiently(client, f"{base}/{path}", most), client.close


def _check_address(where: str, api_key: str) -> tuple[str, str]:
    """Return the prefix without its last slash, and the host. Raises PARAMETER_INVALID."""
    try:
        parts = urlsplit(where)
        host, _ = parts.hostname or "", parts.port
        httpx.URL(where)
    except (ValueError, httpx.InvalidURL):
        raise _parameter("url", where, "no web address", "https://host[:port]/prefix") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise _parameter("url", where, "no web address", "https://host[:port]/prefix")
    if parts.username is not None or parts.query or parts.fragment:
        raise _parameter("url", where, "more than a prefix", "https://host[:port]/prefix")
    if api_key and _API_KEY.fullmatch(api_key) is None:
        raise _parameter("api_key", "", "no API key", "printable ASCII such as rmk_…")
    if api_key and parts.scheme == "http" and not is_loopback(host):
        hint = "leave the key out (--api-key, REMELT_API_KEY) where everybody may read"
        raise _parameter("url", where, "an API key goes over https only", "https://…", hint)
    return where.rstrip("/"), host


def _parameter(name: str, value: str, wrong: str, want: str, hint: str = "") -> FormatError:
    value = re.sub("//[^/]*@", "//", value)  # a password may stand there
    shown = f": {value[:200]!r}" if value else ""
    return FormatError(
        "PARAMETER_INVALID",
        f"{name}: {wrong}{shown}, want {want}",
        field=name,
        value=value,
        hint=hint
        or "an API key is an option of its own; the address is what stands before /checkpoint",
    )


def is_loopback(host: str) -> bool:
    """Whether what is sent to the host does not leave this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: bytes
    location: str
    retry_s: float


def _patiently(client: httpx.Client, url: str, most: int) -> bytes | None:
    """Ask again after a lost connection or a 5xx, a few times, and as often as a 429 asks us to."""
    pauses, busy = iter(PAUSES_S), iter(range(BUSY_MAX))
    while True:
        pause: float | None
        try:
            answer = _ask(client, url, most)
        except httpx.HTTPError as error:
            wrong, pause = f"{type(error).__name__} {error}".strip(), next(pauses, None)
        else:
            wrong = f"status {answer.status}"
            if answer.status == 429:
                pause = None if next(busy, None) is None else answer.retry_s
            elif answer.status >= 500:
                pause = next(pauses, None)
            else:
                return _judge(answer, url)
        if pause is None:
            hint = "is the address right, and does its server run? try again later"
            raise unreadable(url, wrong, hint)
        time.sleep(pause)


def _ask(client: httpx.Client, url: str, most: int) -> _Answer:
    with client.stream("GET", url) as response:
        content = _content(response, most, url) if response.status_code == 200 else b""
        location, retry = (response.headers.get(name, "") for name in ("location", "retry-after"))
        retry_s = min(int(retry), BUSY_MAX_S) if re.fullmatch("[0-9]{1,4}", retry, re.A) else 1
        return _Answer(response.status_code, content, location, retry_s)


def _judge(answer: _Answer, url: str) -> bytes | None:
    if answer.status == 200:
        return answer.content
    if answer.status in {404, 410}:
        return None
    hint = "is this the prefix of a log?"
    if answer.status in {401, 403} and "/tile/entries/" in url:
        hint = _CLOSED
    elif answer.status in {401, 403}:
        hint = "the server knows no such API key, or does not let it read here"
    elif answer.location:
        hint = f"it points to {answer.location[:200]!r}: if you trust that, give it as the address"
    raise unreadable(url, f"status {answer.status}", hint)


def _content(response: httpx.Response, most: int, url: str) -> bytes:
    """Return the body, unzipped here so that the limits hold before and after."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise unreadable(url, f"content encoding {encoding[:40]!r}", "want gzip or none")
    unzip = zlib.decompressobj(31) if encoding == "gzip" else None
    found, raw, end = bytearray(), 0, time.monotonic() + WHOLE_ANSWER_S
    for piece in response.iter_raw():
        raw += len(piece)
        try:
            found += unzip.decompress(piece, most + 1 - len(found)) if unzip else piece
        except zlib.error as error:
            raise unreadable(url, f"not gzip: {error}", "read another mirror") from error
        _limited(b"" if raw <= most + GZIP_EXTRA_BYTES else bytes(most + 1), most, url)
        _limited(bytes(found), most, url)
        if time.monotonic() > end:
            raise unreadable(url, f"not whole after {WHOLE_ANSWER_S} s", "read another mirror")
    if unzip is not None and not unzip.eof:
        raise unreadable(url, "gzip that breaks off", "try again, or read another mirror")
    return bytes(found)
