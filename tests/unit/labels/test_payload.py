"""Payloads: what is written can be read back, and nothing else can."""

from __future__ import annotations

import hashlib

import pytest

from labels import payload
from labels.payload import CertificateLabel, LotLabel
from ledger.errors import FormatError

LEAF = bytes.fromhex("0044 3214 c742 54b6") + bytes(24)  # digits 0 1 2 3 …
SERIAL = "ABCDEFGHJKMY"
LOT_TEXT = "HTTPS://DEMO.REMELT.EXAMPLE/L/HB01/INGOT-1/0123456789"


def test_a_lot_payload_is_capitals_with_ten_digits_of_the_leaf_hash() -> None:
    assert payload.lot_payload("demo.Remelt.example", "HB01/INGOT-1", LEAF) == LOT_TEXT


def test_a_certificate_payload_holds_the_stored_serial_whichever_form_is_given() -> None:
    expected = "HTTPS://127.0.0.1:8731/C/ABCDEFGHJKMY"
    assert payload.certificate_payload("127.0.0.1:8731", SERIAL) == expected
    assert payload.certificate_payload("127.0.0.1:8731", "ABCD-EFGH-JKMY") == expected


def test_the_fingerprint_is_the_first_fifty_bits() -> None:
    leaf = hashlib.sha256(b"\0leaf").digest()
    last = leaf[:6] + bytes([leaf[6] ^ 0x40]) + leaf[7:]  # bit 50 counted from 1
    spare = leaf[:6] + bytes([leaf[6] ^ 0x20]) + leaf[7:]  # bit 51
    assert len(payload.fingerprint(leaf)) == 10
    assert payload.fingerprint(last) != payload.fingerprint(leaf)
    assert payload.fingerprint(spare) == payload.fingerprint(leaf)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_leaf_hash_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(FormatError, match="leaf_hash"):
        payload.fingerprint(bytes(length))


@pytest.mark.parametrize(
    "host",
    ["A", "demo.remelt.example", "127.0.0.1", "192.168.1.20:8731", "xn--fiqs8s", "a-b.c:65535"],
)
def test_what_is_made_is_read_back(host: str) -> None:
    lot = payload.lot_payload(host, "HB01/INGOT-1", LEAF)
    certificate = payload.certificate_payload(host, SERIAL)
    assert payload.parse_payload(lot) == LotLabel(host.upper(), "HB01/INGOT-1", "0123456789")
    assert payload.parse_payload(certificate) == CertificateLabel(host.upper(), SERIAL)
    assert set(lot + certificate) <= payload.ALPHANUMERIC


@pytest.mark.parametrize(
    "host",
    [
        "",
        "demo..example",
        "demo.example.",
        "-demo.example",
        "demo-.example",
        "demo_1.example",
        "https://demo.example",
        "demo.example/x",
        "demo.example:0",
        "demo.example:080",
        "demo.example:65536",
        "demo.example:",
        "[::1]:8731",
        "straße.example",
        "a" * 64,
        ".".join(["a" * 63] * 4),
    ],
)
def test_a_host_that_is_none_is_refused_by_both_makers(host: str) -> None:
    with pytest.raises(FormatError, match=r"^FIELD_INVALID: host:"):
        payload.lot_payload(host, "HB01/INGOT-1", LEAF)
    with pytest.raises(FormatError, match=r"^FIELD_INVALID: host:"):
        payload.certificate_payload(host, SERIAL)


@pytest.mark.parametrize("lot", ["HB01", "hb01/A", "HB01/", "HB01/A/B", "HB01/A@01234567", "H/A"])
def test_a_lot_that_is_none_is_refused(lot: str) -> None:
    with pytest.raises(FormatError) as refused:
        payload.lot_payload("demo.example", lot, LEAF)
    assert refused.value.field == "lot"


@pytest.mark.parametrize("serial", ["ABCDEFGHJKMN", "ABCD-EFGHJKMY", "ABCDEFGHJKM", "abcdefghjkmy"])
def test_a_serial_that_is_none_is_refused(serial: str) -> None:
    with pytest.raises(FormatError) as refused:
        payload.certificate_payload("demo.example", serial)
    assert refused.value.field == "serial"


@pytest.mark.parametrize(
    ("text", "field", "part"),
    [
        ("", "payload", "1 to 400"),
        ("A" * 401, "payload", "1 to 400"),
        (LOT_TEXT.lower(), "payload", "no 'h' (character 1)"),
        (LOT_TEXT + "?A=1", "payload", "no '?' (character 54)"),
        (LOT_TEXT + "#A", "payload", "no '#'"),
        (LOT_TEXT + "\n", "payload", r"no '\n'"),
        ("HTTP" + LOT_TEXT[5:], "payload", "HTTPS:// in front"),
        (" " + LOT_TEXT, "payload", "HTTPS:// in front"),
        ("HTTPS:///L/HB01/INGOT-1/0123456789", "host", "host name"),
        (LOT_TEXT.replace("REMELT.", "REMELT:"), "host", "host name"),
        (LOT_TEXT.replace("/L/", "/X/"), "payload", "/L/<SITE>"),
        (LOT_TEXT + "/", "payload", "/L/<SITE>"),
        ("HTTPS://DEMO.REMELT.EXAMPLE", "payload", "/L/<SITE>"),
        (LOT_TEXT.replace("INGOT-1", "-1"), "lot", "HB01"),
        (LOT_TEXT.replace("INGOT-1", "A" * 21), "lot", "HB01"),
        (LOT_TEXT[:-1], "fingerprint", "10 Crockford digits"),
        (LOT_TEXT + "A", "fingerprint", "10 Crockford digits"),
        (LOT_TEXT[:-1] + "O", "fingerprint", "10 Crockford digits"),
        ("HTTPS://DEMO.REMELT.EXAMPLE/C/ABCDEFGHJKMN", "serial", "check digit"),
        ("HTTPS://DEMO.REMELT.EXAMPLE/C/ABCD-EFGH-JKMY", "serial", "check digit"),
        ("HTTPS://DEMO.REMELT.EXAMPLE/C/", "serial", "check digit"),
        ("HTTPS://DEMO.REMELT.EXAMPLE/C/ABCDEFGHJKMY/", "payload", "/C/<SERIAL>"),
    ],
)
def test_a_text_that_no_label_bears_is_refused_by_the_part_that_is_wrong(
    text: str, field: str, part: str
) -> None:
    with pytest.raises(FormatError) as refused:
        payload.parse_payload(text)
    assert refused.value.code == "FIELD_INVALID"
    assert refused.value.field == field
    assert part in refused.value.message
    assert refused.value.hint or field in {"host", "lot", "fingerprint"}


@pytest.mark.parametrize("at", range(12))
def test_every_single_wrong_digit_of_a_serial_is_caught(at: int) -> None:
    for digit in set("0123456789ABCDEFGHJKMNPQRSTVWXYZ") - {SERIAL[at]}:
        wrong = SERIAL[:at] + digit + SERIAL[at + 1 :]
        with pytest.raises(FormatError):
            payload.parse_payload(f"HTTPS://DEMO.REMELT.EXAMPLE/C/{wrong}")
