"""Raw sockets: what is cut off, garbled or never finished; the server goes on serving."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import orjson
import pytest

from tests.http.door import Door, received


@pytest.fixture(autouse=True)
def _still_serves(door: Door) -> Iterator[None]:
    """Afterwards the server records, and what was sent before has left nothing."""
    size = door.size()
    yield
    assert door.size() == size
    lot = f"HF01/{door.name('L')}"
    done = door.take("HF01", "lot_received", received(lot), "waste_note")
    assert done["n"] == size


def _say(door: Door, *parts: bytes, listen: bool = True, patience: float = 0.3) -> bytes:
    """Send parts over one connection; what comes back until the server closes or is silent."""
    heard = b""
    with (
        socket.create_connection(("127.0.0.1", door.port), 5) as wire,
        contextlib.suppress(ConnectionError, TimeoutError),
    ):
        for part in parts:
            wire.sendall(part)
        wire.settimeout(patience)
        while listen and (more := wire.recv(65_536)):
            heard += more
    return heard


def _post(door: Door, *headers: bytes, path: bytes = b"/v1/events") -> bytes:
    key = b"Authorization: Bearer " + door.api_keys["HEFEI"].encode()
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: x", key, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


JSON = b"Content-Type: application/json"
GARBAGE = {
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "zeros": bytes(5_000),
    "text": b"hello?\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "unknown version": b"GET / HTTP/9.9\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the path": b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in a header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: \x00\x01\r\n\r\n",
    "folded header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "header without colon": b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n",
    "long header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 300_000 + b"\r\n\r\n",
    "long path": b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "many headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_refused_or_hung_up_on(door: Door, name: str) -> None:
    heard = _say(door, GARBAGE[name])
    assert not heard.startswith(b"HTTP/1.1 5")


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: -5",),
        (b"Content-Length: five",),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 99999999999999999999999",),
        (b"Transfer-Encoding: gzip",),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        (b"Transfer-Encoding: chunked",),
    ],
    ids=range(7),
)
def test_a_body_of_no_clear_length_is_not_recorded(door: Door, headers: tuple[bytes, ...]) -> None:
    heard = _say(door, _post(door, JSON, *headers), b"ZZ\r\nhello\r\n")
    assert b" 201 " not in heard
    assert not heard.startswith(b"HTTP/1.1 5")


def test_a_request_that_is_cut_off_is_forgotten(door: Door) -> None:
    lot = f"HF01/{door.name('L')}"
    body = orjson.dumps(door.at("HF01", "lot_received", received(lot), "waste_note"))
    length = f"Content-Length: {len(body)}".encode()
    whole = _post(door, JSON, length) + body
    for end in (3, 20, len(whole) - len(body) - 1, len(whole) - len(body), len(whole) - 1):
        for listen in (False, True):
            assert b" 201 " not in _say(door, whole[:end], listen=listen)
    chunk = f"{len(body):x}\r\n".encode()
    chunked = _post(door, JSON, b"Transfer-Encoding: chunked") + chunk + body
    assert b" 201 " not in _say(door, chunked)
    batch = _post(door, b"Content-Type: application/x-ndjson", length, path=b"/v1/events/batch")
    assert b" 200 " not in _say(door, batch + body[:-1], listen=False)


def test_a_slow_sender_is_waited_for_and_pipelined_requests_are_answered(door: Door) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = ask.replace(b"Host: x", b"Host: x\r\nConnection: close")
    parts = (last[:10], last[10:20], last[20:])
    assert _say(door, *parts, patience=10).count(b'{"ok":true}') == 1
    assert _say(door, ask * 4 + last, patience=10).count(b'{"ok":true}') == 5


def test_a_body_longer_than_announced_is_not_read_as_an_event(door: Door) -> None:
    lot = f"HF01/{door.name('L')}"
    body = orjson.dumps(door.at("HF01", "lot_received", received(lot), "waste_note"))
    heard = _say(door, _post(door, JSON, b"Content-Length: 10") + body, patience=10)
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b" 201 " not in heard


def test_a_hundred_silent_callers_stop_nobody(door: Door) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(100):
            wire = socket.create_connection(("127.0.0.1", door.port), 5)
            held.enter_context(wire)
            wire.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\n")
        assert door.get("/healthz").status_code == 200
