"""With a pinned log key the server is not believed; and the API key is shown to nobody."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.client import AsyncClient, BadAnswer, Client, Refusal, Retry, Untrusted
from ledger.book import encoding, jose
from ledger.tlog import note
from tests.client import tls
from tests.client.conftest import Maker
from tests.client.road import ROOT, Road, busy
from tests.client.test_recording import party, receipt
from tests.http.door import ORIGIN, SECRET, Door

ONCE = Retry(attempts=1)
OTHER_KEY = note.parse_skey(note.generate_skey(ORIGIN, b"7" * 32)).verifier.vkey


def swap(pattern: bytes) -> Callable[[bytes], bytes]:
    """Change the hexadecimal digit or letter after a pattern, wherever it stands."""

    def alter(data: bytes) -> bytes:
        return re.sub(
            pattern + b"(.)", lambda m: m[0][:-1] + (b"1" if m[1] != b"1" else b"2"), data
        )

    return alter


def replacing(text: str, lie: str) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(text.encode(), lie.encode())


LIES = {
    "another leaf": swap(rb'"leaf_hash":"'),
    "another place": swap(rb'"n":'),
    "another size": swap(rb'"size":'),
    "another path": swap(rb'"proof":\["'),
    "another root": swap(rb"demo.remelt.example/http\\n\d+\\n"),
    "another signature": swap("— demo.remelt.example/http ..........".encode()),
    "another log": lambda data: data.replace(b"remelt.example", b"remelt.exampel"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_recorded_answer_that_was_tampered_with_is_not_believed(
    connect: Maker, door: Door, road: Road, lie: Callable[[bytes], bytes]
) -> None:
    client = party(connect, door, "YARD", road.url, retry=ONCE)
    client.record(receipt(client, door, "YD01"))
    road.alter = lie
    with pytest.raises(Untrusted):
        client.record(receipt(client, door, "YD01"))


def test_without_a_pinned_key_nothing_is_checked(connect: Maker, door: Door, road: Road) -> None:
    client = party(connect, door, "YARD", road.url, log=ORIGIN, log_key="")
    road.alter = LIES["another leaf"]
    assert client.record(receipt(client, door, "YD01"))


def test_another_log_key_verifies_nothing(connect: Maker, door: Door) -> None:
    client = party(connect, door, "YARD", log_key=OTHER_KEY)
    event = receipt(client, door, "YD01")
    with pytest.raises(Untrusted):
        client.record(event)
    with pytest.raises(Untrusted):
        client.checkpoint()
    with pytest.raises(Untrusted):
        list(client.record_many([event]))


def test_a_batch_whose_entries_lie_beyond_its_checkpoint_is_not_believed(
    connect: Maker, door: Door, road: Road
) -> None:
    client = party(connect, door, "YARD", road.url)
    road.alter = lambda data: re.sub(rb'(?<="n":)\d+', lambda m: b"9" * len(m[0]), data)
    with pytest.raises(Untrusted, match="not in the signed tree"):
        list(client.record_many([receipt(client, door, "YD01")]))


def test_an_entry_that_says_something_else_is_not_confirmed(connect: Maker, door: Door) -> None:
    client = party(connect, door, "YARD")
    one, two = receipt(client, door, "YD01"), receipt(client, door, "YD01")
    done = client.record(one)
    client.record(two)
    assert client.confirm(one, done).n == done.n
    [refused] = client.record_many([b""])
    with pytest.raises(ValueError, match="refused row"):
        client.confirm(one, refused)
    for sent in (two, {**one, "private": {"note": "another"}}, {**one, "private": {}}):
        with pytest.raises(Untrusted):
            client.confirm(sent, done)


def test_private_fields_that_are_not_those_of_the_log_are_not_confirmed(
    connect: Maker, door: Door, road: Road
) -> None:
    """The value is right, but the log holds the digest of another disclosure."""
    client = party(connect, door, "YARD", road.url)
    sent = receipt(client, door, "YD01")
    done = client.record(sent)
    [text] = client.confirm(sent, done).disclosures
    other = jose.b64url(encoding.canonical(["A" * 22, "note", SECRET]))
    assert len(other) == len(text)
    for lie in (other, "A" * len(text)):
        road.alter = replacing(text, lie)
        with pytest.raises(Untrusted):
            client.confirm(sent, done)


def test_a_registration_is_confirmed_though_the_server_made_the_key(
    connect: Maker, door: Door
) -> None:
    client = party(connect, door, "OPERATOR")
    about = door.registration(door.name("NEW"), custody="operator")
    event = client.event("party_registered", about["body"], private=about["private"])
    assert client.confirm(event, client.record(event)).event["body"]["key"]


def test_an_entry_whose_leaf_was_changed_is_not_believed(
    connect: Maker, door: Door, road: Road
) -> None:
    client = party(connect, door, "YARD", road.url)
    done = client.record(receipt(client, door, "YD01"))
    road.alter = swap(rb'"POST":\[')
    with pytest.raises(Untrusted, match="its hash is not"):
        client.entry(done.n)


def test_a_log_may_be_followed_and_may_not_change_its_past(
    connect: Maker, door: Door, road: Road
) -> None:
    client = party(connect, door, "YARD", road.url, retry=ONCE)
    old = client.checkpoint()
    done = client.record(receipt(client, door, "YD01"))
    new = client.follow(old)
    assert new.size > old.size
    assert client.follow(new) == new
    assert client.inclusion(done.n, new).leaf_hash == done.leaf_hash
    client.record(receipt(client, door, "YD01"))
    road.alter = swap(rb'"proof":\["')
    with pytest.raises(Untrusted, match="evidence of a fork"):
        client.follow(old)
    with pytest.raises(Untrusted):
        client.inclusion(done.n)


def test_a_log_that_shrank_is_not_believed(connect: Maker, door: Door) -> None:
    client = party(connect, door, "YARD")
    found = client.checkpoint()
    grown = type(found)(found.origin, found.size + 9, found.root, found.note)
    with pytest.raises(Untrusted, match="now has"):
        client.follow(grown)


def test_something_else_at_the_address_is_named(connect: Maker, door: Door, road: Road) -> None:
    client = connect(road.url, party="YARD", log=ORIGIN)
    road.faults.append(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html>Hello!\n")
    with pytest.raises(BadAnswer, match="no JSON object"):
        client.ready()
    road.faults.append(busy("301 Moved", Location="https://else.example/"))
    with pytest.raises(Refusal, match=r"to https://else\.example/"):
        client.ready()


def test_an_answer_without_what_it_must_have_is_named(
    connect: Maker, door: Door, road: Road
) -> None:
    client = party(connect, door, "YARD", road.url)
    lot = receipt(client, door, "YD01")
    client.record(lot)
    road.alter = lambda data: data.replace(b'"wet_mg"', b'"wet_oz"')
    with pytest.raises(BadAnswer, match=r"answer\.wet_mg is missing"):
        client.lot(lot["body"]["lot"])
    road.alter = lambda data: data.replace(b'"assay_grade":"final"', b'"assay_grade":1234567')
    with pytest.raises(BadAnswer, match=r"answer\.assay_grade: int"):
        client.lot(lot["body"]["lot"])


# The API key, and the ways it could get out.


def test_the_api_key_is_in_no_repr_log_or_exception(
    connect: Maker, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = party(connect, door, "YARD", retry=Retry(attempts=2))
    lost = party(connect, door, "YARD", "http://127.0.0.1:9", retry=Retry(attempts=2))
    said = [repr(client), str(client)]
    for ask in (lambda: client.lot("YD01/NONE"), lost.ready, lambda: client.entry(10**9)):
        with pytest.raises(Exception, match=r".") as caught:
            ask()
        said += [repr(caught.value), "".join(traceback.format_exception(caught.value))]
    assert "again in" in caplog.text, "retries are logged"
    assert door.api_keys["YARD"] not in "".join(said) + caplog.text


@pytest.mark.parametrize("wrong", ["rmk_a\nb", "rmk_a b", "rmk_ä", "rmk_a\r\nX: y"])
def test_an_api_key_that_no_header_can_carry_is_refused_unseen(wrong: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="api_key") as caught:
            kind("http://127.0.0.1:9", wrong)
        assert wrong[4:] not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://ledger.example", True),
        ("https://ledger.example/base/", True),
        ("http://127.0.0.1:8731", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:8731", True),
        ("http://localhost:8731", True),
        ("http://ledger.example", False),
        ("http://127.0.0.1.example", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("ftp://ledger.example", False),
        ("ledger.example:8731", False),
        ("https://", False),
        ("https://key:secret@ledger.example", False),
        ("https://ledger.example/?key=secret", False),
    ],
)
def test_plain_http_is_for_this_machine_only(url: str, allowed: bool) -> None:
    if allowed:
        Client(url).close()
        return
    with pytest.raises(ValueError, match="url") as caught:
        Client(url)
    assert "secret" not in str(caught.value)
    if url.startswith("http:"):
        Client(url, insecure_http=True).close()


def test_what_goes_to_this_machine_goes_to_no_proxy(
    connect: Maker, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert connect(door.address).ready()["ok"]


@pytest.mark.parametrize(
    ("named", "what"),
    [
        ({"log_key": "nonsense"}, "log_key"),
        ({"log_key": OTHER_KEY, "log": "another.example/log"}, "log"),
        ({"key": "/nowhere/own.pem"}, "key"),
        ({"ca_file": "/nowhere/ca.pem"}, "ca_file"),
        ({"ca_file": ROOT / "README.md"}, "ca_file"),
    ],
)
def test_arguments_that_cannot_be_right_are_refused_at_once(named: Any, what: str) -> None:
    with pytest.raises(ValueError, match=f"^{what}: "):
        Client("http://127.0.0.1:9", **named)


def test_a_server_whose_certificate_nobody_vouches_for_hears_no_api_key(
    connect: Maker, tmp_path: Path
) -> None:
    with tls.serving(tmp_path) as (url, heard, ca_file):
        client = connect(url, "rmk_secret")
        with pytest.raises(BadAnswer, match="not who it should be"):
            client.ready()
        assert not heard
        assert connect(url, "rmk_secret", ca_file=ca_file).ready() == {"ok": True}
        assert b"rmk_secret" in heard[0]


# What the client is made of.


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)
    assert len(public(Client)) > 10


def test_importing_the_client_loads_no_server_and_no_database() -> None:
    heavy = ["fastapi", "starlette", "sqlalchemy", "alembic", "PIL", "pydantic", "uvicorn"]
    program = f"import sys, api.client; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
