"""The description of the interface is complete, true, and readable without a network."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
import pytest
from playwright.sync_api import sync_playwright

from api.openapi import examples as documented
from api.openapi.document import PROBLEM
from tests import documents
from tests.http import examples
from tests.http.conftest import Road
from tests.http.door import Door, open_door
from tests.pages.test_browser import NAMES, QUIET

METHODS = {"get", "post", "put", "delete", "patch"}


@pytest.fixture(scope="module")
def described(door: Door) -> dict[str, Any]:
    answer = door.get("/openapi.json")
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json()
    return shown


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield f"{method.upper()} {path}", operation


def validator(described: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A validator of a schema of the document; every object as closed as the document says."""
    whole = {**copy.deepcopy(schema), "components": described["components"]}
    return jsonschema_rs.validator_for(whole)


def test_every_operation_says_all_that_can_come_of_it(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(described)]
    assert len(set(names)) == len(names) > 25
    for name, operation in operations(described):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["security"] in ([], [{"ApiKey": []}], [{"ApiKey": []}, {}]), name
        answers = operation["responses"]
        assert {"422", "429", "503"} <= answers.keys(), name
        assert ({"401", "403"} <= answers.keys()) == bool(operation["security"]), name
        for status, answer in answers.items():
            assert answer["description"]
            if int(status) >= 400:
                assert list(answer["content"]) == [PROBLEM], (name, status)
        good = [answers[status] for status in answers if int(status) < 300]
        assert good, name
        for answer in good:
            for media, content in answer["content"].items():
                assert content.get("schema"), (name, media)
        assert "Retry-After" in answers["429"]["headers"]


def test_every_schema_of_the_document_is_used_and_known(described: dict[str, Any]) -> None:
    text = str(described)
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named == described["components"]["schemas"].keys()
    for name in named:
        validator(described, {"$ref": f"#/components/schemas/{name}"})


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], Any]]:
    """Each step of the documented story with the answer that a new server gives to it."""
    with open_door(tmp_path_factory.mktemp("story") / "data", documented.ORIGIN) as door:
        return [(step, examples.send(door, step)) for step in documented.story()]


def without_keys(value: Any) -> Any:
    """The same with every key's thumbprint replaced: each server makes its own keys."""
    return orjson.loads(re.sub(rb"key:[\w-]{43}", b"key:KID", orjson.dumps(value)))


def test_every_example_runs_and_is_answered_in_the_shape_shown(
    told: list[tuple[dict[str, Any], Any]],
) -> None:
    assert len(told) == len(examples.STORY)
    for step, response in told:
        assert response.status_code == step["status"], (step["name"], response.text)
        if isinstance(step.get("answer"), str):
            assert response.text.startswith(documented.ORIGIN)
        elif "answer" in step:
            shown, got = (without_keys(answer) for answer in (step["answer"], response.json()))
            differences = list(documents.other_shape(shown, got, "answer"))
            assert not differences, (step["name"], differences)
            code = step["answer"].get("code")
            assert code == response.json().get("code")


def test_every_example_and_its_answer_are_of_their_schemas(
    described: dict[str, Any], told: list[tuple[dict[str, Any], Any]]
) -> None:
    by_name = dict(operations(described))
    for step, response in told:
        operation = by_name[step["operation"]]
        answer = operation["responses"][str(step["status"])]
        media = response.headers["content-type"]
        described_as = {kind.partition(";")[0]: c for kind, c in answer["content"].items()}
        content = described_as[media.partition(";")[0]]
        if "json" in media:
            validator(described, content["schema"]).validate(response.json())
        parameters = {p["name"]: p for p in operation["parameters"]}
        for name, value in step["parameters"].items():
            validator(described, parameters[name]["schema"]).validate(value)
        if "body" in step and step["status"] == 201:
            for content in operation["requestBody"]["content"].values():
                validator(described, content["schema"]).validate(step["body"])


def test_what_the_server_refuses_the_schema_of_events_refuses_too(
    described: dict[str, Any],
) -> None:
    body = described["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]
    checks = validator(described, body["schema"])
    good = next(step["body"] for step in documented.story() if step["name"] == "cans are received")
    assert checks.is_valid(good)
    for change in (
        {"kind": "lot_eaten"}, {"id": "1"}, {"party": "yard"}, {"occurred_at": "2026-01-05"},
        {"colour": "red"}, {"site": "Y"}, {"evidence": [{"type": "rumour", "sha256": "0" * 64}]},
        {"private": {"Name": "x"}}, {"body": {**good["body"], "gross": "7.1 tonnes"}},
        {"body": {**good["body"], "gross": 1.5}}, {"body": {**good["body"], "assay": {"Xx": 1}}},
    ):  # fmt: skip
        assert not checks.is_valid({**good, **change}), change


def test_every_operation_has_an_example(described: dict[str, Any]) -> None:
    shown = {step["operation"] for step in documented.story()}
    for name, operation in operations(described):
        files = not any(
            media.endswith("json") or media == "text/plain"
            for status, answer in operation["responses"].items()
            for media in answer.get("content", ())
            if int(status) < 300
        )
        assert name in shown or files or re.search("label|gtin|metrics", name), name


def test_answers_on_the_road_are_of_their_schemas(
    described: dict[str, Any], door: Door, road: Road
) -> None:
    paths = {
        "/v1/lots": "/v1/lots", "/v1/entries": "/v1/entries", "/v1/sites": "/v1/sites",
        "/v1/certificates": "/v1/certificates", "/v1/parties": "/v1/parties",
    }  # fmt: skip
    for lot in ("HF01/INGOT", "HF01/SCRAP", "HF01/HEEL-F1", "CZ01/COIL", "HF01/DROSS"):
        paths[f"/v1/lots/{lot}"] = "/v1/lots/{site}/{name}"
    for path, name in paths.items():
        answer = door.get(path, "AUDITOR")
        content = described["paths"][name]["get"]["responses"]["200"]["content"]
        validator(described, content["application/json"]["schema"]).validate(answer.json())


# Pages for people, served from here.


def test_the_pages_need_nothing_from_elsewhere_and_no_script_in_the_page(door: Door) -> None:
    page = door.get("/docs")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*\ssrc=)", page.text)
    assert not re.search(r"\son\w+=|style=|https?://", page.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        answer = door.get(address)
        assert answer.status_code == 200, address
        again = door.client().get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    assert door.get("/docs/nothing.js").status_code == 404
    assert door.get("/docs/..%2f..%2fapp.py").status_code == 404


@pytest.mark.browser
def test_a_browser_draws_every_operation_without_complaint(door: Door) -> None:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser on this machine: looked for {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{door.address}/docs")
        page.wait_for_selector("#operations-events-record")
        page.click("#operations-events-record")
        page.wait_for_selector("#operations-events-record .opblock-body")
        count = page.locator(".opblock").count()
        browser.close()
    described = door.get("/openapi.json").json()
    assert count == len(list(operations(described)))
    assert [text for text in said if "Content Security Policy" in text or "rror" in text] == []
    assert all(url.startswith((door.address, "data:", "blob:")) for url in asked)
