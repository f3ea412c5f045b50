"""Labels over HTTP: what is scanned leads to the lot; what is wrong is refused by name."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import orjson
import pytest
from PIL import Image

from labels import stock
from tests.http import scanner
from tests.http.conftest import Road
from tests.http.door import Door, received, refused

JSON = {"Content-Type": "application/json"}
PACK = "001PE12ABCDEFG7C10000001"


def printed(door: Door, value: Any, who: str = "HEFEI") -> httpx.Response:
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return door.client(who).post("/v1/labels", content=data, headers=JSON)


def label(door: Door, lot: str, kind: str, who: str = "HEFEI", **query: Any) -> httpx.Response:
    return door.get(f"/v1/lots/{lot}/label.{kind}", who, **query)


def payload(door: Door, lot: str) -> str:
    found = door.get(f"/v1/lots/{lot}", "AUDITOR").json()["fingerprint"]
    return f"HTTPS://DEMO.REMELT.EXAMPLE/L/{lot}/{found}"


def taken(response: httpx.Response, media_type: str, name: str) -> bytes:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert name in response.headers["content-disposition"]
    return response.content


@pytest.fixture(scope="module")
def batteries(door: Door) -> dict[str, str]:
    """Lots of batteries, by kind."""
    lots = {}
    for metal, form in (
        ("lithium_ion_battery", "pack"),
        ("lead_acid_battery", "old_scrap"),
        ("battery", "mixed"),
    ):
        lots[metal] = f"HF01/{door.name('B')}"
        body = received(lots[metal], material={"metal": metal, "form": form})
        door.take("HF01", "lot_received", body, "waste_note")
    return lots


def test_what_is_scanned_from_every_format_leads_to_the_lot(door: Door, road: Road) -> None:
    lot = "HF01/INGOT"
    want = payload(door, lot)
    png = taken(label(door, lot, "png"), "image/png", 'inline; filename="HF01_INGOT.png"')
    pdf = taken(label(door, lot, "pdf", copies=2), "application/pdf", "HF01_INGOT.pdf")
    zpl = taken(label(door, lot, "zpl"), "application/zpl", 'attachment; filename="HF01_INGOT.zpl"')
    svg = taken(label(door, lot, "svg"), "image/svg+xml", "HF01_INGOT.svg")
    table = taken(label(door, lot, "csv"), "text/csv", "HF01_INGOT.csv")
    assert scanner.of_png(png) == [want]
    assert scanner.of_pdf(pdf) == [[want], [want]]
    assert scanner.of_zpl(zpl.decode("ascii")) == [want]
    assert want in svg.decode()
    (row,) = csv.DictReader(io.StringIO(table.decode("utf-8-sig")))
    assert (row["payload"], row["lot"], row["heat"]) == (want, lot, "HEAT")
    page = scanner.follow(door.client(), want)
    assert page.status_code == 200
    assert lot in page.text
    assert Image.open(io.BytesIO(png)).size == (1181, 590)


def test_the_label_of_a_certificate_leads_to_it(door: Door, road: Road) -> None:
    typed = f"{road.serial[:4]}-{road.serial[4:8]}-{road.serial[8:]}".lower()
    for serial in (road.serial, typed):
        for who in ("HEFEI", "CHUZHOU", "AUDITOR"):
            answer = door.get(f"/v1/certificates/{serial}/label.png", who)
            png = taken(answer, "image/png", f"{road.serial}.png")
            assert scanner.of_png(png) == [f"HTTPS://DEMO.REMELT.EXAMPLE/C/{road.serial}"]
    assert scanner.follow(door.client(), scanner.of_png(png)[0]).status_code == 200
    refused(door.get(f"/v1/certificates/{road.serial}/label.png"), "AUTH_REQUIRED")
    answer = door.get(f"/v1/certificates/{road.serial}/label.png", "STRANGER")
    refused(answer, "PERMISSION_DENIED")
    refused(door.get("/v1/certificates/0000-0000-0000/label.png", "HEFEI"), "CERTIFICATE_UNKNOWN")
    refused(door.get("/v1/certificates/0000-0000-0001/label.png", "HEFEI"), "FIELD_INVALID")


def test_labels_are_for_the_parties_of_the_lot_and_for_auditors(door: Door, road: Road) -> None:
    for who in ("HEFEI", "TONGLING", "AUDITOR", "READER"):
        assert label(door, "TL01/CUT-1", "png", who).status_code == 200
    refused(label(door, "TL01/CUT-1", "png", "STRANGER"), "PERMISSION_DENIED")
    refused(label(door, "TL01/CUT-1", "png", ""), "AUTH_REQUIRED")
    refused(label(door, "HF01/NO-SUCH", "png"), "LOT_UNKNOWN", "lot")
    refused(label(door, "hf01/ingot", "png"), "FIELD_INVALID", "lot")
    door.api_key("HEFEI", ["record"], "WRITER")
    refused(label(door, "HF01/INGOT", "png", "WRITER"), "SCOPE_REQUIRED")
    refused(door.get("/v1/labels/test-page.pdf", "WRITER"), "SCOPE_REQUIRED")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"stock": "a5"}, "stock"),
        ({"copies": 0}, "copies"),
        ({"copies": 1001}, "copies"),
        ({"copies": "two"}, "copies"),
        ({"copies": "1.0e3"}, "copies"),
        ({"copies": 10**30}, "copies"),
        ({"skip": -1}, "skip"),
        ({"skip": 24, "stock": "a4-3x8"}, "skip"),
        ({"dpi": 72}, "dpi"),
        ({"offset_x": "20.001"}, "offset_x"),
        ({"offset_y": "-21"}, "offset_y"),
        ({"offset_x": "1e1"}, "offset_x"),
        ({"offset_x": "0.1234"}, "offset_x"),
        ({"offset_x": "NaN"}, "offset_x"),
        ({"offset_x": ""}, "offset_x"),
        ({"offset_x": "１"}, "offset_x"),
        ({"offset_x": "0,5"}, "offset_x"),
        ({"pitch_x": "2.001"}, "pitch_x"),
        ({"pitch_y": "-3"}, "pitch_y"),
        ({"border": "maybe"}, "border"),
        ({"medium": "stone"}, "medium"),
        ({"form": "art"}, "form"),
        ({"lang": "de"}, "lang"),
        ({"lang": ""}, "lang"),
        ({"colour": "red"}, "colour"),
        ({"damaged": "true"}, "damaged"),
        ({"battery_code": PACK}, "battery_code"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(
    door: Door, road: Road, query: dict[str, Any], field: str
) -> None:
    shown = refused(label(door, "HF01/INGOT", "pdf", **query), "PARAMETER_INVALID", field)
    assert shown["hint"]


def test_a_picture_is_of_one_label(door: Door, road: Road) -> None:
    for kind in ("png", "svg"):
        refused(label(door, "HF01/INGOT", kind, copies=2), "PARAMETER_INVALID", "copies")
        answer = label(door, "HF01/INGOT", kind, stock="a4-3x8", skip=1)
        refused(answer, "PARAMETER_INVALID", "skip")
        assert label(door, "HF01/INGOT", kind, stock="a4-3x8").status_code == 200
    refused(label(door, "HF01/INGOT", "gif"), "PARAMETER_INVALID", "kind")


def test_what_a_stock_has_no_room_for_is_named(door: Door, batteries: dict[str, str]) -> None:
    lot, code = batteries["lithium_ion_battery"], {"battery_code": PACK}
    small = label(door, lot, "png", stock="l4732", **code)
    assert "lines[1]" in small.headers["remelt-left-out"]
    assert "hazard" not in small.headers["remelt-left-out"]
    assert "remelt-left-out" not in label(door, lot, "png", stock="100x150", **code).headers


def test_options_change_the_print(door: Door, road: Road) -> None:
    plain = label(door, "HF01/INGOT", "pdf", stock="a4-3x8").content
    for query in (
        {"offset_x": "0.5"}, {"offset_y": "-1.25"}, {"border": "true"}, {"reprint": "true"},
        {"skip": 1}, {"copies": 3}, {"lang": "zh"}, {"medium": "metal"},
    ):  # fmt: skip
        more = label(door, "HF01/INGOT", "pdf", stock="a4-3x8", **query).content
        assert more != plain, query
        assert {c for page in scanner.of_pdf(more) for c in page} == {payload(door, "HF01/INGOT")}
    assert "REPRINT" in label(door, "HF01/INGOT", "zpl", reprint="true").text
    assert "REPRINT" not in label(door, "HF01/INGOT", "zpl").text
    graphics = label(door, "HF01/INGOT", "zpl", form="graphics").text
    assert "^GF" in graphics
    assert "^PQ3" in label(door, "HF01/INGOT", "zpl", copies=3).text


def test_many_lots_are_printed_in_one_document(door: Door, road: Road) -> None:
    rows = [
        {"lot": "HF01/INGOT", "copies": 3},
        {"lot": "HF01/SCRAP"},
        {"serial": road.serial, "copies": 2},
        {"lot": "HF01/INGOT"},
    ]
    ingot, scrap = payload(door, "HF01/INGOT"), payload(door, "HF01/SCRAP")
    serial = f"HTTPS://DEMO.REMELT.EXAMPLE/C/{road.serial}"
    want = [ingot, ingot, ingot, scrap, serial, serial, ingot]
    job = {"labels": rows, "options": {"stock": "a4-2x4", "skip": 7, "offset_x": "0.4"}}
    first, *others = scanner.of_pdf(taken(printed(door, job), "application/pdf", "labels.pdf"))
    assert first == [ingot], "seven cells of the first sheet are used already"
    assert sorted(code for page in others for code in page) == sorted(want[1:])
    zpl = taken(printed(door, {**job, "format": "zpl"}), "application/zpl", "labels.zpl")
    assert scanner.of_zpl(zpl.decode("ascii")) == want
    table = taken(printed(door, {**job, "format": "csv"}), "text/csv", "labels.csv")
    assert [r["payload"] for r in csv.DictReader(io.StringIO(table.decode("utf-8-sig")))] == want


@pytest.mark.parametrize(
    ("job", "code", "field"),
    [
        (b"", "JSON_INVALID", None),
        (b"[]", "JSON_INVALID", None),
        (b'{"labels": [{"lot": "HF01/INGOT", "copies": 1.5}]}', "NUMBER_NOT_EXACT", None),
        ({}, "FIELD_MISSING", "labels"),
        ({"labels": []}, "FIELD_INVALID", "labels"),
        ({"labels": [{"lot": "HF01/INGOT"}] * 1001}, "FIELD_INVALID", "labels"),
        ({"labels": [{"lot": "HF01/INGOT", "copies": 500}] * 3}, "PARAMETER_INVALID", "labels"),
        ({"labels": [{"lot": "HF01/INGOT", "copies": 0}]}, "FIELD_INVALID", "labels[0].copies"),
        ({"labels": [{"lot": "HF01/INGOT", "copies": True}]}, "FIELD_INVALID", "labels[0].copies"),
        ({"labels": [{}]}, "FIELD_INVALID", "labels[0]"),
        ({"labels": ["HF01/INGOT"]}, "FIELD_INVALID", "labels[0]"),
        ({"labels": [{"lot": "HF01/INGOT", "serial": "X"}]}, "FIELD_INVALID", "labels[0]"),
        ({"labels": [{"serial": "X"}]}, "FIELD_INVALID", "labels[0].serial"),
        ({"labels": [{"serial": "X", "gtin": True}]}, "FIELD_INVALID", "labels[0].gtin"),
        ({"labels": [{"lot": "HF01/INGOT", "hue": 1}]}, "FIELD_UNKNOWN", "labels[0].hue"),
        ({"labels": [{"lot": "HF01/INGOT"}], "format": "png"}, "VOCABULARY_UNKNOWN", "format"),
        ({"labels": [{"lot": "HF01/INGOT"}], "options": 1}, "FIELD_INVALID", "options"),
        (
            {"labels": [{"lot": "HF01/INGOT"}], "options": {"stock": "x"}},
            "PARAMETER_INVALID",
            "stock",
        ),
        (
            {"labels": [{"lot": "HF01/INGOT"}], "options": {"copies": 2}},
            "FIELD_UNKNOWN",
            "options.copies",
        ),
        ({"labels": [{"lot": "HF01/NO-SUCH"}]}, "LOT_UNKNOWN", "lot"),
    ],
)
def test_a_wrong_job_is_refused(
    door: Door, road: Road, job: Any, code: str, field: str | None
) -> None:
    refused(printed(door, job), code, field)


def test_a_job_needs_permission_for_every_lot_and_a_body_of_its_type(
    door: Door, road: Road
) -> None:
    rows = [{"lot": "HF01/INGOT"}, {"lot": "CZ01/COIL"}]
    refused(printed(door, {"labels": rows}, "READER"), "PERMISSION_DENIED")
    assert printed(door, {"labels": rows}, "AUDITOR").status_code == 200
    answer = door.client("HEFEI").post("/v1/labels", content=b"{}")
    refused(answer, "MEDIA_TYPE_UNSUPPORTED")
    refused(printed(door, b" " * (1 << 20) + b"{}"), "BODY_TOO_LARGE")


def test_stocks_and_test_pages(door: Door) -> None:
    shown = door.get("/v1/labels/stocks").json()["stocks"]
    assert [row["stock"] for row in shown] == list(stock.STOCKS)
    assert shown[0]["width_um"] == 100_000
    for row in shown:
        answer = door.get("/v1/labels/test-page.pdf", "HEFEI", stock=row["stock"])
        taken(answer, "application/pdf", f"test-page-{row['stock']}.pdf")
    refused(door.get("/v1/labels/test-page.pdf", "HEFEI", stock="no"), "PARAMETER_INVALID", "stock")


def test_batteries_say_under_which_number_they_travel(
    door: Door, batteries: dict[str, str]
) -> None:
    lithium = batteries["lithium_ion_battery"]
    said = {
        kind: label(door, lot, "csv", damaged="true").content.decode("utf-8-sig")
        for kind, lot in batteries.items()
    }
    assert "UN3480 LITHIUM ION BATTERIES 锂离子电池 · DAMAGED" in said["lithium_ion_battery"]
    assert "UN2794" in said["lead_acid_battery"]
    assert "UN" not in said["battery"].replace("UNKNOWN", "")
    with_code = label(door, lithium, "pdf", stock="100x150", battery_code=PACK)
    text = "".join(scanner.text_of_pdf(taken(with_code, "application/pdf", "pdf")).split("\r\n"))
    assert PACK in text
    assert "UN3480" in text
    assert "锂离子电池" in text
    assert scanner.of_pdf(with_code.content) == [[payload(door, lithium)]]
    wrong = label(door, lithium, "png", battery_code=PACK[:-1])
    shown = refused(wrong, "FIELD_INVALID", "battery_code")
    assert "24 characters" in shown["detail"]
    shown = refused(label(door, lithium, "png", battery_code=PACK.replace("P", "X", 1)),
                    "FIELD_INVALID", "battery_code")  # fmt: skip
    assert "level (position 4)" in shown["detail"]


def test_a_lot_that_left_keeps_its_certified_figure_on_the_label(door: Door) -> None:
    lot = door.stock("HF01", "3 t")
    door.ok(door.certify([lot], holder={"external": True}))
    before = label(door, lot, "csv").text
    assert "certified" in before
    body = {"consignment": f"HF01/{door.name('C')}", "lots": [lot], "to": {"external": True}}
    door.take("HF01", "lot_dispatched", body)
    assert label(door, lot, "csv").text == before
