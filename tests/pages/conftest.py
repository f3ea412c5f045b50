"""One recorded week and one server process for all tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ledger import people
from tests.pages import html_text, shop
from tests.pages.people import PASSWORD, Person

LANGUAGES = ("en", "zh")


def read(answer: httpx.Response) -> html_text.Page:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html_text.read(answer.text)


@dataclass(frozen=True)
class Site:
    """The recorded week and a client of the server that shows it."""

    data: Path
    week: shop.Shop
    client: httpx.Client

    def get(self, path: str, language: str = "en") -> httpx.Response:
        return self.client.get(path, headers={"Accept-Language": language})

    def certificate(self, name: str) -> str:
        return f"/C/{self.week.serials[name]}"

    def every_page(self) -> list[str]:
        serials = [f"/C/{serial}" for serial in self.week.serials.values()]
        wrong = ["/L/HB01/CERT/0000000000", "/C/ABCDEFGHJKMN", "/?q=hello"]
        return ["/", *self.week.labels.values(), *serials, *wrong]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("shop")
    week = shop.open_shop(data)
    week.ledger.engine.dispose()
    with shop.serve(data) as client:
        yield Site(data, week, client)
    week.ledger.engine.dispose()


# name -> party and scopes of those who log in
PEOPLE = {
    "boss": (shop.HUAIBEI, ["read", "record"]),
    "buyer": (shop.CHUZHOU, ["read"]),
    "auditor": (shop.OPERATOR, ["audit"]),
    "scale": (shop.HUAIBEI, ["record"]),
}


@pytest.fixture(scope="session")
def persons(site: Site) -> Iterator[dict[str, Person]]:
    """Everybody of PEOPLE, logged in."""
    found: dict[str, Person] = {}
    for number, (name, (party, scopes)) in enumerate(PEOPLE.items()):
        people.add(site.week.ledger, name, party, scopes, PASSWORD)
        base = str(site.client.base_url).rstrip("/")
        found[name] = Person(base, f"203.0.113.{number}")
        assert found[name].log_in(name).status_code == 303
    yield found
    for person in found.values():
        person.client.close()
