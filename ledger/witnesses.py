"""Whom the log asks to cosign, and the HTTP of asking. What is asked, and when, is `publish`'s.

The list is `witnesses.txt` in the data directory, read once: lines of C2SP tlog-policy, `witness`,
`group` and `quorum`. Without the file nobody is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import httpx

from ledger.certificate import policy
from ledger.errors import FormatError, RuleError
from ledger.settings import Settings
from ledger.tlog import cosignature, note, tree, witness

NAME: Final = "witnesses.txt"
TIMEOUT_S: Final = 1.0
_NAME_MAX: Final = 255
# A note has at most 100 lines and 64 KiB, and the log's own lines are in it too.
_LISTED_MAX: Final = 90
_LINES_MAX_BYTES: Final = 48 << 10
# Nothing compressed: what is unpacked has no limit.
_HEADERS: Final = {"User-Agent": "remelt", "Accept-Encoding": "identity"}
_TEXT: Final = {"Content-Type": witness.TEXT_TYPE}


@dataclass(frozen=True, slots=True)
class Listed:
    """A witness that is asked. name: in the list. key: name and id of its key. url: its prefix."""

    name: str
    key: str
    url: str
    cosigner: cosignature.Cosigner


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The list and its quorum."""

    policy: policy.Policy
    listed: tuple[Listed, ...]


def read(settings: Settings) -> Witnesses:
    """The operator's list; an empty one where there is no file.

    Raises FormatError POLICY_INVALID naming the line, RuleError SETTING_INVALID where the file
    cannot be read.
    """
    path = settings.data / NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise RuleError(
            "SETTING_INVALID", f"{path}: cannot be read: {error.strerror}", field=NAME,
            hint="let this user read it, or move it away: then no witness is asked",
        ) from error  # fmt: skip
    try:
        found = policy.parse_witnesses(data)
    except FormatError as error:
        raise FormatError(
            error.code, f"{path}: {error.message}", field=error.field, hint=error.hint
        ) from None
    listed = tuple(_listed(known) for known in found.witnesses)
    if len(listed) > _LISTED_MAX or sum(map(_line_bytes, listed)) > _LINES_MAX_BYTES:
        raise FormatError(
            "POLICY_INVALID", f"{path}: {len(listed)} witnesses are too many for one note",
            field=NAME, hint=f"at most {_LISTED_MAX}, and {_LINES_MAX_BYTES} bytes of cosignatures "
            "together: those of ML-DSA-44 have 3,300 each",
        )  # fmt: skip
    return Witnesses(found, listed)


def _line_bytes(listed: Listed) -> int:
    """The longest cosignature line by this key, about."""
    signature = 2_420 if listed.cosigner.algorithm == cosignature.ML_DSA_44 else 64
    return len(listed.cosigner.name.encode()) + (12 + signature) * 4 // 3 + 16


def _listed(known: policy.Witness) -> Listed:
    name, _, _ = note.split_vkey(known.vkey)
    if len(name.encode()) > _NAME_MAX:
        raise FormatError(
            "POLICY_INVALID", f"{NAME}: a key name of {len(name)} characters", field=NAME,
            hint="ask the witness for its key: names have at most 255 bytes",
        )  # fmt: skip
    cosigner = cosignature.parse_vkey(known.vkey)
    shown = known.name.encode("utf-8", "replace").decode()
    key = f"{cosigner.name}+{cosigner.key_id.hex()}"
    return Listed(shown, key, known.url.rstrip("/"), cosigner)


# Asking.


@asynccontextmanager
async def connected() -> AsyncIterator[httpx.AsyncClient]:
    """A client for witnesses; connections are kept from one checkpoint to the next."""
    limits = httpx.Limits(max_keepalive_connections=64, keepalive_expiry=120)
    async with httpx.AsyncClient(headers=_HEADERS, limits=limits, timeout=TIMEOUT_S) as client:
        yield client


async def ask(
    client: httpx.AsyncClient,
    listed: Listed,
    signed: bytes,
    old_size: int,
    subtree: tree.SubtreeReader,
) -> witness.Answer:
    """Ask a witness to cosign the note `signed`, as the log signed it, without others' lines.

    old_size: the tree that it saw last, as far as is known. Where it wants the proof from another
    size it gets that, once. Never raises for what a witness does, or does not do.
    Source: C2SP tlog-witness, "add-checkpoint".
    """
    answer = await _add_checkpoint(client, listed, signed, old_size, subtree)
    if answer.kind == "resend" and answer.size is not None:
        answer = await _add_checkpoint(client, listed, signed, answer.size, subtree)
    return replace(answer, kind="later") if answer.kind == "resend" else answer


async def _add_checkpoint(
    client: httpx.AsyncClient,
    listed: Listed,
    signed: bytes,
    old_size: int,
    subtree: tree.SubtreeReader,
) -> witness.Answer:
    request = witness.make_request(old_size, signed, subtree)
    body = witness.format_request(request)
    try:
        status, content_type, data = await _fetch(
            client, "POST", f"{listed.url}/add-checkpoint", body
        )
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        return witness.Answer("later", _words(error))
    return witness.read_answer(status, content_type, data, request, {listed.name: listed.cosigner})


async def shown(client: httpx.AsyncClient, listed: Listed, origin: str) -> tuple[bytes | None, str]:
    """The checkpoint of a log that a witness cosigned last, unverified; or None, and why not.

    Source: C2SP tlog-witness, "monitoring".
    """
    url = f"{listed.url}/{witness.monitoring_path(origin)}"
    try:
        status, _, data = await _fetch(client, "GET", url)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        return None, _words(error)
    return (data, "") if status == 200 else (None, f"status {status}")


async def shown_by_all(listed: Iterable[Listed], origin: str) -> list[tuple[bytes | None, str]]:
    """What each of these witnesses shows of a log, as `shown` has it."""
    async with connected() as client:
        return await asyncio.gather(*(shown(client, one, origin) for one in listed))


async def _fetch(
    client: httpx.AsyncClient, method: str, url: str, body: bytes | None = None
) -> tuple[int, str, bytes]:
    """Status, type and body, within a time that covers all of it and a size that covers a note."""
    headers = _TEXT if body is not None else {}
    async with (
        asyncio.timeout(TIMEOUT_S),
        client.stream(method, url, content=body, headers=headers) as response,
    ):
        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) > note.MAX_NOTE_BYTES:
                raise httpx.DecodingError(f"more than {note.MAX_NOTE_BYTES} bytes")
        return response.status_code, response.headers.get("content-type", ""), bytes(data)


def _words(error: Exception) -> str:
    said = " ".join(str(error).split())[:200]
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"no answer within {TIMEOUT_S:g} s"
    if isinstance(error, httpx.ConnectError):
        return f"no connection: {said}"
    return said or type(error).__name__
