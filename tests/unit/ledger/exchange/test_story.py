"""Stories in TOML: what becomes of them, and what is refused by name."""

from __future__ import annotations

import json
import uuid

import pytest

from ledger import trial
from ledger.errors import FormatError
from ledger.exchange import story

PARTY = """
[[event]]
kind = "party_registered"
party = "OPERATOR"
occurred_at = "2026-03-02T07:00:00+08:00"
body = { party = "YARD", country = "CN", roles = ["sorter"], custody = "operator", share = "open" }
"""
SITE = """
[[event]]
kind = "site_registered"
party = "OPERATOR"
occurred_at = "2026-03-02T07:01:00+08:00"
[event.body]
party = "YARD"
site = "YD01"
type = "sorting_yard"
country = "CN"
scopes = []
zone = "Asia/Shanghai"
"""
RECEIPT = """
[[event]]
kind = "lot_received"
party = "YARD"
site = "YD01"
occurred_at = "2026-03-02T08:00:00+08:00"
private = { seller = "Mrs Chen" }
[event.body]
lot = "YD01/A"
from = { external = true }
material = { metal = "aluminium", form = "scrap" }
mass = "2 t"
assay = { Al = "92.5 %" }
origin = { POST = "100 %" }
[[event.evidence]]
type = "waste_note"
document = "WT-2026-0311"
"""
TITLE = 'title = "A day"\n'
DAY = TITLE + PARTY + SITE + RECEIPT


def refusal(text: str) -> FormatError:
    with pytest.raises(FormatError) as caught:
        story.load(text)
    return caught.value


def test_an_event_becomes_an_envelope_with_an_id_and_hashed_documents() -> None:
    day = story.load(DAY)
    assert day.title == "A day"
    assert day.events[2] == {
        "id": story.event_id("A day", 3),
        "kind": "lot_received",
        "party": "YARD",
        "site": "YD01",
        "occurred_at": "2026-03-02T08:00:00+08:00",
        "body": {
            "lot": "YD01/A",
            "from": {"external": True},
            "material": {"metal": "aluminium", "form": "scrap"},
            "mass": "2 t",
            "assay": {"Al": "92.5 %"},
            "origin": {"POST": "100 %"},
        },
        "evidence": [
            {
                "type": "waste_note",
                "sha256": "2ac061111603d27d73e2358d4d7db0c57e6389cec36f855d9e46ffe73b4ab46e",
            }
        ],
        "private": {"seller": "Mrs Chen"},
    }
    assert set(day.events[0]) == {"id", "kind", "party", "occurred_at", "body"}


def test_what_an_event_is_about_and_must_come_to_stays_out_of_the_envelope() -> None:
    told = PARTY.replace("body =", 'why = "again"\nexpect = "PARTY_DUPLICATE"\nbody =')
    twice = story.load(TITLE + PARTY + told)
    assert twice.why == ("", "again")
    assert twice.expected == ("", "PARTY_DUPLICATE")
    assert set(twice.events[1]) == set(twice.events[0])


def test_an_id_is_a_uuid_of_version_8_that_never_changes() -> None:
    made = story.event_id("A day", 1)
    assert made == "9ca66ebf-0c4f-8a27-8e0f-755ad89ae608"
    assert uuid.UUID(made).version == 8
    assert uuid.UUID(made).variant == uuid.RFC_4122


def test_ids_differ_by_title_and_place() -> None:
    ids = {story.event_id(title, n) for title in ("A day", "A night") for n in range(1, 50)}
    assert len(ids) == 98


def test_the_same_label_is_the_same_document_in_every_story() -> None:
    other = story.load(DAY.replace("A day", "Another day"))
    assert other.events[2]["evidence"] == story.load(DAY).events[2]["evidence"]
    assert story.document_hash("WT-2026-0311") != story.document_hash("WT-2026-0312")


def test_a_story_as_lines_is_taken_by_the_dry_run() -> None:
    lines = story.to_ndjson(story.load(DAY))
    assert [json.loads(line)["kind"] for line in lines.splitlines()] == [
        "party_registered",
        "site_registered",
        "lot_received",
    ]
    report = trial.run(lines)
    assert [result["ok"] for result in report["results"]] == [True, True, True]
    assert report["lots"]["YD01/A"]["Al"] == {"POST": 1_850_000_000}


def test_a_member_of_a_body_is_left_to_the_ledger() -> None:
    lines = story.to_ndjson(story.load(DAY.replace("mass =", "weight =")))
    assert trial.run(lines)["results"][2]["error"]["code"] == "FIELD_UNKNOWN"


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ('mass = "2 t"', "mass = 2.0", "event 3 (lot_received): body.mass"),
        ('"92.5 %"', "92.5", "event 3 (lot_received): body.assay.Al"),
        ('"92.5 %"', "1e2", "event 3 (lot_received): body.assay.Al"),
        ('"92.5 %"', "inf", "event 3 (lot_received): body.assay.Al"),
        ("scopes = []", "scopes = [0.5]", "event 2 (site_registered): body.scopes[0]"),
        ('mass = "2 t"', "mass = 9007199254740992", "event 3 (lot_received): body.mass"),
        ('"Mrs Chen"', "0.1", "event 3 (lot_received): private.seller"),
    ],
)
def test_a_float_or_an_integer_too_large_is_refused_where_it_stands(
    before: str, after: str, where: str
) -> None:
    error = refusal(DAY.replace(before, after))
    assert (error.code, error.field) == ("NUMBER_NOT_EXACT", where)


def test_the_largest_exact_integer_is_taken() -> None:
    day = story.load(DAY.replace('mass = "2 t"', "mass = 9007199254740991"))
    assert day.events[2]["body"]["mass"] == 2**53 - 1


@pytest.mark.parametrize(
    ("before", "after", "code", "where"),
    [
        (TITLE, TITLE + "about = 'x'\n", "FIELD_UNKNOWN", "story: about"),
        (TITLE, "", "FIELD_MISSING", "story: title"),
        (TITLE, "title = ''\n", "FIELD_INVALID", "story: title"),
        (TITLE, "title = 'A day\n", "FIELD_INVALID", "story"),
        (
            'site = "YD01"\nocc',
            'sight = "YD01"\nocc',
            "FIELD_UNKNOWN",
            "event 3 (lot_received): sight",
        ),
        ("private =", "id =", "FIELD_UNKNOWN", "event 3 (lot_received): id"),
        ('kind = "lot_received"\n', "", "FIELD_MISSING", "event 3: kind"),
        ("document =", "sha256 =", "FIELD_UNKNOWN", "event 3 (lot_received): evidence[0]: sha256"),
        ('"WT-2026-0311"', "7", "FIELD_INVALID", "event 3 (lot_received): evidence[0].document"),
        ("[[event.evidence]]", "[event.evidence]", "FIELD_INVALID", "event 3 (lot_received): evid"),
        (
            '"2026-03-02T08:00:00+08:00"',
            "2026-03-02T08:00:00+08:00",
            "FIELD_INVALID",
            "event 3 (lot_received): occurred_at",
        ),
        (
            "private =",
            'expect = "NO_SUCH_CODE"\nwhy = "x"\nprivate =',
            "FIELD_INVALID",
            "event 3 (lot_received): expect",
        ),
        (
            "private =",
            'expect = ["TICKET_REUSED"]\nwhy = "x"\nprivate =',
            "FIELD_INVALID",
            "event 3 (lot_received): expect",
        ),
        (
            "private =",
            'expect = "TICKET_REUSED"\nprivate =',
            "FIELD_MISSING",
            "event 3 (lot_received): why",
        ),
        ("private =", 'why = "a\\nb"\nprivate =', "FIELD_INVALID", "event 3 (lot_received): why"),
    ],
)
def test_what_is_no_story_is_refused_by_name(
    before: str, after: str, code: str, where: str
) -> None:
    assert before in DAY
    error = refusal(DAY.replace(before, after))
    assert error.code == code
    assert error.field.startswith(where)
    assert error.message.startswith(error.field)


@pytest.mark.parametrize("events", ["", "event = []", "event = 3", "[event]\nkind = 'x'"])
def test_a_story_without_events_is_refused(events: str) -> None:
    assert refusal(TITLE + events).code in ("FIELD_MISSING", "FIELD_INVALID")


CERTIFICATE = """
[[event]]
kind = "certificate_issued"
party = "YARD"
site = "YD01"
occurred_at = "2026-03-02T09:00:00+08:00"
[event.body]
lots = ["YD01/A"]
substance = "Al"
method = "iso14021-batch"
classes = ["POST"]
amount = "all"
"""
REVOCATION = """
[[event]]
kind = "certificate_revoked"
party = "YARD"
occurred_at = "2026-03-02T10:00:00+08:00"
body = { serial_of = "YD01/A", reason = "error", lots = ["YD01/A"] }
"""
WRONGED = DAY.replace('mass = "2 t"', 'mass = "2 t"\nassay_grade = "final"') + CERTIFICATE


def test_a_revocation_names_the_last_certificate_on_a_lot_as_its_log_numbers_it() -> None:
    again = (CERTIFICATE + REVOCATION).replace("T09", "T11").replace("T10", "T12")
    told = WRONGED + REVOCATION + again
    day, elsewhere = story.load(told), story.load(told, "example/other")
    report = trial.run(story.to_ndjson(day))
    assert [result["ok"] for result in report["results"]] == [True] * 7
    assert {c["status"] for c in report["certificates"].values()} == {"REVOKED"}
    named = [
        [e["body"]["serial"] for e in d.events if "serial" in e["body"]] for d in (day, elsewhere)
    ]
    assert named[0] == sorted(report["certificates"], key=named[0].index)
    assert not set(named[0]) & set(named[1])
    assert all("serial_of" not in event["body"] for event in day.events)


def test_a_certificate_that_is_not_there_yet_cannot_be_named() -> None:
    error = refusal(DAY + REVOCATION + CERTIFICATE)
    where = "event 4 (certificate_revoked): body.serial_of"
    assert (error.code, error.field) == ("FIELD_INVALID", where)
