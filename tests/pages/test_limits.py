"""How often whom, over a server with low limits; and the headers of every answer."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api import limits
from ledger import apikeys, people, settings
from ledger.errors import RuleError
from ledger.service import Ledger
from tests.http.door import refused
from tests.pages import shop
from tests.pages.conftest import LANGUAGES, Site, read
from tests.pages.people import PASSWORD, Person

LOT = "/v1/lots/HB01/CERT"
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass
class Slow:
    """A second server over a copy of the week: 3 reads, 20 events, 2 visits a second."""

    client: httpx.Client
    keys: list[str]

    def get(self, path: str, key: int | None = None, address: str = "") -> httpx.Response:
        headers = {"X-Forwarded-For": address} if address else {}
        if key is not None:
            headers["Authorization"] = f"Bearer {self.keys[key]}"
        return self.client.get(path, headers=headers)


@pytest.fixture(scope="module")
def slow(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    data = Path(shutil.copytree(site.data, tmp_path_factory.mktemp("slow") / "data"))
    ledger = Ledger.open(settings.load(str(data)))
    keys = [apikeys.create(ledger, shop.HUAIBEI, ["read", "record"], "") for _ in range(4)]
    people.add(ledger, "slow", shop.HUAIBEI, ["read"], PASSWORD)
    ledger.engine.dispose()
    with pytest.MonkeyPatch.context() as patch:
        for name, rate in (("READS", 3), ("EVENTS", 20), ("VISITS", 2)):
            patch.setenv(f"REMELT_RATE_{name}", str(rate))
        with shop.serve(data) as client:
            yield Slow(client, keys)


def until_refused(ask: object, most: int) -> tuple[int, httpx.Response]:
    """How many answers came before the first 429."""
    assert callable(ask)
    for number in range(most):
        answer: httpx.Response = ask()
        if answer.status_code == 429:
            return number, answer
    raise AssertionError(f"{most} answers and no end")


def test_a_key_reads_so_often_and_another_is_not_held_up(slow: Slow) -> None:
    taken, answer = until_refused(lambda: slow.get(LOT, 0), 200)
    assert taken >= 30, "ten seconds' worth may come at once"
    problem = refused(answer, "RATE_LIMITED")
    assert answer.headers["retry-after"] == str(problem["value"])
    assert slow.get(LOT, 1).status_code == 200
    time.sleep(int(answer.headers["retry-after"]))
    assert slow.get(LOT, 0).status_code == 200


def test_events_are_counted_and_not_requests(slow: Slow) -> None:
    json = {"Authorization": f"Bearer {slow.keys[2]}", "Content-Type": "application/x-ndjson"}

    def batch() -> httpx.Response:
        return slow.client.post("/v1/events/batch", content=b"{}\n" * 150, headers=json)

    taken, answer = until_refused(batch, 20)
    assert taken == 2, "what is more than is left passes once, and is paid off afterwards"
    assert int(answer.headers["retry-after"]) >= 4
    assert slow.get(LOT, 2).status_code == 200, "reads are counted apart"


def test_an_address_without_a_key_asks_so_often_and_gets_a_page(slow: Slow) -> None:
    here, there = "192.0.2.1", "192.0.2.2"
    taken, answer = until_refused(lambda: slow.get("/", address=here), 200)
    assert taken >= 20
    refused(answer, "RATE_LIMITED")
    for language, said in zip(LANGUAGES, ("TOO MANY REQUESTS", "请求过于频繁"), strict=True):
        headers = {"X-Forwarded-For": here, "Accept": "text/html", "Accept-Language": language}
        page = slow.client.get("/", headers=headers)
        assert (page.status_code, page.headers["retry-after"]) == (429, "1")
        assert read(page).has(said)
    assert slow.get("/", address=there).status_code == 200
    for path in ("/healthz", "/readyz"):
        assert slow.get(path, address=here).status_code == 200
    headers = {"X-Forwarded-For": here, "Authorization": f"Bearer {slow.keys[3]}"}
    assert slow.get(LOT, 3, address=there).status_code == 200
    assert slow.client.get(LOT, headers=headers).status_code == 200, "a known key gets through"
    headers["Authorization"] += "x"
    assert slow.client.get(LOT, headers=headers).status_code == 429, "a guessed one does not"


def test_fingerprints_cannot_be_guessed_fast(slow: Slow) -> None:
    wrong = "/L/HB01/CERT/0000000000"
    taken, _ = until_refused(lambda: slow.get(wrong, address="192.0.2.3"), 200)
    assert taken <= 10, "a miss costs as much as five visits"


def test_a_session_is_counted_by_itself(slow: Slow) -> None:
    base = str(slow.client.base_url).rstrip("/")
    person, other = Person(base, "192.0.2.4"), Person(base, "192.0.2.5")
    for one in (person, other):
        assert one.log_in("slow").status_code == 303
    taken, answer = until_refused(lambda: person.get("/my"), 200)
    assert taken >= 25
    assert read(answer).has("TOO MANY REQUESTS")
    assert other.get("/my").status_code == 429, "it is the person that is counted"
    for one in (person, other):
        one.client.close()


# Headers.


def test_every_answer_carries_the_headers_that_browsers_obey(site: Site, slow: Slow) -> None:
    paths = ["/", "/nowhere", "/healthz", "/v1/lots/HB01/CERT", "/v1/log/checkpoint", "/login",
             "/my", "/L/HB01/CERT/0000000000", site.certificate("CERT"), "/openapi.json",
             "/static/none.css", "/v1/events"]  # fmt: skip
    for path in paths:
        for accept in ("*/*", "text/html"):
            answer = site.client.get(path, headers={"Accept": accept})
            for name, value in HEADERS.items():
                assert answer.headers.get_list(name) == [value], (path, name)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe-inline" not in policy
            assert "unsafe-eval" not in policy
            assert answer.headers["cache-control"]
            assert "strict-transport-security" not in answer.headers, "that is for the proxy"
    limited = until_refused(lambda: slow.get("/nowhere", address="192.0.2.6"), 99)[1]
    assert limited.headers["x-content-type-options"] == "nosniff"


def test_what_is_personal_is_kept_by_no_cache(site: Site, slow: Slow) -> None:
    assert slow.get(LOT, 1).headers["cache-control"] in ("no-store", "private, no-cache")
    assert site.client.get("/login").headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere", "/static/x", "/my/x", "/v1/events"])
def test_an_address_that_is_no_page_answers_a_browser_with_a_page(site: Site, path: str) -> None:
    for language, said in zip(LANGUAGES, ("NO SUCH PAGE", "没有这个页面"), strict=True):
        headers = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": language}
        answer = site.client.get(path, headers=headers)
        assert answer.status_code in (404, 405)
        assert read(answer).has(said)
    answer = site.client.get(path)
    assert answer.headers["content-type"] == "application/problem+json"


# The count itself.


def test_a_limit_forgets_whom_it_saw_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLERS_MAX", 3)
    limit = limits.Limit(0.001, 1)
    assert [limit.take(name) for name in "abc"] == [0, 0, 0]
    assert limit.take("a") > 0
    assert limit.take("d") == 0
    assert limit.take("b") == 0, "forgotten, since a was seen after it"
    assert limit.take("a") > 0


def test_a_limit_gives_in_the_long_run_what_it_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("api.limits.time.monotonic", lambda: now)
    limit, taken = limits.Limit(5, 10), 0
    for _ in range(100 * 100):
        now += 0.01
        taken += limit.take("a") == 0
    assert 5 * 100 <= taken <= 5 * 100 + 10 + 1
    assert math.isclose(limits.Limit(0, 0).take("a", 10**9), 0)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "0000:0000:0000:0000"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"), ("2001:db8:1:2::", "2001:0db8:0001:0002"),
        ("unix", "unix"), ("", ""),
    ],
)  # fmt: skip
def test_an_ipv6_network_counts_as_one_address(address: str, counted: str) -> None:
    assert limits.network(address) == counted


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "1" * 10, "٣"])
def test_a_rate_that_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMELT_RATE_READS", text)
    with pytest.raises(RuleError, match="REMELT_RATE_READS"):
        settings.load()


def test_a_dossier_costs_a_stranger_what_it_costs_the_server(slow: Slow) -> None:
    path = f"/v1/certificates/{'0' * 12}/dossier"
    taken, answer = until_refused(lambda: slow.get(path, address="203.0.113.77"), 20)
    assert taken == 1, "20 visits each, of 20 that may come at once"
    refused(answer, "RATE_LIMITED")


def test_a_dossier_costs_a_known_key_as_many_reads(slow: Slow) -> None:
    slow.get(LOT, 3)
    path = f"/v1/certificates/{'0' * 12}/dossier"
    taken, answer = until_refused(lambda: slow.get(path, 3, "203.0.113.78"), 20)
    assert 1 <= taken <= 2, "of 30 reads that may come at once"
    refused(answer, "RATE_LIMITED")
