"""Lost answers, dead servers, busy proxies: what was recorded is recorded once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.client import Client, NoAnswer, Refusal, Retry
from tests.client.conftest import Awaited, Maker
from tests.client.road import LOSE, Road, Server, busy, road_to, serving
from tests.client.test_recording import party, receipt
from tests.http.door import Door, received

QUICK = Retry(attempts=6, timeout_s=20, total_s=60)


@pytest.mark.parametrize(("name", "site"), [("YARD", "YD01"), ("SMELTER", "SM01")])
@pytest.mark.parametrize("times", [1, 3])
def test_an_answer_that_was_lost_is_given_again(
    connect: Maker, door: Door, road: Road, name: str, site: str, times: int
) -> None:
    client, size = party(connect, door, name, road.url, retry=QUICK), door.size()
    road.faults.extend([LOSE] * times)
    event = receipt(client, door, site)  # with private fields: signed twice, it were another event
    done = client.record(event)
    assert road.answers_lost == times
    assert (done.n, door.size()) == (size, size + 1)


def test_an_answer_that_breaks_off_in_the_middle_is_asked_for_again(
    connect: Maker, door: Door, road: Road
) -> None:
    client, size = party(connect, door, "YARD", road.url, retry=QUICK), door.size()
    road.faults.append(b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{")
    assert client.record(receipt(client, door, "YD01")).n == size
    assert door.size() == size + 1


def test_a_server_that_is_silent_is_asked_again_when_the_time_is_up(
    connect: Maker, door: Door, road: Road
) -> None:
    quick = Retry(timeout_s=0.7, total_s=30)
    client, size = party(connect, door, "YARD", road.url, retry=quick), door.size()
    road.faults.append(lambda: road.stall.wait(3) and None)
    assert client.record(receipt(client, door, "YD01")).n == size
    assert door.size() == size + 1


def test_an_answer_that_drips_is_not_waited_for_for_ever(
    connect: Maker, door: Door, road: Road
) -> None:
    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        while True:
            time.sleep(0.1)
            yield b"x"

    road.faults.append(drip())
    client = party(connect, door, "YARD", road.url, retry=Retry(timeout_s=0.6, total_s=20))
    began = time.monotonic()
    assert client.ready()["ok"]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_who_is_asked_to_wait_waits_as_long_as_asked(
    connect: Maker, door: Door, road: Road, status: str
) -> None:
    client = party(connect, door, "YARD", road.url, retry=QUICK)
    road.faults.append(busy(status, Retry_After="1"))
    began = time.monotonic()
    assert client.record(receipt(client, door, "YD01")).n
    assert time.monotonic() - began >= 1


def test_who_is_asked_to_wait_too_long_gives_up_at_once(
    connect: Maker, door: Door, road: Road
) -> None:
    client = party(connect, door, "YARD", road.url, retry=Retry(total_s=5))
    road.faults.append(busy("503 Service Unavailable", Retry_After="3600"))
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="ids make that safe"):
        client.record(receipt(client, door, "YD01"))
    assert time.monotonic() - began < 3


def test_a_refusal_is_final(connect: Maker, door: Door, road: Road) -> None:
    client = party(connect, door, "YARD", road.url, retry=QUICK)
    road.faults.extend([busy("400 Bad Request"), LOSE])
    with pytest.raises(Refusal, match="HTTP_400"):
        client.record(receipt(client, door, "YD01"))
    assert road.answers_lost == 1, "it was not sent again"


def test_nobody_there_is_no_answer_after_so_many_attempts(connect: Maker, door: Door) -> None:
    client = party(connect, door, "YARD", "http://127.0.0.1:9", retry=Retry(attempts=3))
    with pytest.raises(NoAnswer, match="after 3 attempts: ConnectError"):
        client.record(receipt(client, door, "YD01"))


def test_a_stream_goes_on_over_lost_answers_and_doubles_nothing(
    connect: Maker, door: Door, road: Road
) -> None:
    client, size = party(connect, door, "SMELTER", road.url, retry=QUICK), door.size()
    road.faults.extend([LOSE, busy("502 Bad Gateway"), LOSE])
    events = [
        client.event("lot_received", received(f"SM01/{door.name('F')}"), site="SM01")
        for _ in range(1_200)
    ]
    found = [row.n for row in client.record_many(events)]
    assert road.answers_lost == 3
    assert found == list(range(size, size + 1_200))


def test_who_asks_too_often_is_slowed_down_and_served(connect: Maker, tmp_path: Path) -> None:
    with serving(tmp_path, REMELT_RATE_READS="5") as running:
        door = running.parties()
        client = party(connect, door, "YARD", retry=QUICK)
        began = time.monotonic()
        found = [list(client.sites()) for _ in range(58)]  # fifty at once, then five a second
        assert all(found)
        assert time.monotonic() - began >= 1
        for client_of_door in door.clients.values():
            client_of_door.close()


# A server that dies.


@pytest.fixture
def mortal(tmp_path: Path, database: Any) -> Iterator[Server]:
    with serving(tmp_path, database.new(tmp_path)) as running:
        yield running


@pytest.mark.slow
def test_a_server_killed_before_its_answers_arrive_records_everything_once(mortal: Server) -> None:
    """Killed each time when it has committed and the answer is lost, or while it commits."""
    connect = Maker(Awaited if mortal.ledger.engine.name == "sqlite" else Client)
    door = mortal.parties()
    with road_to(mortal) as road:
        patient = Retry(attempts=30, timeout_s=30, total_s=120)
        client = party(connect, door, "SMELTER", road.url, retry=patient)
        for client_of_door in door.clients.values():
            client_of_door.close()
        road.faults.append(mortal.restart)
        size = mortal.size()
        first = receipt(client, door, "SM01")
        assert client.record(first).n == size
        events = [
            client.event(
                "lot_received", received(f"SM01/{door.name('K')}"), site="SM01",
                private={"note": f"load {i}"},
            )
            for i in range(1_300)
        ]  # fmt: skip
        road.faults.extend([LOSE, mortal.restart])
        mortal.kill_in(0.3)
        found = list(client.record_many(events))
        client.close()
    assert [row.n for row in found] == list(range(size + 1, size + 1_301))
    assert mortal.size() == size + 1_301
