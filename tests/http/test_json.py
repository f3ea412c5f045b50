"""Bytes that are no event: each gets its own refusal, and none gets further than that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from tests.http.door import SECRET, Door, check_error, received, refused

JSON = {"Content-Type": "application/json"}
EVENT_MAX, BODY_MAX = 32 * 1024, 64 * 1024


@pytest.fixture
def whole(door: Door) -> Iterator[bytes]:
    """A good event of HEFEI; afterwards it is still good, and nothing was recorded."""
    lot = f"HF01/{door.name('L')}"
    envelope = door.at("HF01", "lot_received", received(lot), "waste_note")
    size = door.size()
    yield orjson.dumps(envelope)
    assert door.size() == size
    assert door.send(envelope, dry_run="true").status_code == 200


def _with(whole: bytes, old: bytes, new: bytes) -> bytes:
    assert whole.count(old) == 1
    return whole.replace(old, new)


def _post(door: Door, data: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    headers = JSON if headers is None else headers
    return door.client("HEFEI").post("/v1/events", content=data, headers=headers)


NO_JSON = {
    "nothing": b"",
    "spaces": b" \n\t ",
    "cut off": b'{"log":"x"',
    "trailing text": b'{"a":1} x',
    "two objects": b'{"a":1}{"a":1}',
    "trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "comment": b'{"a":1 /* one */}',
    "no quotes": b"{a:1}",
    "raw control character": b'{"a":"x\x01"}',
    "raw newline in a string": b'{"a":"x\ny"}',
    "bad escape": b'{"a":"\\x41"}',
    "bad unicode escape": b'{"a":"\\u12G4"}',
    "leading zero": b'{"a":012}',
    "plus": b'{"a":+1}',
    "hexadecimal": b'{"a":0x10}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "-Infinity": b'{"a":[-Infinity]}',
    "null": b"null",
    "true": b"true",
    "number": b"12",
    "string": b'"{}"',
    "array": b"[]",
    "array of events": b'[{"log":"x"}]',
    "Latin-1": '{"a":"ü"}'.encode("latin-1"),
    "GBK": '{"a":"合肥"}'.encode("gbk"),
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "NUL bytes": b"\x00" * 20,
    "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 20,
    "half a pair, high": b'{"a":"\\ud83d"}',
    "half a pair, low": b'{"a":"x\\udc00y"}',
    "pair in the wrong order": b'{"a":"\\udc00\\ud83d"}',
    "half a pair in a name": b'{"\\ud800":1}',
    "half a pair beside a float": b'{"\\ud800":1.5}',
    "half a pair twice": b'{"\\ud800":1,"\\ud800":1}',
}


@pytest.mark.parametrize("name", NO_JSON)
def test_what_is_not_one_json_object_in_utf8_is_refused(
    door: Door, whole: bytes, name: str
) -> None:
    refused(_post(door, NO_JSON[name]), "JSON_INVALID")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'{"log":', b'{"log":"x","log":', "log"),
        (b'"lot":', b'"lot":"HF01/A","lot":', "lot"),
        (b'"Al":', b'"Al":"95 %","Al":', "Al"),
        (b'"metal":', b'"met\\u0061l":"copper","metal":', "metal"),
    ],
)
def test_a_name_that_stands_twice_is_refused(
    door: Door, whole: bytes, old: bytes, new: bytes, field: str
) -> None:
    refused(_post(door, _with(whole, old, new)), "JSON_INVALID", field)


@pytest.mark.parametrize(
    "number",
    [b"1.5", b"1.0", b"1e3", b"1E3", b"1e400", b"-0", b"-0.0", b"9007199254740992", b"-1",
     b"18446744073709551616", b"99999999999999999999", b"-9999999999999999999", b"1" * 4_000],
    ids=lambda number: number[:24].decode(),
)  # fmt: skip
def test_a_mass_that_is_not_an_exact_integer_names_its_field(
    door: Door, whole: bytes, number: bytes
) -> None:
    data = _with(whole, b'"mass":"10 t"', b'"mass":' + number)
    shown = refused(_post(door, data), "NUMBER_NOT_EXACT", "body.mass")
    assert str(shown["value"])[:20] == number.decode()[:20]


def test_a_float_is_named_wherever_it_stands(door: Door, whole: bytes) -> None:
    data = _with(whole, b'"Al":"95 %"', b'"Al":0.95')
    refused(_post(door, data), "NUMBER_NOT_EXACT", "body.assay.Al")
    data = _with(whole, b'"log":', b'"x":[1,{"y":2.5}],"log":')
    refused(_post(door, data), "NUMBER_NOT_EXACT", "x[1].y")


@pytest.mark.parametrize("depth", [13, 100, 900, 980, 5_000, 10_000])
@pytest.mark.parametrize("inner", [b"1", b"1.5", b'"\\ud800"'], ids=["1", "1.5", "half a pair"])
def test_deep_nesting_is_refused(door: Door, whole: bytes, depth: int, inner: bytes) -> None:
    for left, right in ((b"[", b"]"), (b'{"a":', b"}")):
        data = b'{"a":' + left * depth + inner + right * depth + b"}"
        shown = _post(door, data)
        refused(shown, "JSON_INVALID" if len(data) <= BODY_MAX else "EVENT_TOO_LARGE")
        [row] = door.batch([data], "HEFEI").json()["results"]
        assert row["error"]["code"] == ("JSON_INVALID" if len(data) <= BODY_MAX else
                                        "EVENT_TOO_LARGE")  # fmt: skip


def test_opened_and_never_closed_is_refused(door: Door, whole: bytes) -> None:
    refused(_post(door, b"[" * 60_000), "JSON_INVALID")
    refused(_post(door, b'{"a":' * 10_000), "JSON_INVALID")


def test_an_event_over_32_kib_and_a_body_over_64_kib_are_refused(door: Door, whole: bytes) -> None:
    spaces = _with(whole, b'{"log":', b"{" + b" " * EVENT_MAX + b'"log":')
    refused(_post(door, spaces), "EVENT_TOO_LARGE")
    padded = _with(whole, b'{"log":', b"{" + b" " * (EVENT_MAX - len(whole)) + b'"log":')
    assert len(padded) == EVENT_MAX
    answer = door.post(padded, "HEFEI", dry_run="true")
    assert answer.status_code == 200
    for size in (BODY_MAX + 1, 1_000_000, 20_000_000):
        refused(_post(door, whole + b" " * (size - len(whole))), "EVENT_TOO_LARGE", "body")


def test_the_shape_is_judged_before_the_size(door: Door, whole: bytes) -> None:
    data = _with(whole, b'{"log":', b'{"colour":"' + b"x" * EVENT_MAX + b'","log":')
    refused(_post(door, data), "FIELD_UNKNOWN", "colour")


def test_a_body_without_a_length_is_cut_off_at_the_limit(door: Door, whole: bytes) -> None:
    def chunks(count: int) -> Iterator[bytes]:
        yield whole
        for _ in range(count):
            yield b" " * 1_000

    refused(_post(door, chunks(100)), "EVENT_TOO_LARGE", "body")
    refused(_post(door, chunks(5_000)), "EVENT_TOO_LARGE", "body")
    answer = door.client("HEFEI").post("/v1/events?dry_run=true", content=chunks(2), headers=JSON)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "given",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/x-ndjson", "application/jsonp", "application/json+x", "json", "*/*", "x" * 300],
    ids=lambda given: given[:24] or "none",
)  # fmt: skip
def test_another_content_type_is_refused(door: Door, whole: bytes, given: str) -> None:
    answer = _post(door, whole, {"Content-Type": given} if given else {})
    refused(answer, "MEDIA_TYPE_UNSUPPORTED", "content-type")


def test_a_content_type_may_name_its_charset(door: Door, whole: bytes) -> None:
    for given in ("application/json; charset=utf-8", "Application/JSON", "application/json;x=y"):
        headers = {"Content-Type": given}
        answer = door.client("HEFEI").post(
            "/v1/events?dry_run=true", content=whole, headers=headers
        )
        assert answer.status_code == 200


WRONG_TYPES: tuple[Any, ...] = (None, True, [], {}, "", 0, -1, "x" * 5_000, [[]], {"a": 1}, "🙂")
FIELDS = ("log", "id", "kind", "party", "site", "occurred_at", "body", "evidence")


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_the_envelope_says_what_it_wants(
    door: Door, whole: bytes, field: str
) -> None:
    for value in WRONG_TYPES:
        if (field, value) == ("evidence", []):
            continue
        answer = _post(door, orjson.dumps({**orjson.loads(whole), field: value}))
        assert 400 <= answer.status_code < 500, (field, value)
        shown = answer.json()
        check_error(shown, shown["detail"])
        known = {"party": ("party", "kid")}.get(field, (field,))
        assert shown["field"].startswith(known), (field, value, shown)


@pytest.mark.parametrize("field", sorted(received("HF01/A")))
def test_every_field_of_a_receipt_says_what_it_wants(door: Door, whole: bytes, field: str) -> None:
    envelope = orjson.loads(whole)
    for value in WRONG_TYPES:
        body = {**envelope["body"], field: value}
        answer = door.post({**envelope, "body": body}, "HEFEI", dry_run="true")
        if answer.status_code == 200:
            assert field in {"assay", "origin"}
            assert value == {}
            continue
        assert 400 <= answer.status_code < 500, (field, value)
        shown = answer.json()
        check_error(shown, shown["detail"])
        assert shown["field"].startswith(f"body.{field}"), (field, value, shown)


UNSAFE = {
    "NUL": "\x00", "tab": "\t", "newline": "\n", "escape": "\x1b[31m", "delete": "\x7f",
    "C1 control": "\x85", "right-to-left override": "\u202e", "isolate": "\u2067",
    "Arabic letter mark": "\u061c", "zero width space": "\u200b", "zero width joiner": "\u200d",
    "line separator": "\u2028", "byte order mark": "\ufeff", "annotation": "\ufff9",
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE)
def test_text_that_hides_or_reorders_itself_is_no_private_text(
    door: Door, whole: bytes, name: str
) -> None:
    private = {"note": f"{SECRET} {UNSAFE[name]}"}
    answer = door.post({**orjson.loads(whole), "private": private}, "HEFEI")
    refused(answer, "FIELD_INVALID", "private.note")


@pytest.mark.parametrize(
    ("private", "field"),
    [
        ([], "private"),
        ("x", "private"),
        ({"Note": "x"}, "private.Note"),
        ({"9": "x"}, "private.9"),
        ({"": "x"}, "private."),
        ({"a b": "x"}, "private.a b"),
        ({"n" * 33: "x"}, "private." + "n" * 33),
        ({"note": 5}, "private.note"),
        ({"note": None}, "private.note"),
        ({"note": ["x"]}, "private.note"),
        ({f"n{i}": "x" for i in range(17)}, "private"),
        ({"note": "x" * 2_048}, "private"),
        ({"note": "é" * 1_024}, "private"),
    ],
    ids=range(13),
)
def test_private_fields_are_few_short_texts(
    door: Door, whole: bytes, private: Any, field: str
) -> None:
    answer = door.post({**orjson.loads(whole), "private": private}, "HEFEI")
    refused(answer, "FIELD_INVALID", field)


def test_any_readable_text_is_private_text(door: Door, whole: bytes) -> None:
    for text in ("", "皖A·12345", "🙂", "o'Brien & Söhne <b>\"\\/", "x" * 2_030):
        private = {"note": text}
        envelope = {**orjson.loads(whole), "private": private}
        assert door.post(envelope, "HEFEI", dry_run="true").status_code == 200
