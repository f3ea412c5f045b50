"""Whatever is asked for, and whatever breaks, the answer is a page."""

from __future__ import annotations

import re
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.pages import shop
from tests.pages.conftest import LANGUAGES, Site, read

ODD = [
    "/L/%00/%00/%00", "/L/HB01/CERT/%00", "/L/%F0%9F%A7%B1/x/y", "/L/%ff%fe/a/b",
    "/L/%2e%2e/%2e%2e/etc",
    "/L/HB01%2FCERT/x", "/L/" + "A" * 6000, "/L/" + "a/" * 1000, "/L/HB01/CERT/%E2%80%AE0123456789",
    "/L/HB01@01234567/CERT/0123456789", "/L/%EF%BC%A8B01/CERT/0123456789", "/L//CERT/0123456789",
    "/L/HB01/CERT/0123456789%20OR%201=1", "/L/<script>alert(1)</script>/x/y", "/L/{{7*7}}/x/y",
    "/C/%00", "/C/" + "9" * 6000, "/C/%E2%80%AE", "/C/ſſſſſſſſſſſſ", "/C/'%22><img src=x onload=1>",
    "/C/%", "/C/%zz", "/?q=%00", "/?q=%ff", "/?q=" + "%F0%9F%A7%B1" * 900, "/?q=<script>",
    "/?lang=%00", "/?lang=zh&lang=en", "/?q=a&q=b", "/?q=//evil.example/C/ABCDEFGHJKMN",
]  # fmt: skip


@pytest.mark.parametrize("path", ODD, ids=lambda path: path[:30])
@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_the_address_the_answer_is_a_page(site: Site, path: str, language: str) -> None:
    answer = site.get(path, language)
    assert answer.status_code in (200, 303, 400, 404)
    assert answer.headers.get("location", "/").startswith("/")
    if answer.status_code != 303:
        page = read(answer)
        assert len(answer.content) < 4000
        tags = {tag for tag, _ in page.tags}
        assert not tags & {"script", "img"}
        assert "49" not in page.text or "{{7*7}}" not in path
        assert not re.search("[\x00\u202e]", answer.text)


@pytest.mark.parametrize("header", ["\xff\xfe", "zh;q=" + "9" * 5000, ";" * 5000, "a" * 5000, ""])
def test_whatever_languages_a_browser_names_the_answer_is_a_page(site: Site, header: str) -> None:
    headers = {b"Accept-Language": header.encode("latin-1")}
    answer = site.client.get("/", headers=headers)
    assert answer.status_code == 200


def test_bytes_that_are_no_address_get_no_server_error(site: Site) -> None:
    port = site.client.base_url.port
    assert port is not None
    for target in (b"/L/\xff\xfe/x/y", b"/C/\xe4\xb8\xad", b"/L/%C0%80/x/y"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            status = connection.recv(100).split(b" ")[1]
        assert status in (b"400", b"404")


def test_when_the_log_cannot_be_read_the_page_says_that_this_proves_nothing(
    site: Site, tmp_path: Path
) -> None:
    data = tmp_path / "broken"
    shutil.copytree(site.data, data)
    with shop.serve(data) as client:
        with sqlite3.connect(data / "ledger.sqlite") as database:
            for table in ("head", "objects", "certificates"):
                database.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        database.close()
        for path in ("/", site.week.labels["HB01/CERT"], site.certificate("CERT")):
            answer = client.get(path, headers={"Accept-Language": "en"})
            assert answer.status_code == 503
            assert "retry-after" in answer.headers
            assert read(answer).has("NOT CHECKED", "This says nothing about the label")
