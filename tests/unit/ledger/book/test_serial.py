"""Serials: what they are made of, and the check digit that catches a slip of the pen."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book import crockford, serial
from ledger.errors import FormatError

ORIGIN, PARTY = "demo.remelt.example/anhui", "HUAIBEI-AL"
EVENT = "0198c3a2-7b1e-7c3a-9f00-2b6f6d0c1a11"
SERIAL = "8RPA1CWKM4MH"
bodies = st.text(st.sampled_from(crockford.ALPHABET), min_size=11, max_size=11)


def luhn_sum(digits: str) -> int:
    """Luhn mod 32 of a whole serial: the last digit counts once, every second one twice."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = crockford.ALPHABET.index(digit) * (2 if place % 2 else 1)
        total += value // 32 + value % 32
    return total % 32


def test_a_serial_is_55_bits_of_a_hash_and_a_check_digit() -> None:
    """Recomputed here from the page: the bits as text, five at a time."""
    text = f"remelt/certificate\n{ORIGIN}\n{PARTY}\n{EVENT}"
    bits = "".join(f"{byte:08b}" for byte in hashlib.sha256(text.encode()).digest())
    digits = [crockford.ALPHABET[int(bits[i : i + 5], 2)] for i in range(0, 55, 5)]
    made = serial.make(ORIGIN, PARTY, EVENT)
    assert made[:11] == "".join(digits)
    assert luhn_sum(made) == 0
    assert made == SERIAL


@pytest.mark.parametrize(
    ("origin", "party", "event_id"),
    [("try", PARTY, EVENT), (ORIGIN, "HEFEI", EVENT), (ORIGIN, PARTY, EVENT[:-1] + "2")],
)
def test_log_party_and_event_all_count(origin: str, party: str, event_id: str) -> None:
    assert serial.make(origin, party, event_id) != SERIAL


@given(bodies)
def test_a_whole_serial_has_the_sum_zero(body: str) -> None:
    whole = body + serial.check_digit(body)
    assert luhn_sum(whole) == 0
    assert serial.parse(whole, "body.serial") == whole


def test_the_check_digit_catches_every_single_wrong_digit() -> None:
    for place in range(serial.LENGTH):
        for digit in crockford.ALPHABET:
            changed = SERIAL[:place] + digit + SERIAL[place + 1 :]
            right = serial.check_digit(changed[:-1]) == changed[-1]
            assert right == (changed == SERIAL), changed


@given(bodies, st.integers(0, 10))
def test_the_check_digit_catches_two_neighbours_swapped_but_for_0_and_z(
    body: str, place: int
) -> None:
    whole = body + serial.check_digit(body)
    one, two = whole[place], whole[place + 1]
    swapped = whole[:place] + two + one + whole[place + 2 :]
    caught = serial.check_digit(swapped[:-1]) != swapped[-1]
    assert caught == (one != two and {one, two} != {"0", "Z"})


@pytest.mark.parametrize(
    "value",
    [
        *("", SERIAL[:-1], SERIAL + "0", "8RPA-1CWK-M4MH", SERIAL.lower(), SERIAL + "\n"),
        *(SERIAL[:-1] + "J", SERIAL.replace("A", "I"), SERIAL.replace("4", "O"), "U" * 12),
        *(None, 1, [SERIAL], "٣" * 12),
    ],
)
def test_what_is_no_stored_serial_is_refused(value: object) -> None:
    with pytest.raises(FormatError) as caught:
        serial.parse(value, "body.serial")
    assert (caught.value.code, caught.value.field) == ("FIELD_INVALID", "body.serial")


def test_a_serial_is_printed_in_three_groups() -> None:
    assert serial.printed("ABCDEFGHJKMN") == "ABCD-EFGH-JKMN"
