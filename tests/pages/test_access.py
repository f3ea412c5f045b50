"""Who may do what: every address is in the table of docs/people.md, and does what it says there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from ledger import apikeys, sessions, settings
from ledger.apikeys import SCOPES
from ledger.service import Ledger
from tests import documents
from tests.pages import shop
from tests.pages.conftest import Site

PAGE = "docs/people.md"
# What stands in the place of a parameter of an address, so that it leads somewhere.
SAMPLES = {
    "site": "HB01", "name": "CERT", "n": "0", "kind": "png", "party": "HUAIBEI-AL",
    "path:path": "x", "gtin": "04012345678901", "list": "metals",
    "level": "0", "index:path": "000.p/5",
}  # fmt: skip
# Without a body that can be read, the question who sends it does not come up.
BODIES: dict[str, Any] = {
    "POST /v1/labels": {"labels": [{"lot": "HB01/CERT"}]},
    "PUT /v1/gtins/{gtin}": {"site": "HB01"},
}


def served(site: Site) -> list[str]:
    """`GET /v1/lots/{site}/{name}` for every address of the app; HEAD goes with GET."""
    ledger = Ledger.open(settings.load(str(site.data)))
    app = create_app(ledger)
    ledger.engine.dispose()
    return sorted(
        {
            f"{method} {route.path}"
            for route in _routes(app.routes)
            for method in route.methods or ()
            if method != "HEAD"
        }
    )


def _routes(found: Iterable[Any]) -> Iterator[APIRoute]:
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        elif router := getattr(route, "original_router", None):
            yield from _routes(router.routes)


def table() -> dict[str, str]:
    found = {}
    for addresses, needs in documents.rows(PAGE, "Who may do what"):
        for address in re.findall("`([^`]+)`", addresses):
            assert address not in found, address
            found[address] = needs
    return found


def test_every_address_is_in_the_table_and_nothing_else(site: Site) -> None:
    assert sorted(table()) == served(site), f"a new address needs a row in {PAGE}, Who may do what"


@pytest.fixture(scope="module")
def callers(site: Site) -> Iterator[dict[str, list[httpx.Client]]]:
    """For each scope alone a program with a key and a browser with a session; and nobody."""
    ledger, base = site.week.ledger, str(site.client.base_url)
    made: dict[str, list[httpx.Client]] = {"nobody": [httpx.Client(base_url=base)]}
    for scope in SCOPES:
        text = apikeys.create(ledger, shop.HUAIBEI, [scope], "")
        owner = sessions.key_owner(ledger, text)
        assert owner is not None
        token = sessions.open_session(ledger, owner)
        browser = httpx.Client(base_url=base, cookies={"remelt": token})
        browser.headers["X-CSRF-Token"] = sessions.csrf(token)
        key = {"Authorization": f"Bearer {text}"}
        made[scope] = [httpx.Client(base_url=base, headers=key), browser]
    put = made["record"][0].put("/v1/gtins/04012345678901", json=BODIES["PUT /v1/gtins/{gtin}"])
    assert put.status_code in (200, 201), put.text
    yield made
    for clients in made.values():
        for client in clients:
            client.close()


def let_in(client: httpx.Client, site: Site, address: str) -> bool:
    method, path = address.split(" ")
    samples = SAMPLES | {"serial": site.week.serials["CERT"]}
    path = re.sub(r"{([^}]+)}", lambda found: samples[found[1]], path)
    answer = client.request(method, path, json=BODIES.get(address))
    assert answer.status_code < 500, (address, answer.text[:300])
    refused = answer.status_code in (401, 403) and answer.json().get("code")
    return refused not in ("AUTH_REQUIRED", "SCOPE_REQUIRED")


def test_each_scope_does_what_the_table_says_and_no_more(
    site: Site, callers: dict[str, list[httpx.Client]]
) -> None:
    differences = []
    for address, needs in table().items():
        of_people = address.split(" ")[1].startswith(("/my", "/logout"))
        for who, clients in callers.items():
            # Pages of people know sessions only.
            asked = clients[-1:] if of_people else clients
            able = {let_in(client, site, address) for client in asked}
            scopes = re.findall("`([a-z]+)`", needs)
            named = who in scopes if scopes else who != "nobody"
            allowed = needs.startswith("nothing") or named
            if able != {allowed}:
                differences.append((address, who, able, needs))
    assert differences == []
