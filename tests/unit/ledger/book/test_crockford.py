"""Crockford digits against arithmetic done another way."""

from __future__ import annotations

import pytest

from ledger.book import crockford


def test_the_alphabet_has_32_digits_in_order_and_none_that_is_misread() -> None:
    assert len(set(crockford.ALPHABET)) == 32
    assert list(crockford.ALPHABET) == sorted(crockford.ALPHABET)
    assert not set("ILOU") & set(crockford.ALPHABET)


@pytest.mark.parametrize(
    ("data", "count", "expected"),
    [
        (b"\xff" * 5, 8, "ZZZZZZZZ"),
        (b"\x00" * 5, 8, "00000000"),
        (b"\x08\x00", 2, "10"),  # 00001 00000 and six bits nobody asked for
        (b"\x00\x44\x32\x14\xc7", 8, "01234567"),
        (b"\xff", 1, "Z"),
        (b"", 0, ""),
    ],
)
def test_digits_come_most_significant_bit_first(data: bytes, count: int, expected: str) -> None:
    assert crockford.digits(data, count) == expected


def test_every_prefix_of_a_long_number_is_the_prefix_of_its_digits() -> None:
    data = bytes(range(7, 39))
    bits = "".join(f"{byte:08b}" for byte in data)
    whole = "".join(crockford.ALPHABET[int(bits[i : i + 5], 2)] for i in range(0, 255, 5))
    for count in range(52):
        assert crockford.digits(data, count) == whole[:count]


@pytest.mark.parametrize(("data", "count"), [(b"\xff", 2), (b"", 1), (bytes(32), 52), (b"x", -1)])
def test_too_few_bits_are_a_programmers_mistake(data: bytes, count: int) -> None:
    with pytest.raises(ValueError, match="do not hold"):
        crockford.digits(data, count)
