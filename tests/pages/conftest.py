"""One recorded week and one server process for all tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.pages import html_text, shop

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
