"""Word lists and error codes in two languages; answers that a client may keep; HEAD."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api import refusals, vocabulary
from ledger import errors
from ledger.book import events, shapes
from ledger.book import vocabulary as book
from tests import documents
from tests.http.conftest import Road
from tests.http.door import Door, received, refused

CHINESE = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
# Acronyms and names of standards that nobody translates still say what they are.
SHORT = re.compile(r"[A-Za-z0-9]{1,3}")


def test_every_word_list_of_the_book_is_served() -> None:
    served = {found.words for found in vocabulary.LISTS.values()}
    known = {frozenset(words) for words in served}
    for name, value in vars(book).items():
        if isinstance(value, frozenset | tuple) and name not in PARTS:
            assert frozenset(value) in known, name
    assert frozenset(shapes.SHAPES) in known
    assert not set(vocabulary.LISTS["kinds"].words) & events.RESERVED_KINDS


# Parts of other lists.
PARTS = {"INHERITING", "MECHANICAL", "FURNACE", "OTHER_STEPS", "DOCUMENT_TYPES"}


@pytest.mark.parametrize("name", vocabulary.LISTS)
def test_every_word_is_called_something_in_both_languages(door: Door, name: str) -> None:
    shown = door.get(f"/v1/vocabulary/{name}").json()
    assert shown["list"] == name
    assert len(shown["words"]) == len({word["code"] for word in shown["words"]})
    for word in [shown, *shown["words"]]:
        assert word["en"]
        assert not CHINESE.search(word["en"])
        assert CHINESE.search(word["zh"]), word
    assert [w["code"] for w in shown["words"]] == list(vocabulary.LISTS[name].words)


def test_the_lists_are_listed(door: Door) -> None:
    shown = door.get("/v1/vocabulary").json()["lists"]
    assert [one["list"] for one in shown] == list(vocabulary.LISTS)
    for one in shown:
        assert len(door.get(one["href"]).json()["words"]) == one["count"]
    refused(door.get("/v1/vocabulary/colours"), "NOT_FOUND", "list")


def test_steps_say_what_they_are_and_origins_what_proves_them(door: Door) -> None:
    steps = {w["code"]: w["kind"] for w in door.get("/v1/vocabulary/steps").json()["words"]}
    assert (steps["MELT"], steps["SPLIT"], steps["SHRED"]) == (
        "furnace",
        "inheriting",
        "mechanical",
    )
    origins = {w["code"]: w for w in door.get("/v1/vocabulary/origins").json()["words"]}
    assert "waste_note" in origins["POST"]["evidence"]
    assert not origins["UNK"]["claimable"]


@pytest.mark.parametrize("path", ["/v1/vocabulary", "/v1/vocabulary/metals", "/v1/errors"])
def test_the_language_is_the_one_asked_for(door: Door, path: str) -> None:
    asked = {"": {"en", "zh"}, "*": {"en", "zh"}, "zh-CN,zh;q=0.9,en;q=0.5": {"zh"},
             "en-GB": {"en"}, "fr": {"en"}}  # fmt: skip
    for accepted, want in asked.items():
        answer = door.client().get(path, headers={"Accept-Language": accepted})
        shown = answer.json()
        one: dict[str, Any] = (shown.get("words") or next(iter(shown.values())))[0]
        said = one.get("meaning", one)
        assert {"en", "zh"} & said.keys() == want, accepted
        assert "Accept-Language" in answer.headers["vary"]


# Errors.


def test_every_code_is_explained_in_both_languages_and_none_else(door: Door) -> None:
    assert list(refusals.WORDS) == list(errors.CODES)
    shown = door.get("/v1/errors").json()["errors"]
    assert [one["code"] for one in shown] == list(errors.CODES)
    faults = set(vocabulary.FAULTS)
    for one in shown:
        assert one["status"] == errors.CODES[one["code"]].status
        assert one["fault"] in faults
        assert one["meaning"]["en"] == errors.CODES[one["code"]].meaning
        assert CHINESE.search(one["meaning"]["zh"])
        assert CHINESE.search(one["fix"]["zh"])
        assert len(one["fix"]["en"].split()) in range(2, 26), one
        assert len(one["fix"]["zh"]) <= 80, one


def test_the_page_about_errors_says_the_same() -> None:
    for heading in ("Events", "HTTP and the command line", "Proofs, files and stores"):
        for code, _, _, fix in documents.rows("docs/errors.md", heading):
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", fix).replace("`", "")
            assert refusals.WORDS[code.strip("`")]["fix"] == plain


def test_a_problem_speaks_the_callers_language(door: Door) -> None:
    for accepted, title in (("", "no such lot in this log, run or consignment"),
                            ("zh-CN", "账本、工序或发运单中没有该批次")):  # fmt: skip
        answer = door.client("HEFEI").get(
            "/v1/lots/HF01/NEVER", headers={"Accept-Language": accepted}
        )
        assert refused(answer, "LOT_UNKNOWN")["title"] == title
        assert answer.headers["content-language"] == ("zh" if accepted else "en")
    answer = door.client("HEFEI").post(
        "/v1/events", content=b"[]", headers={"Content-Type": "text/plain", "Accept-Language": "zh"}
    )
    refused(answer, "MEDIA_TYPE_UNSUPPORTED")


# What a client keeps.


def test_what_has_not_changed_is_not_sent_again(door: Door, road: Road) -> None:
    lot = f"HF01/{door.name('L')}"
    door.take("HF01", "lot_received", received(lot), "waste_note")
    paths = {f"/v1/lots/{lot}": "HEFEI", f"/v1/certificates/{road.serial}": "",
             "/v1/vocabulary/metals": "", "/v1/errors": ""}  # fmt: skip
    for path, who in paths.items():
        first = door.get(path, who)
        tag = first.headers["etag"]
        for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = door.client(who).get(path, headers={"If-None-Match": given})
            assert (again.status_code, again.content) == (304, b""), (path, given)
            assert again.headers["etag"] == tag
        for given in ('"other"', tag.strip('"'), ""):
            again = door.client(who).get(path, headers={"If-None-Match": given})
            assert (again.status_code, again.content) == (200, first.content)
    tag = door.get(f"/v1/lots/{lot}", "HEFEI").headers["etag"]
    door.ok(door.certify([lot]))
    again = door.client("HEFEI").get(f"/v1/lots/{lot}", headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert again.headers["etag"] != tag


def test_a_tag_opens_nothing(door: Door, road: Road) -> None:
    tag = door.get("/v1/lots/HF01/INGOT", "HEFEI").headers["etag"]
    headers = {"If-None-Match": tag}
    refused(door.client().get("/v1/lots/HF01/INGOT", headers=headers), "AUTH_REQUIRED")
    answer = door.client("STRANGER").get("/v1/lots/HF01/INGOT", headers=headers)
    refused(answer, "PERMISSION_DENIED")


def test_head_is_get_without_the_body(door: Door, road: Road) -> None:
    paths = ("/v1/lots", "/v1/lots/HF01/INGOT", f"/v1/certificates/{road.serial}", "/v1/entries/1",
             "/v1/log/checkpoint", "/v1/vocabulary", "/healthz", "/readyz", "/openapi.json", "/",
             "/v1/lots/HF01/NEVER", "/nothing", "/v1/events")  # fmt: skip
    for path in paths:
        got, head = door.get(path, "AUDITOR"), door.client("AUDITOR").head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b""
        for name in ("content-type", "content-length", "etag", "link", "x-frame-options"):
            assert head.headers.get(name) == got.headers.get(name), (path, name)
