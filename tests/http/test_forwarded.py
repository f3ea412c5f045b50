"""Whoever is not named as a proxy cannot say from where somebody comes."""

from __future__ import annotations

import re

import httpx

from tests.http.door import Door


def _attempt(client: httpx.Client, address: str) -> int:
    page = client.get("/login").text
    csrf = re.findall('name="csrf" value="([0-9a-f]+)"', page)[0]
    sent = {"csrf": csrf, "key": "rmk_00000000_" + "a" * 32}
    return client.post("/login", data=sent, headers={"X-Forwarded-For": address}).status_code


def test_an_attempt_counts_for_the_connection_whatever_a_header_says(door: Door) -> None:
    with door.new_client({"Accept": "text/html"}) as client:
        statuses = [_attempt(client, f"192.0.2.{number}") for number in range(25)]
    assert statuses[:20] == [401] * 20
    assert 429 in statuses
