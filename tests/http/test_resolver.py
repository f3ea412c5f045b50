"""Where a GS1 Digital Link leads: to the lot's page, to its other links, to all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest
from sqlalchemy import update

from labels import gs1
from ledger import gtins
from ledger.store import engine as engines
from ledger.store import tables
from tests.http import scanner
from tests.http.conftest import Road
from tests.http.door import Door, refused

SCHEMAS = Path(__file__).parents[2] / "../shared/data/gs1-linkset"
LINKSET = "application/linkset+json"
GTIN, FOREIGN, DEMO = "09506000134352", "04006381333931", "09520123456788"
VOC = "https://ref.gs1.org/voc/"
# UNTP: names of links are words of lower-case letters, or addresses without a colon inside.
NAME = re.compile(r"[a-z-]+|https?://[a-zA-Z0-9./]+")


def put(door: Door, gtin: str, body: Any, who: str = "HEFEI") -> httpx.Response:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"Content-Type": "application/json"}
    return door.client(who).put(f"/v1/gtins/{gtin}", content=data, headers=headers)


@pytest.fixture(scope="module")
def registered(door: Door, road: Road) -> str:
    assert put(door, "9506000134352", {"site": "HF01"}).status_code == 201
    return GTIN


def scan(
    door: Door, path: str, accept: str = "*/*", language: str = "en", **query: str
) -> httpx.Response:
    headers = {"Accept": accept, "Accept-Language": language}
    return door.client().get(path, params=query or None, headers=headers)


def page_of(door: Door, lot: str) -> str:
    found = door.get(f"/v1/lots/{lot}", "AUDITOR").json()["fingerprint"]
    return f"/L/{lot}/{found}"


def test_a_printed_digital_link_leads_to_the_page_of_its_lot(door: Door, registered: str) -> None:
    for kind, read in (
        ("png", scanner.of_png),
        ("pdf", lambda data: scanner.of_pdf(data)[0]),
        ("zpl", lambda data: scanner.of_zpl(data.decode())),
    ):
        answer = door.get(f"/v1/lots/HF01/INGOT/label.{kind}", "HEFEI", gtin="true")
        assert answer.status_code == 200, answer.text
        (code,) = read(answer.content)
        assert code == f"HTTPS://DEMO.REMELT.EXAMPLE/01/{registered}/10/INGOT"
        assert gs1.parse(code) == gs1.DigitalLink(registered, "INGOT")
    page = scanner.follow(door.client(), code)
    assert page.status_code == 200
    assert "HF01/INGOT" in page.text
    table = door.get("/v1/lots/HF01/INGOT/label.csv", "HEFEI", gtin="true").text
    assert f"(01) {registered} (10) INGOT" in table
    assert page_of(door, "HF01/INGOT").removeprefix("/L/") in table, "the digits people can type"


def test_the_redirect_is_one_307_to_our_own_page_and_names_the_linkset(
    door: Door, registered: str
) -> None:
    page = page_of(door, "HF01/INGOT")
    for path in (f"/01/{registered}/10/INGOT", f"/01/{registered}/10/ingot",
                 f"/01/{registered}/10/INGOT/", f"/01/{registered}/10/%49NGOT",
                 f"/01/{registered}/10/INGOT/21/7"):  # fmt: skip
        answer = scan(door, path)
        assert answer.status_code == 307
        assert answer.headers["location"] == page
    assert 'rel="linkset"' in answer.headers["link"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert door.client().head(f"/01/{registered}/10/INGOT").headers["location"] == page
    options = door.client().options(f"/01/{registered}/10/INGOT")
    assert {"GET", "HEAD", "OPTIONS"} <= set(options.headers["allow"].split(", "))
    target = door.client().get(page)
    assert target.status_code == 200


def test_parameters_are_passed_on_and_lead_nowhere_else(door: Door, registered: str) -> None:
    page, path = page_of(door, "HF01/INGOT"), f"/01/{registered}/10/INGOT"
    assert scan(door, path + "?3103=001250&foo=bar").headers["location"] == (
        f"{page}?3103=001250&foo=bar"
    )
    for bad in (
        "//evil.example",
        "https://evil.example/",
        "\r\nSet-Cookie: a=b",
        "/\\evil.example",
    ):
        for name in ("next", "linkType", "context", "lang", "url"):
            answer = scan(door, path, **{name: bad})
            if answer.status_code == 307:
                assert answer.headers["location"].startswith(f"{page}?")
                assert "set-cookie" not in answer.headers
            else:
                refused(answer, "NOT_FOUND", "linkType")


@pytest.mark.parametrize("asked", ["gs1:dpp", f"{VOC}dpp", "dpp", "gs1:pip", "gs1:traceability"])
def test_a_link_that_is_asked_for_is_followed_in_the_readers_language(
    door: Door, registered: str, asked: str
) -> None:
    page, path = page_of(door, "HF01/INGOT"), f"/01/{registered}/10/INGOT"
    for language in ("en", "zh"):
        answer = scan(door, path, language=language, linkType=asked)
        assert answer.headers["location"] == f"{page}?lang={language}"
    assert scan(door, path, linkType=asked, lang="zh").headers["location"] == f"{page}?lang=zh"


def test_certificates_are_links_and_a_link_there_is_not_is_refused(
    door: Door, road: Road, registered: str
) -> None:
    path = f"/01/{registered}/10/INGOT"
    answer = scan(door, path, linkType="gs1:certificationInfo")
    assert answer.headers["location"] == f"/C/{road.serial}"
    shown = refused(scan(door, path, linkType="gs1:recipeInfo"), "NOT_FOUND", "linkType")
    assert "gs1:dpp" in shown["hint"]


def test_the_linkset_is_what_gs1_and_untp_ask_for(door: Door, road: Road, registered: str) -> None:
    path = f"/01/{registered}/10/INGOT"
    by_accept = scan(door, path, LINKSET)
    by_type = scan(door, path, linkType="linkset")
    assert by_accept.headers["content-type"] == by_type.headers["content-type"] == LINKSET
    assert "Accept" in by_accept.headers["vary"]
    assert "json-ld#context" in by_accept.headers["link"]
    assert by_accept.content == by_type.content == scan(door, path, linkType="all").content
    as_json = scan(door, path, "application/json")
    assert as_json.headers["content-type"] == "application/json"
    assert as_json.json() == by_type.json()
    (context,) = by_type.json()["linkset"]
    assert context["anchor"] == f"https://demo.remelt.example{path}"
    assert "HF01/INGOT" in context["itemDescription"]
    check_links(door, context, road.serial)


def test_our_own_labels_have_the_same_linkset(door: Door, road: Road, registered: str) -> None:
    page = page_of(door, "HF01/INGOT")
    answer = scan(door, page, LINKSET)
    assert answer.content == scan(door, page, linkType="linkset").content
    (context,) = answer.json()["linkset"]
    assert context["anchor"] == f"https://demo.remelt.example{page}"
    assert "itemDescription" not in context, "RFC 9264 does not know it"
    check_links(door, context, road.serial)
    theirs = scan(door, f"/01/{registered}/10/INGOT", LINKSET).json()["linkset"][0]
    assert {k: v for k, v in theirs.items() if k.startswith("http")} == {
        k: v for k, v in context.items() if k.startswith("http")
    }
    shown = scan(door, page, "text/html")
    assert 'rel="linkset"' in shown.headers["link"]
    assert shown.headers["vary"] == "Accept, Accept-Language"
    wrong = page[:-1] + ("0" if page[-1] != "0" else "1")
    refused(scan(door, wrong, LINKSET), "LOT_UNKNOWN")
    assert "text/html" in scan(door, page, "text/html,application/json").headers["content-type"]


def check_links(door: Door, context: dict[str, Any], serial: str) -> None:
    relations = [name for name in context if name not in ("anchor", "itemDescription")]
    assert f"{VOC}defaultLink" in relations
    assert len(context[f"{VOC}defaultLink"]) == 1
    assert all(NAME.fullmatch(name) for name in relations)
    for name in relations:
        for link in context[name]:
            assert link["title"]
            assert set(link.get("hreflang", [])) <= {"en", "zh"}
            target = door.client().get(scanner.path(link["href"]))
            assert target.status_code == 200, link
            assert target.headers["content-type"].startswith(link["type"])
    dossiers = [link["href"] for link in context[f"{VOC}certificationInfo"]]
    assert f"https://demo.remelt.example/v1/certificates/{serial}/dossier" in dossiers


def test_linksets_pass_the_published_schemas(door: Door, registered: str) -> None:
    if not SCHEMAS.exists():
        pytest.skip(f"{SCHEMAS} is not here")
    theirs, plain = (
        jsonschema_rs.validator_for(json.loads((SCHEMAS / name).read_text(encoding="utf-8")))
        for name in ("gs1-linkset-schema.json", "linkset-schema.json")
    )
    assert not theirs.is_valid(json.loads((SCHEMAS / "invalid-gs1-example.json").read_text()))
    theirs.validate(scan(door, f"/01/{registered}/10/INGOT", LINKSET).json())
    plain.validate(scan(door, page_of(door, "HF01/INGOT"), LINKSET).json())


def test_the_resolver_describes_itself(door: Door) -> None:
    answer = door.get("/.well-known/gs1resolver")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    shown = answer.json()
    assert shown["resolverRoot"] == "https://demo.remelt.example"
    assert shown["supportedPrimaryKeys"] == ["01"]


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        ("/01/09506000134353/10/INGOT", "DIGITAL_LINK_INVALID", "01"),
        ("/01/9506000134352/10/INGOT", "DIGITAL_LINK_INVALID", "01"),
        (f"/01/{GTIN}/10/{'A' * 21}", "DIGITAL_LINK_INVALID", "10"),
        (f"/01/{GTIN}/10/A%zz", "DIGITAL_LINK_INVALID", "10"),
        (f"/01/{GTIN}/10/A%00", "DIGITAL_LINK_INVALID", "10"),
        (f"/01/{GTIN}/10/A%C3%84", "DIGITAL_LINK_INVALID", "10"),
        (f"/01/{GTIN}/10", "DIGITAL_LINK_INVALID", "digital_link"),
        (f"/01/{GTIN}/10/INGOT/foo", "DIGITAL_LINK_INVALID", "digital_link"),
        (f"/01/{GTIN}/21/1/10/INGOT", "DIGITAL_LINK_INVALID", "digital_link"),
        (f"/01/{GTIN}/10/INGOT?10=X", "DIGITAL_LINK_INVALID", "digital_link"),
        (f"/01/{GTIN}/10/INGOT?3103=1", "DIGITAL_LINK_INVALID", "3103"),
        ("/01", "DIGITAL_LINK_INVALID", "digital_link"),
        ("/01/", "DIGITAL_LINK_INVALID", "digital_link"),
        ("/01/" + "9" * 500, "DIGITAL_LINK_INVALID", "digital_link"),
        (f"/01/{GTIN}", "LOT_UNKNOWN", "10"),
        (f"/01/{GTIN}/10/NO-SUCH", "LOT_UNKNOWN", "10"),
        (f"/01/{GTIN}/10/HF01%2FINGOT", "LOT_UNKNOWN", "10"),
        (f"/01/{FOREIGN}/10/INGOT", "GTIN_UNKNOWN", "gtin"),
    ],
)
def test_what_leads_nowhere_is_refused_for_programs_and_people(
    door: Door, registered: str, path: str, code: str, field: str
) -> None:
    shown = refused(scan(door, path), code, field)
    page = scan(door, path, "text/html", "zh")
    assert page.status_code == shown["status"]
    assert page.headers["content-type"].startswith("text/html")
    assert "无效" in page.text


def test_the_register_over_http(door: Door, registered: str) -> None:
    goods = {"metal": "copper", "form": "cathode", "grade": {"scheme": "lme", "code": "GRADE-A"}}
    answer = put(door, FOREIGN, {"site": "HF02", "material": goods})
    assert answer.status_code == 201
    assert answer.json()["gtin"] == FOREIGN
    assert answer.json()["material"] == goods
    assert put(door, FOREIGN, {"site": "HF02", "material": goods}).status_code == 200
    assert door.get(f"/v1/gtins/{FOREIGN}", "HEFEI").json()["site"] == "HF02"
    listed = door.get("/v1/gtins", "HEFEI").json()["gtins"]
    assert [row["gtin"] for row in listed] == [registered, FOREIGN]
    assert door.get("/v1/gtins", "CHUZHOU").json() == {"gtins": []}
    refused(put(door, FOREIGN, {"site": "CZ01"}, "CHUZHOU"), "GTIN_TAKEN", "gtin")
    refused(door.get(f"/v1/gtins/{FOREIGN}", "CHUZHOU"), "PERMISSION_DENIED")
    refused(door.client("CHUZHOU").delete(f"/v1/gtins/{FOREIGN}"), "PERMISSION_DENIED")
    refused(door.get("/v1/lots/HF01/INGOT/label.png", "", gtin="true"), "AUTH_REQUIRED")
    answer = door.get("/v1/lots/CZ01/COIL/label.png", "CHUZHOU", gtin="true")
    refused(answer, "GTIN_UNKNOWN", "gtin")
    ended = door.client("HEFEI").delete(f"/v1/gtins/{FOREIGN}")
    assert ended.json()["ended_ms"]
    refused(door.client("HEFEI").delete(f"/v1/gtins/{FOREIGN}"), "GTIN_UNKNOWN", "gtin")
    assert put(door, FOREIGN, {"site": "CZ01"}, "CHUZHOU").status_code == 201


@pytest.mark.parametrize(
    ("gtin", "body", "code", "field"),
    [
        ("9506000134353", {"site": "HF01"}, "FIELD_INVALID", "gtin"),
        ("950600013435", {"site": "HF01"}, "FIELD_INVALID", "gtin"),
        ("2012345678900", {"site": "HF01"}, "FIELD_INVALID", "gtin"),
        (DEMO, {"site": "HF01"}, "FIELD_INVALID", "gtin"),
        (GTIN, {"site": "HF01", "demo": "yes"}, "FIELD_INVALID", "demo"),
        (GTIN, {}, "FIELD_MISSING", "site"),
        (GTIN, b"", "JSON_INVALID", None),
        (GTIN, {"site": "hf01"}, "FIELD_INVALID", "site"),
        (GTIN, {"site": "XX99"}, "SITE_UNKNOWN", "site"),
        (GTIN, {"site": "CZ01"}, "PERMISSION_DENIED", "site"),
        (GTIN, {"site": "HF01", "hue": 1}, "FIELD_UNKNOWN", "hue"),
        (GTIN, {"site": "HF01", "material": {}}, "FIELD_MISSING", "material.metal"),
        (
            GTIN, {"site": "HF01", "material": {"metal": "unobtainium"}},
            "VOCABULARY_UNKNOWN", "material.metal",
        ),
        (
            GTIN,
            {"site": "HF01", "material": {"metal": "lead", "grade": {"scheme": "x", "code": "y"}}},
            "FIELD_MISSING", "material.form",
        ),
    ],
)  # fmt: skip
def test_a_wrong_registration_is_refused(
    door: Door, registered: str, gtin: str, body: Any, code: str, field: str | None
) -> None:
    refused(put(door, gtin, body), code, field)
    assert door.get(f"/v1/gtins/{GTIN}", "HEFEI").json()["site"] == "HF01"


def test_the_register_asks_for_scopes(door: Door, registered: str) -> None:
    refused(put(door, GTIN, {"site": "HF01"}, "READER"), "SCOPE_REQUIRED")
    refused(door.client("READER").delete(f"/v1/gtins/{GTIN}"), "SCOPE_REQUIRED")
    refused(door.get("/v1/gtins"), "AUTH_REQUIRED")


def test_a_number_for_demonstrations_says_so_on_the_label(door: Door, registered: str) -> None:
    body = {"site": "HF01", "demo": True, "material": {"metal": "aluminium", "form": "scrap"}}
    assert put(door, DEMO, body).status_code == 201
    table = door.get("/v1/lots/HF01/SCRAP/label.csv", "HEFEI", gtin="true").text
    assert f"/01/{DEMO}/10/SCRAP" in table
    assert "DEMO GTIN" in table
    assert door.client("HEFEI").delete(f"/v1/gtins/{DEMO}").status_code == 200


def test_a_label_of_a_gtin_that_is_ended_leads_on(door: Door, registered: str) -> None:
    lot = door.stock("HF02")
    put(door, DEMO, {"site": "HF02", "demo": True})
    door.client("HEFEI").delete(f"/v1/gtins/{DEMO}")
    path = f"/01/{DEMO}/10/{lot.partition('/')[2]}"
    assert scan(door, path).headers["location"] == page_of(door, lot)
    refused(door.get(f"/v1/lots/{lot}/label.png", "HEFEI", gtin="true"), "GTIN_UNKNOWN")
    with engines.writing(door.ledger.engine) as connection:
        long_ago = update(tables.gtins).where(tables.gtins.c.gtin == DEMO).values(ended_ms=1)
        connection.execute(long_ago)
    refused(scan(door, path), "GTIN_UNKNOWN")
    assert gtins.find(door.ledger, DEMO).ended_ms == 1


def test_what_is_typed_from_a_label_is_found(door: Door, registered: str) -> None:
    for typed in (
        f"https://demo.remelt.example/01/{registered}/10/ingot",
        f"(01) {registered} (10) INGOT",
        f"HTTPS://ID.GS1.ORG/01/{registered}/10/INGOT?3103=001250",
    ):
        answer = door.client().get("/", params={"q": typed})
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/01/{registered}/10/INGOT"
