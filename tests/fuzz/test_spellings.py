"""Every other way to spell a good example is refused: the list of what lax parsers let through."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from ledger import entry
from ledger.book import encoding, jose
from ledger.certificate import dossier
from ledger.errors import LedgerError
from ledger.tlog import note
from tests.fuzz import parsers
from tests.fuzz.parsers import PARSERS, taken
from tests.unit.ledger.tlog import vectors

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
Spellings = Callable[[bytes], Iterator[bytes]]


def other_digits(digits: bytes, zero: int) -> bytes:
    return "".join(chr(zero + int(digit)) for digit in digits.decode()).encode()


def numbers(data: bytes) -> Iterator[bytes]:
    """Each size and index, with another sign, zeros, separators, script, or too large."""
    for match in re.finditer(rb"(?m)(?:(?<=^)|(?<=^index )|(?<=^old ))[0-9]+(?=$)", data):
        d = match[0]
        for other in (
            b"0" + d, b"00" + d, b"+" + d, b"-" + d, b" " + d, d + b" ", d + b"\t", d[:1] + b"_0",
            d + b".", d + b".0", d + b"e0", b"0x" + d, d + b"\x00", b"\xef\xbb\xbf" + d, b"",
            other_digits(d, 0x660), other_digits(d, 0x966), other_digits(d, 0xFF10), b"\xc2\xb2",
            b"9223372036854775808", b"18446744073709551616", b"9" * 30, b"1" * 5000,
        ):  # fmt: skip
            yield data[: match.start()] + other + data[match.end() :]


def base64s(data: bytes) -> Iterator[bytes]:
    """Each hash and signature: padding, spare bits, the other alphabet, white space."""
    for match in re.finditer(rb"[A-Za-z0-9+/]{43,}=*(?=\n|\Z)", data):
        bare = match[0].rstrip(b"=")
        pad = match[0][len(bare) :]
        others = [bare + b"=" * n for n in range(4) if n != len(pad)]
        if pad:
            spare = ALPHABET[ALPHABET.index(bare[-1:]) + 1 :][:1] or b"/"
            others += [bare[:-1] + spare + pad]
        others += [match[0].translate(bytes.maketrans(b"+/", b"-_"))]
        others += [bare[:20] + gap + bare[20:] + pad for gap in (b" ", b"\n", b"\r\n", b"$", b"=")]
        others += [b" " + match[0], match[0] + b" ", bare[:-4] + pad, b"", bare[:20] + b"\xd9\xa0"]
        for other in others:
            if other != match[0]:
                yield data[: match.start()] + other + data[match.end() :]


def signature_base64s(data: bytes) -> Iterator[bytes]:
    """The same in signature lines only: in the text of a note anything may stand."""
    text, blank, below = data.rpartition(b"\n\n")
    for other in base64s(below):
        yield text + blank + other


def line_ends(data: bytes) -> Iterator[bytes]:
    """Each newline as another end of line, or as none."""
    for match in re.finditer(b"\n", data):
        for other in ("\r\n", "\r", "\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "", " "):
            yield data[: match.start()] + other.encode() + data[match.end() :]
        yield data[: match.start()] + b"\x85" + data[match.end() :]
    yield data + b"\n"
    yield data + b"x"
    yield b"\n" + data


def signature_ends(data: bytes) -> Iterator[bytes]:
    """The same below the text of a note: in the text anything but a control may stand."""
    text, _, below = data.rpartition(b"\n\n")
    for other in line_ends(b"\n" + below):
        if not other.startswith(b"\n\n"):  # then the text has only one more empty line
            yield text + b"\n" + other
    for at in range(len(text)):
        if text[at : at + 1] == b"\n":
            yield text[:at] + b"\r\n" + data[at + 1 :]


def strange_bytes(data: bytes) -> Iterator[bytes]:
    """A byte that belongs nowhere, everywhere."""
    for at in range(len(data) + 1):
        for byte in (b"\x00", b"\x01", b"\x0b", b"\x1f", b"\x85", b"\xff"):
            yield data[:at] + byte + data[at:]


def names(data: bytes) -> Iterator[bytes]:
    """Each name in a signature line: spaces of all kinds, plus, half surrogates, nothing."""
    for match in re.finditer("— (\\S+) ".encode(), data):
        start, end = match.span(1)
        for other in (
            b"", b"a b", b"a+b", "a\u3000b".encode(), "a\u00a0b".encode(), "a\u2028b".encode(),
            "a\u1680b".encode(), "a\u0085b".encode(), b"a\xed\xa0\x80b", b"a\xffb", b"a\tb",
            b"a\xc0\xafb",
        ):  # fmt: skip
            yield data[:start] + other + data[end:]


def too_much(data: bytes) -> Iterator[bytes]:
    """101 signatures; more than 64 KiB."""
    text, _, below = data.rpartition(b"\n\n")
    first = below.split(b"\n")[0] + b"\n"
    yield text + b"\n\n" + first * 101
    yield text + b"\n" + b"x" * note.MAX_NOTE_BYTES + b"\n\n" + below


FORMS: dict[str, tuple[Spellings, ...]] = {
    "number": (numbers, strange_bytes),
    "checkpoint": (numbers, base64s, line_ends, strange_bytes),
    "note": (signature_base64s, signature_ends, names, strange_bytes, too_much),
    "cosignatures": (base64s, line_ends, names),
    "proof file": (numbers, base64s, line_ends, names, strange_bytes, too_much),
    "witness request": (numbers, base64s, line_ends, names, strange_bytes, too_much),
    "log key": (base64s, strange_bytes),
    "witness key": (base64s, strange_bytes),
    "private key": (base64s, strange_bytes),
    "policy": (too_much,),
}


@pytest.mark.parametrize(
    ("name", "spellings"), [(name, form) for name, forms in FORMS.items() for form in forms]
)
def test_no_other_spelling_is_taken(name: str, spellings: Spellings) -> None:
    parser = PARSERS[name]
    tried = 0
    for data in parser.examples()[:2]:
        if name == "checkpoint" and data.count(b"\n") > 3:
            continue  # extension lines are free text
        for other in spellings(data):
            assert other != data
            assert not taken(parser, other), other[:300]
            tried += 1
    assert tried > 1


@pytest.mark.parametrize("name", ["statement", "disclosure"])
def test_base64url_has_one_spelling(name: str) -> None:
    """No padding, no spare bits, no letters of the other alphabet, no white space."""
    parser = PARSERS[name]
    for data in parser.examples():
        for part in re.finditer(rb"[A-Za-z0-9_-]+", data):
            start, end = part.span()
            pads = [b"=" * n for n in range(1, 4)]
            others = [
                *pads,
                b"\n",
                b" ",
                b"\r\n",
                b"\x00",
                b"+",
                b"/",
                b"$",
                "\u0661".encode(),
            ]
            assert not any(taken(parser, data[:end] + other + data[end:]) for other in others)
            if len(part[0]) % 4:
                letters = ALPHABET.translate(bytes.maketrans(b"+/", b"-_"))
                last = letters.index(part[0][-1:])
                spare = letters[last ^ 1 : (last ^ 1) + 1]
                assert not taken(parser, data[: end - 1] + spare + data[end:])
            assert not taken(parser, data[:start] + b" " + data[start:])
        swapped = data.translate(bytes.maketrans(b"-_", b"+/"))
        assert swapped == data or not taken(parser, swapped)


# JSON.

NOT_EXACT = (
    "01 00 +1 1_0 1.0 1e0 1E2 -0 .5 5. 0x1 NaN Infinity -Infinity 1e999 -1e-999 0.1 ١ １ 1,,0 True"
).split()


@pytest.mark.parametrize("written", [*NOT_EXACT, "9" * 21, "-" + "9" * 21, "9" * 100_000])
def test_a_number_has_one_spelling_in_json(written: str) -> None:
    for around in ('{"a":%s}', '{"a":[0,%s]}', '{"a":{"b":%s,"c":1}}', "[%s]", "%s"):
        with pytest.raises(LedgerError) as caught:
            encoding.decode((around % written).encode())
        assert caught.value.code in ("JSON_INVALID", "NUMBER_NOT_EXACT")
        assert len(caught.value.message) < 400


STRANGE_JSON = {
    "nothing": b"",
    "white space": b" \n\t",
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "not UTF-8": b'{"a":"\xff"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "half a surrogate pair": b'{"a":"\\ud800"}',
    "the other half": b'{"a":"\\udc00x"}',
    "a pair the wrong way round": b'{"a":"\\udc00\\ud800"}',
    "half a pair in a name": b'{"\\ud800":1}',
    "a name twice": b'{"a":1,"a":1}',
    "a name twice, once escaped": b'{"a":1,"\\u0061":2}',
    "a name twice, deep": b'{"a":[{"b":{"c":1,"d":2,"c":3}}]}',
    "a raw control character": b'{"a":"\x01"}',
    "a raw newline in a string": b'{"a":"\n"}',
    "single quotes": b"{'a':1}",
    "no quotes": b"{a:1}",
    "a comma more": b'{"a":1,}',
    "a comment": b'{"a":1}//',
    "two values": b'{"a":1}{"a":1}',
    "cut off": b'{"a":',
    "NUL after it": b'{"a":1}\x00',
    "other white space": '{"a":\u00a01}'.encode(),
    "14 levels": b'{"a":' * 14 + b"1" + b"}" * 14,
    "300 levels": b"[" * 300 + b"]" * 300,
    "2,000 levels": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "a million open brackets": b"[" * 1_000_000,
}


@pytest.mark.parametrize("name", STRANGE_JSON)
def test_strange_json_is_refused_by_every_decoder(name: str) -> None:
    data = STRANGE_JSON[name]
    for parser in ("payload", "envelope", "leaf", "dossier", "key"):
        assert not taken(PARSERS[parser], data)
    for decode in (encoding.decode, encoding.decode_object, encoding.decode_canonical):
        with pytest.raises(LedgerError):
            decode(data)
    assert not taken(PARSERS["disclosure"], jose.b64url(data).encode())


def not_canonical(data: bytes) -> Iterator[bytes]:
    """The same value in other bytes."""
    value = json.loads(data)
    yield json.dumps(value).encode()
    yield json.dumps(value, sort_keys=True, separators=(",", ": ")).encode()
    yield json.dumps(dict(reversed(value.items())), separators=(",", ":")).encode()
    yield data + b"\n"
    yield b" " + data
    yield data.replace(b'"v"', b'"\\u0076"').replace(b'"serial"', b'"seri\\u0061l"')
    yield data.replace(b'"', b'"', 1).replace(b"remelt", b"remel\\u0074", 1)
    yield data.replace(b"/", b"\\/", 1)


@pytest.mark.parametrize("name", ["leaf", "dossier"])
def test_an_entry_and_a_dossier_are_canonical_json(name: str) -> None:
    parser = PARSERS[name]
    for data in parser.examples():
        for other in not_canonical(data):
            assert other == data or not taken(parser, other), other[:200]


def test_the_numbers_of_an_entry_are_integers_in_their_range() -> None:
    leaf = parsers.leaves()[-1]
    for name in ("n", "at", "v"):
        written = re.search(b'"%s":[0-9]+' % name.encode(), leaf)
        assert written
        for other in ("-1", "true", '"1"', "1.0", "1e0", "01", "null", "[]", "9" * 30, "-0"):
            changed = leaf.replace(written[0], f'"{name}":{other}'.encode())
            with pytest.raises(LedgerError):
                entry.parse(changed)


def test_the_index_of_a_disclosure_in_a_dossier_has_one_spelling() -> None:
    data = parsers.story()[1]
    value = json.loads(data)
    index = next(iter(value["disclosures"]))
    for other in (f"0{index}", f"+{index}", f" {index}", f"{index}_0", "٣", "-1", "", "9" * 5000):
        made = {**value, "disclosures": {other: value["disclosures"][index]}}
        with pytest.raises(LedgerError) as caught:
            dossier.parse(encoding.canonical(made))
        assert caught.value.code == "DOSSIER_INVALID"


def test_an_answer_of_a_witness_counts_only_as_it_should_be_written() -> None:
    """Whatever else comes with 200 or 409 gives no cosignature and no size."""
    parser = PARSERS["witness answer"]
    for form in (base64s, line_ends, names, strange_bytes):
        for body in form(vectors.W1_LINE):
            answer = parser.read(b"200\ntext/plain\n" + body)
            assert answer.kind == "refused", body
    for body in numbers(b"8\n"):
        answer = parser.read(b"409\ntext/x.tlog.size\n" + body)
        assert answer.size is None, body
