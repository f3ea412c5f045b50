"""The decoder of objects: its public order of refusals, and the parsers of single values."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book import shape
from ledger.book.shape import Field, Shape
from ledger.errors import FormatError

SMALL = shape.integer(0, 9)


def _twins(members: dict[str, Any], path: str) -> None:
    if members.get("b") == members.get("c"):
        raise shape.invalid(f"{path}.b", "b and c", "two different values")


INNER = Shape(dict, (Field("x", SMALL), Field("y", SMALL, required=False)))
SHAPE = Shape(
    dict,
    (
        Field("a", shape.nested(INNER)),
        Field("b", SMALL),
        Field("c", SMALL, required=False),
        Field("d", SMALL, required=False),
    ),
    lambda value: ("d",) if value.get("c") == 7 and "d" not in value else (),
    _twins,
)


def refusal(parse: Any, value: object) -> tuple[str, str]:
    with pytest.raises(FormatError) as caught:
        parse(value, "body")
    return caught.value.code, caught.value.field


def decode(value: object, path: str) -> Any:
    return shape.decode(value, path, SHAPE)


def test_what_is_right_becomes_what_the_shape_makes() -> None:
    assert decode({"b": 1, "a": {"x": 2}}, "body") == {"a": {"x": 2}, "b": 1}


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        # each is wrong in all that stands below it, too
        ([], ("FIELD_INVALID", "body")),
        ({"z": 1, "y": 1, "c": 7}, ("FIELD_UNKNOWN", "body.z")),
        ({"c": 7, "a": {"z": 1}}, ("FIELD_MISSING", "body.b")),
        ({"c": 7, "b": 70, "a": {"z": 1}}, ("FIELD_MISSING", "body.d")),
        ({"d": 70, "c": 7, "b": 70, "a": {"z": 1}}, ("FIELD_UNKNOWN", "body.a.z")),
        ({"d": 70, "c": 7, "b": 70, "a": {}}, ("FIELD_MISSING", "body.a.x")),
        ({"d": 70, "c": 7, "b": 70, "a": {"y": 70, "x": 70}}, ("FIELD_INVALID", "body.a.x")),
        ({"d": 70, "c": 7, "b": 70, "a": {"y": 70, "x": 1}}, ("FIELD_INVALID", "body.a.y")),
        ({"d": 70, "c": 7, "b": 70, "a": {"x": 1}}, ("FIELD_INVALID", "body.b")),
        ({"d": 70, "c": 7, "b": 7, "a": {"x": 1}}, ("FIELD_INVALID", "body.d")),
        ({"d": 7, "c": 7, "b": 7, "a": {"x": 1}}, ("FIELD_INVALID", "body.b")),
    ],
)
def test_refusals_come_in_the_order_of_the_page(value: object, refused: tuple[str, str]) -> None:
    assert refusal(decode, value) == refused


def test_the_fields_of_a_shape_are_judged_in_its_order_not_in_that_of_the_document() -> None:
    for value in ({"b": 70, "a": {"x": 70}}, {"a": {"x": 70}, "b": 70}):
        assert refusal(decode, value) == ("FIELD_INVALID", "body.a.x")


def test_an_unknown_name_comes_in_the_order_of_the_document() -> None:
    assert refusal(decode, {"z": 1, "y": 1}) == ("FIELD_UNKNOWN", "body.z")
    assert refusal(decode, {"y": 1, "z": 1}) == ("FIELD_UNKNOWN", "body.y")


def test_a_hint_says_what_is_known_here() -> None:
    with pytest.raises(FormatError) as caught:
        decode({"z": 1}, "body")
    assert caught.value.hint == "known here: a, b, c, d"


def test_at_the_top_a_field_has_no_path_before_it() -> None:
    with pytest.raises(FormatError) as caught:
        shape.decode({"a": 1}, "", SHAPE)
    assert caught.value.field == "b"


def test_a_list_is_judged_member_by_member_and_by_its_length() -> None:
    parse = shape.listed(SMALL, least=1, most=3)
    assert parse([1, 2], "body") == (1, 2)
    assert refusal(parse, [1, 70, 71]) == ("FIELD_INVALID", "body[1]")
    not_these: list[object] = [[], [1] * 4, {}, "12", None]
    for wrong in not_these:
        assert refusal(parse, wrong) == ("FIELD_INVALID", "body")


def test_a_pattern_takes_the_whole_string_and_ascii_only() -> None:
    parse = shape.pattern(r"[A-Z]\d", "a letter and a digit")
    assert parse("A1", "body") == "A1"
    for wrong in ("A1\n", " A1", "A12", "a1", "A٣", "", 1, None):
        assert refusal(parse, wrong) == ("FIELD_INVALID", "body")


def test_a_word_outside_its_list_is_unknown_and_no_word_at_all_is_invalid() -> None:
    parse = shape.word(("road", "rail"))
    assert parse("rail", "body") == "rail"
    for wrong in ("Road", "", "road "):
        assert refusal(parse, wrong) == ("VOCABULARY_UNKNOWN", "body")
    for wrong_type in (None, 1, ["road"]):
        assert refusal(parse, wrong_type) == ("FIELD_INVALID", "body")
    assert refusal(shape.word(("MELT",), "STEP_UNKNOWN"), "BOIL") == ("STEP_UNKNOWN", "body")


def test_booleans_and_integers_are_not_mixed_up() -> None:
    assert shape.boolean(False, "body") is False
    assert shape.constant_true(True, "body") is True
    wrong: list[tuple[Any, list[object]]] = [
        (shape.boolean, [0, 1, "true", None]),
        (shape.constant_true, [False, 1, "true", None]),
        (SMALL, [True, False, 10, -1, "1", None]),
        (shape.text, [1, None, ["x"]]),
    ]
    for parse, wrong_values in wrong:
        for value in wrong_values:
            assert refusal(parse, value) == ("FIELD_INVALID", "body")


# Times.


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-03-02T09:15:00+08:00", "2026-03-02T01:15:00"),
        ("2026-03-02T01:15:00Z", "2026-03-02T01:15:00"),
        ("2026-03-02T01:15:00-00:00", "2026-03-02T01:15:00"),
        ("2026-03-01T20:15:00-05:00", "2026-03-02T01:15:00"),
        ("2026-03-02T07:00:00+05:45", "2026-03-02T01:15:00"),
        ("2026-03-02T01:15:00.5Z", "2026-03-02T01:15:00.500"),
        ("2026-03-02T01:15:00.0019Z", "2026-03-02T01:15:00.001"),
        ("2026-03-02T01:15:00.1234567890123Z", "2026-03-02T01:15:00.123"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999"),
    ],
)
def test_a_time_is_utc_milliseconds(written: str, utc: str) -> None:
    elapsed = datetime.datetime.fromisoformat(utc) - datetime.datetime(1970, 1, 1)
    assert shape.time_ms(written, "occurred_at") == elapsed // datetime.timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "written",
    [
        *("2026-03-02T09:15:00", "2026-03-02 09:15:00Z", "2026-03-02t09:15:00Z"),
        *("2026-03-02T09:15:00z", "2026-03-02T09:15Z", "2026-03-02", "09:15:00Z"),
        *("2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z"),
        *("2026-03-32T00:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T09:60:00Z"),
        *("2026-03-02T09:15:60Z", "0000-01-01T00:00:00Z", "26-03-02T09:15:00Z"),
        *("2026-03-02T09:15:00+24:00", "2026-03-02T09:15:00+08:60", "2026-03-02T09:15:00+0800"),
        *("2026-03-02T09:15:00+08", "2026-03-02T09:15:00.Z", "2026-03-02T09:15:00,5Z"),
        *("+2026-03-02T09:15:00Z", "2026-03-02T09:15:00Z\n", "٢026-03-02T09:15:00Z", "", "now"),
    ],
)
def test_another_string_is_no_time(written: str) -> None:
    assert refusal(shape.time_ms, written) == ("TIME_INVALID", "body")


@pytest.mark.parametrize("written", [None, 0, 1772409600000, True, ["2026-03-02T09:15:00Z"]])
def test_a_time_that_is_no_string_is_an_invalid_field(written: object) -> None:
    assert refusal(shape.time_ms, written) == ("FIELD_INVALID", "body")
    assert refusal(shape.date, written) == ("FIELD_INVALID", "body")


offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@given(st.datetimes(datetime.datetime(1, 1, 3), datetime.datetime(9999, 12, 29)), offsets, offsets)
def test_the_same_moment_is_the_same_in_every_zone(
    moment: datetime.datetime, one: int, two: int
) -> None:
    def at(minutes: int) -> str:
        zone = datetime.timezone(datetime.timedelta(minutes=minutes))
        local = moment.replace(tzinfo=datetime.UTC).astimezone(zone)
        return local.isoformat(timespec="milliseconds")

    assert shape.time_ms(at(one), "at") == shape.time_ms(at(two), "at")


def test_a_date_is_a_day_of_the_calendar_in_its_one_spelling() -> None:
    assert shape.date("2027-03-31", "valid_until") == "2027-03-31"
    for wrong in ("2027-02-29", "20270331", "2027-3-31", "2027-W13-3", "2027-03-31T00:00:00Z", ""):
        assert refusal(shape.date, wrong) == ("TIME_INVALID", "body")
