"""What people type, and where it leads."""

from __future__ import annotations

import pytest

from api.pages import typed


@pytest.mark.parametrize(
    "text",
    [
        "ABCDEFGHJKMN",
        "abcd-efgh-jkmn",
        " ABCD EFGH JKMN ",
        "ＡＢＣＤ－ＥＦＧＨ－ＪＫＭＮ",
        "https://demo.remelt.example/C/abcd-efgh-jkmn?lang=zh",
        "demo.remelt.example/C/ABCDEFGHJKMN/",
        "/C/ABCDEFGHJKMN",
    ],
)
def test_a_serial_is_read_as_it_is_printed_typed_or_scanned(text: str) -> None:
    assert typed.address(text) == ("/C/ABCDEFGHJKMN", "")


def test_letters_that_serials_do_not_have_are_read_as_the_digits_they_look_like() -> None:
    assert typed.address("OILA-EFGH-JKMN") == ("/C/011AEFGHJKMN", "")


@pytest.mark.parametrize(
    "text",
    [
        "HB01/INGOT-1/4R8T2KX9QA",
        "hb01/ingot-1/4r8t2kx9qa",
        "HB01/INGOT-1 4R8T2 KX9QA".replace("T2 K", "T2K"),
        "HTTPS://DEMO.REMELT.EXAMPLE/L/HB01/INGOT-1/4R8T2KX9QA",
        "http://localhost:8000/L/HB01/INGOT-1/4R8T2KX9QA?lang=en",
        "HB01 / INGOT-1 / 4R8T2-KX9QA",
    ],
)
def test_a_label_is_read_as_it_is_printed_typed_or_scanned(text: str) -> None:
    assert typed.address(text) == ("/L/HB01/INGOT-1/4R8T2KX9QA", "")


def test_a_lot_named_like_a_part_of_an_address_is_still_a_lot() -> None:
    assert typed.address("HB01/L/4R8T2KX9QA") == ("/L/HB01/L/4R8T2KX9QA", "")


def test_a_lot_without_its_digits_is_told_that_they_matter() -> None:
    assert typed.address("HB01/INGOT-1") == ("", "home_digits")


@pytest.mark.parametrize(
    "text",
    ["", "hello", "ABCD-EFGH-JKM", "ABCD-EFGH-JKMU", "../../etc/passwd", "//evil.example/C/x",
     "HB01/INGOT-1/4R8T2KX9Q!", "a/b/c/d", "ß" * 12, "\x00", "🧱" * 300, "HB01/" + "A" * 5000],
)  # fmt: skip
def test_what_is_neither_leads_nowhere(text: str) -> None:
    assert typed.address(text) == ("", "home_unread")


def test_other_peoples_letters_do_not_become_ours() -> None:
    assert typed.label("HB01", "ſ", "4R8T2KX9QA") is None
    assert typed.label("hb01", "ı", "4r8t2kx9qa") is None
