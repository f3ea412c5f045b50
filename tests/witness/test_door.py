"""The HTTP door of a witness: limits, methods, and no input that gives a 5xx."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from api import witness_app
from ledger import witness as witnesses
from ledger.tlog import note, tree, witness
from tests.unit.ledger.tlog import vectors
from tests.unit.ledger.tlog.vectors import NOTE_15, ORIGIN, W1_LINE
from tests.witness import places
from tests.witness.places import asked

PATH = f"/{witness.monitoring_path(ORIGIN)}"


class Client:
    """Asks an app that runs in this process; what it raises is an answer with 500."""

    def __init__(self, app: Starlette) -> None:
        self.runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.asking = httpx.AsyncClient(transport=transport, base_url="http://w")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.run(self.asking.aclose())
        self.runner.close()

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.runner.run(self.asking.request(method, path, **more))

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
        return self.request("POST", path, content=content)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    opened = places.open_at(places.new(tmp_path_factory.mktemp("door")))
    app = witness_app.create_app(opened)
    with Client(app) as made:
        assert made.get(PATH).status_code == 404
        assert made.post("/add-checkpoint", content=asked(0, 15)).content == W1_LINE
        yield made
    witnesses.close(opened)


def test_what_was_cosigned_is_shown_and_head_has_its_headers(client: Client) -> None:
    shown = client.get(PATH)
    assert (shown.status_code, shown.content) == (200, NOTE_15 + W1_LINE)
    assert shown.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert shown.headers["Cache-Control"] == "no-store"
    head = client.request("HEAD", PATH)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == shown.headers["Content-Length"]


def test_a_witness_says_who_it_is(client: Client) -> None:
    about = client.get("/")
    assert about.headers["Content-Type"] == "text/plain; charset=utf-8"
    for said in (vectors.W1_VKEY, ORIGIN, PATH.split("/")[1], "/add-checkpoint"):
        assert said in about.text
    assert client.get("/healthz").text == "ok\n"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405),
        ("PUT", "/add-checkpoint", 405),
        ("POST", "/", 405),
        ("DELETE", PATH, 405),
        ("GET", "/add-checkpoint/", 404),
        ("GET", PATH + "/", 404),
        ("GET", PATH.upper(), 404),
        ("GET", "/0/checkpoint", 404),
        ("POST", "/sign-subtree", 404),
    ],
)
def test_other_addresses_and_methods_are_refused_in_plain_text(
    client: Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.endswith("\n")
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_body_that_is_too_large_is_not_read_to_its_end(client: Client) -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        for i in range(1000):
            read.append(i)
            yield b"x" * 1024

    answer = client.post("/add-checkpoint", content=b"x" * (witness.MAX_REQUEST_BYTES + 1))
    assert answer.status_code == 413
    assert answer.headers["Connection"] == "close"
    assert client.post("/add-checkpoint", content=endless()).status_code == 413
    assert len(read) < 100
    at_most = client.post("/add-checkpoint", content=b"x" * witness.MAX_REQUEST_BYTES)
    assert at_most.status_code == 400


@pytest.mark.parametrize("ends", ["never", "by hanging up"])
def test_a_slow_body_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setattr(witness_app, "BODY_TIMEOUT_S", 0.05)
    opened = places.open_at(places.new(tmp_path))
    app = witness_app.create_app(opened)
    sent: list[dict[str, Any]] = []
    parts = iter([{"type": "http.request", "body": b"old", "more_body": True}])

    async def receive() -> dict[str, Any]:
        part = next(parts, None)
        if part is None and ends == "never":
            await asyncio.Event().wait()
        return part or {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/add-checkpoint",
        "raw_path": b"/add-checkpoint", "query_string": b"", "headers": [], "root_path": "",
        "scheme": "http", "server": ("w", 80), "client": ("c", 1),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == (408 if ends == "never" else 400)
    witnesses.close(opened)


def test_a_store_that_fails_is_told_as_a_fault_of_ours(tmp_path: Path) -> None:
    opened = places.open_at(places.new(tmp_path))
    app = witness_app.create_app(opened)
    with Client(app) as made:
        opened.store.engine.dispose()
        (opened.directory / "witness.sqlite").unlink()
        (opened.directory / "witness.sqlite").mkdir()
        answer = made.post("/add-checkpoint", content=asked(0, 15))
    assert answer.status_code == 503
    assert "—" not in answer.text


# No input gives a 5xx.

SIGNER = note.parse_skey(vectors.SKEY)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
SIGNED = st.builds(
    lambda origin, size, root: _signed(origin, size, root),
    st.just(ORIGIN) | TEXTS,
    st.integers(0, 2**63 - 1) | st.integers(0, 20),
    st.binary(min_size=32, max_size=32) | st.integers(0, 15).map(lambda n: vectors.head(n).root),
)
OLD = st.integers(0, 20) | st.integers(0, 2**64)
HASHES = st.lists(st.sampled_from(vectors.LEAVES) | st.binary(min_size=31, max_size=33), max_size=6)


def _signed(origin: str, size: int, root: bytes) -> bytes:
    rows = (origin, str(size), base64.b64encode(root).decode())
    text = "".join(f"{row}\n" for row in rows).encode()
    value = SIGNER.sign(text)
    line = note.Signature(SIGNER.name, SIGNER.key_id, value)
    return text + b"\n" + note.format_signature(line)


def _body(old: int, hashes: list[bytes], signed: bytes) -> bytes:
    lines = b"".join(base64.b64encode(hash_) + b"\n" for hash_ in hashes)
    return b"old %d\n" % old + lines + b"\n" + signed


BODIES = (
    st.binary(max_size=300)
    | st.builds(_body, OLD, HASHES, SIGNED)
    | st.builds(
        lambda body, at, byte: body[: at % len(body)] + byte + body[at % len(body) + 1 :],
        st.sampled_from([asked(0, 15), asked(6, 15), asked(15, 15)]),
        st.integers(0, 2000),
        st.binary(max_size=2),
    )
)
STATUSES = {200, 400, 403, 404, 409, 422}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(body=BODIES)
def test_no_body_gives_a_fault(client: Client, body: bytes) -> None:
    answer = client.post("/add-checkpoint", content=body)
    assert answer.status_code in STATUSES, answer.text
    if answer.status_code == 409:
        assert answer.text == "15\n"
    if answer.status_code == 200:
        request = witness.parse_request(body)
        said = witness.read_answer(200, "", answer.content, request, {"w": vectors.W1})
        assert said.kind == "cosigned"
        assert request.claimed.root == tree.root(vectors.LEAVES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PATCH", "TRACE"]),
    path=st.text(st.characters(codec="utf-8", exclude_characters="?#"), max_size=30),
)
def test_no_address_gives_a_fault(client: Client, method: str, path: str) -> None:
    assert client.request(method, f"http://w/{quote(path)}").status_code < 500
