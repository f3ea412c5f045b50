"""Envelopes: who, where, when, what else; and which refusal comes first."""

from __future__ import annotations

import copy
import itertools

import pytest

from ledger.book import encoding, events, shapes
from ledger.errors import FormatError
from tests.unit.ledger.book.examples import (
    SHA,
    Event,
    event,
    refusal,
)


def test_a_site_is_named_where_it_happened_and_nowhere_else() -> None:
    for kind in shapes.SHAPES:
        changed = event(kind)
        if kind in events.SITE_KINDS:
            del changed["site"]
            assert refusal(changed) == ("FIELD_MISSING", "site")
        else:
            assert refusal(changed | {"site": "HB01"}) == ("FIELD_UNKNOWN", "site")


@pytest.mark.parametrize("kind", [*sorted(events.RESERVED_KINDS), "melted", "", "Run_recorded"])
def test_a_kind_of_later_or_of_nobody_is_unknown(kind: str) -> None:
    assert refusal(event(kind="run_recorded") | {"kind": kind}) == ("KIND_UNKNOWN", "kind")
    assert kind not in shapes.SHAPES


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"party": "huaibei"}, "party"),
        ({"party": "H"}, "party"),
        ({"party": "H" * 25}, "party"),
        ({"party": "1ABC"}, "party"),
        ({"site": "HB-01"}, "site"),
        ({"site": "H"}, "site"),
        ({"site": "H" * 13}, "site"),
        ({"id": "0198C3A2-7B1E-7C3A-9F00-2B6F6D0C1A11"}, "id"),
        ({"id": "0198c3a27b1e7c3a9f002b6f6d0c1a11"}, "id"),
        ({"id": ""}, "id"),
        ({"log": 1}, "log"),
        ({"kind": 1}, "kind"),
        ({"body": []}, "body"),
        ({"evidence": {}}, "evidence"),
        ({"evidence": [{"type": "waste_note", "sha256": SHA.upper()}]}, "evidence[0].sha256"),
        ({"evidence": [{"type": "waste_note", "sha256": SHA}] * 17}, "evidence"),
        ({"private": []}, "private"),
    ],
)
def test_a_member_of_the_envelope_has_its_shape(changes: Event, field: str) -> None:
    assert refusal(event() | changes) == ("FIELD_INVALID", field)


def test_evidence_has_a_type_of_the_list() -> None:
    wrong = event(evidence=[{"type": "hearsay", "sha256": SHA}])
    assert refusal(wrong) == ("VOCABULARY_UNKNOWN", "evidence[0].type")


# A body wrong in everything, put right step by step in the order of the page.


def test_the_refusals_of_one_event_come_in_the_order_of_the_page() -> None:
    wrong = event(
        log=1, id="x", party="x", site="x", occurred_at="now", private=[], evidence=[{"type": 1}],
        body={"x": 1, "step": "BOIL"}, colour="red",
    )  # fmt: skip
    del wrong["kind"]
    seen = []
    for change in (
        lambda: wrong.pop("colour"),
        lambda: wrong.update(kind="melted"),
        lambda: wrong.update(log="demo.remelt.example/anhui"),
        lambda: wrong.update(id=event()["id"]),
        lambda: wrong.update(kind="run_recorded"),
        lambda: wrong.update(party="HUAIBEI-AL"),
        lambda: wrong.update(site="HB01"),
        lambda: wrong.update(occurred_at="2026-03-02T09:15:00Z"),
        lambda: wrong["body"].pop("x"),
        lambda: wrong["body"].update(run="h1", inputs=[{}], outputs=[], scope="CAST"),
        lambda: wrong["body"].update(run="TL01/H-1"),
        lambda: wrong["body"].update(step="MELT"),
        lambda: wrong["body"].update(equipment="F1"),
        lambda: wrong["body"].update(inputs=[{"lot": "HB01/A", "mass": "10"}] * 2),
        lambda: wrong["body"].update(inputs=[{"lot": "HB01/A", "mass": "10 lb"}] * 2),
        lambda: wrong["body"].update(inputs=[{"lot": "HB01/A", "mass": "all"}] * 2),
        lambda: wrong["body"].update(inputs=[{"lot": "HB01/A", "mass": "all"}]),
        lambda: wrong.update(evidence=[{"type": "hearsay", "sha256": SHA}]),
        lambda: wrong.update(evidence=[]),
        lambda: wrong.update(private={}),
        lambda: wrong["body"].update(run="HB01/H-1"),
    ):
        seen.append(refusal(copy.deepcopy(wrong)))
        change()
    events.decode(wrong, signed=False)
    assert seen == [
        ("FIELD_UNKNOWN", "colour"),
        ("FIELD_MISSING", "kind"),
        ("FIELD_INVALID", "log"),
        ("FIELD_INVALID", "id"),
        ("KIND_UNKNOWN", "kind"),
        ("FIELD_INVALID", "party"),
        ("FIELD_INVALID", "site"),
        ("TIME_INVALID", "occurred_at"),
        ("FIELD_UNKNOWN", "body.x"),
        ("FIELD_MISSING", "body.run"),
        ("FIELD_INVALID", "body.run"),
        ("STEP_UNKNOWN", "body.step"),
        ("FIELD_MISSING", "body.equipment"),
        ("FIELD_MISSING", "body.inputs[0].lot"),
        ("NUMBER_NOT_EXACT", "body.inputs[0].mass"),
        ("UNIT_UNKNOWN", "body.inputs[0].mass"),
        ("FIELD_INVALID", "body.inputs[1]"),
        ("FIELD_MISSING", "evidence[0].sha256"),
        ("VOCABULARY_UNKNOWN", "evidence[0].type"),
        ("FIELD_INVALID", "private"),
        ("FIELD_INVALID", "body.run"),
    ]


# Private fields and their digests.


@pytest.mark.parametrize(
    ("private", "field"),
    [
        ({}, None),
        ({"note": "冷轧 trim", "ticket_photo": "IMG_3312.jpg", "seller": "Müller & Söhne"}, None),
        ({f"n{i}": "x" for i in range(16)}, None),
        ({"note": "x" * (2048 - len('{"note":""}'))}, None),
        ({f"n{i}": "x" for i in range(17)}, "private"),
        ({"note": "x" * (2049 - len('{"note":""}'))}, "private"),
        ({"note": "é" * 1100}, "private"),
        ({"note": 5}, "private.note"),
        ({"note": None}, "private.note"),
        ({"note": ["x"]}, "private.note"),
        ({"note": "a\nb"}, "private.note"),
        ({"note": "a\u202eb"}, "private.note"),
        ({"note": "a\u200bb"}, "private.note"),
        ({"Note": "x"}, "private.Note"),
        ({"": "x"}, "private."),
        ({"_sd": "x"}, "private._sd"),
        ({"...": "x"}, "private...."),
        ({"n" * 33: "x"}, "private." + "n" * 33),
    ],
    ids=itertools.count(),
)
def test_private_fields_are_few_short_and_plain_text(private: Event, field: str | None) -> None:
    if field is None:
        assert events.decode(event(private=private), signed=False).private == private
    else:
        assert refusal(event(private=private)) == ("FIELD_INVALID", field)


ONE, TWO = "A" * 43, "B" * 43


@pytest.mark.parametrize(
    ("members", "refused"),
    [
        ({"_sd": [ONE, TWO], "_sd_alg": "sha-256"}, None),
        ({"_sd": [ONE]}, ("FIELD_MISSING", "_sd_alg")),
        ({"_sd_alg": "sha-256"}, ("FIELD_MISSING", "_sd")),
        ({"_sd": [TWO, ONE], "_sd_alg": "sha-256"}, ("FIELD_INVALID", "_sd")),
        ({"_sd": [ONE, ONE], "_sd_alg": "sha-256"}, ("FIELD_INVALID", "_sd")),
        ({"_sd": [], "_sd_alg": "sha-256"}, ("FIELD_INVALID", "_sd")),
        ({"_sd": [ONE + "A"], "_sd_alg": "sha-256"}, ("FIELD_INVALID", "_sd[0]")),
        ({"_sd": [ONE], "_sd_alg": "sha-512"}, ("VOCABULARY_UNKNOWN", "_sd_alg")),
        ({"private": {}}, ("FIELD_UNKNOWN", "private")),
    ],
)
def test_what_is_signed_has_sorted_digests_instead_of_private_fields(
    members: Event, refused: tuple[str, str] | None
) -> None:
    if refused is None:
        assert events.decode(event(**members), signed=True).sd == (ONE, TWO)
    else:
        assert refusal(event(**members), signed=True) == refused


def test_what_is_sent_unsigned_has_no_digests() -> None:
    for trial in (False, True):
        payload = event(_sd=[ONE], _sd_alg="sha-256")
        assert refusal(payload, trial=trial) == ("FIELD_UNKNOWN", "_sd")


def test_a_dry_run_needs_no_log_and_no_id() -> None:
    payload = event()
    del payload["log"], payload["id"]
    assert refusal(payload) == ("FIELD_MISSING", "log")
    decoded = events.decode(payload, signed=False, trial=True)
    assert (decoded.log, decoded.id) == ("", "")


def test_an_event_of_32_kib_is_the_largest() -> None:
    events.check_size(32 * 1024)
    with pytest.raises(FormatError) as caught:
        events.check_size(32 * 1024 + 1)
    assert caught.value.code == "EVENT_TOO_LARGE"


def test_bytes_are_parsed_strictly() -> None:
    data = encoding.canonical(event())
    assert events.parse(data, signed=False).payload == event()
    with pytest.raises(FormatError) as caught:
        events.parse(data.replace(b'"wh":7400000', b'"wh":7.4e6'), signed=False)
    assert caught.value.code == "NUMBER_NOT_EXACT"
