"""GS1 keys and Digital Links: check digits, prefixes, the way there and the strict way back."""

from __future__ import annotations

import pytest

from labels import gs1
from ledger.errors import FormatError

GTIN = "09506000134352"  # of GS1's own published examples
LINK = f"https://id.gs1.org/01/{GTIN}/10/ABC123"


def refused(text: str) -> FormatError:
    with pytest.raises(FormatError) as caught:
        gs1.genuine(gs1.gtin(text))
    return caught.value


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        ("9506000134352", GTIN),
        (GTIN, GTIN),
        ("614141123452", "00614141123452"),
        ("4006381333931", "04006381333931"),
        ("96385074", "00000096385074"),
        ("10614141543219", "10614141543219"),
        ("416000336108", "00416000336108"),
    ],
)
def test_a_gtin_of_any_length_becomes_14_digits(written: str, whole: str) -> None:
    assert gs1.gtin(written) == whole


def test_every_wrong_check_digit_and_every_swap_of_neighbours_but_five_apart_is_found() -> None:
    for digit in "0123456789":
        if digit != GTIN[-1]:
            error = refused(GTIN[:-1] + digit)
            assert "check digit 2" in error.message
    for i in range(1, 13):
        swapped = GTIN[:i] + GTIN[i + 1] + GTIN[i] + GTIN[i + 2 :]
        if (int(GTIN[i]) - int(GTIN[i + 1])) % 5:
            assert refused(swapped).code == "FIELD_INVALID"


@pytest.mark.parametrize(
    "text",
    ["", "1", "123456789", "950600013435X", " 9506000134352", "9506000134352 ", "९५०६०००१३४३५२",
     "０９５０６０００１３４３５２", "0" * 400],
)  # fmt: skip
def test_what_is_no_gtin_is_refused(text: str) -> None:
    error = refused(text)
    assert error.field == "gtin"
    assert "8, 12, 13 or 14 digits" in error.message


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("020000000000", "shop"),
        ("029999999999", "shop"),
        ("040000000000", "company"),
        ("050000000000", "coupons"),
        ("200000000000", "shop"),
        ("299999999999", "shop"),
        ("951000000000", "EPC"),
        ("977123456789", "ISSN"),
        ("978316148410", "ISBN"),
        ("979123456789", "ISBN"),
        ("980123456789", "refund"),
        ("981123456789", "coupons"),
        ("985123456789", "coupons"),
        ("990123456789", "coupons"),
        ("999999999999", "coupons"),
    ],
)
def test_numbers_that_no_seller_has_on_goods_are_refused_with_the_reason(
    start: str, why: str
) -> None:
    for lead in ("", "0", "1", "9"):
        body = lead + start
        error = refused(f"{body}{gs1.check_digit(body)}")
        assert why in error.message
        assert "GS1 gave" in error.message


def test_eight_digits_have_prefixes_of_their_own() -> None:
    assert gs1.gtin("96385074") == "00000096385074"
    for body, why in (("0123456", "UPC-E"), ("2123456", "shop"), ("9771234", "no goods")):
        text = f"{body}{gs1.check_digit(body)}"
        assert why in refused(text).message
        assert why in refused(text.zfill(14)).message, "zeros in front change nothing"
    assert refused("0" * 8).code == refused("0" * 14).code == "FIELD_INVALID"


def test_numbers_for_demonstrations_are_taken_only_when_that_is_said() -> None:
    assert "952 is for demonstrations" in refused("09520123456788").message
    assert gs1.genuine("09520123456788", demo=True) == "09520123456788"
    assert gs1.is_demo("09520123456788")
    assert not gs1.is_demo(GTIN)


def test_the_check_digits_of_gs1s_examples() -> None:
    assert gs1.sscc("952012345678912345") == "952012345678912345"
    assert gs1.sscc("006141411234567890") == "006141411234567890"
    assert gs1.gln("9520123456788") == "9520123456788"
    for call, text in (
        (gs1.sscc, "952012345678912346"),
        (gs1.sscc, "0061414112345678"),
        (gs1.gln, "9520123456789"),
        (gs1.gln, "09520123456788"),
    ):
        with pytest.raises(FormatError):
            call(text)


def test_a_lot_is_at_most_20_characters_of_set_82() -> None:
    assert gs1.lot("ABC-123/4") == "ABC-123/4"
    assert gs1.lot("A" * 20) == "A" * 20
    for wrong in ("", "A" * 21, "A B", "É", "A#", "A[", "A~", "\n", "A@B", "A^B"):
        with pytest.raises(FormatError):
            gs1.lot(wrong)


def test_a_label_is_in_capitals_and_read_back() -> None:
    link = gs1.digital_link("demo.remelt.example", GTIN, "INGOT-1")
    assert link == f"HTTPS://DEMO.REMELT.EXAMPLE/01/{GTIN}/10/INGOT-1"
    assert gs1.parse(link) == gs1.DigitalLink(GTIN, "INGOT-1")
    assert gs1.canonical(GTIN, "INGOT-1") == f"https://id.gs1.org/01/{GTIN}/10/INGOT-1"
    assert gs1.canonical(GTIN, "A/B%C") == f"https://id.gs1.org/01/{GTIN}/10/A%2FB%25C"
    assert gs1.parse(gs1.canonical(GTIN, "A/B%C")).lot == "A/B%C"
    for host, lot in (("b\u00fccher.example", "A"), ("a b", "A"), ("a.example", "abc")):
        with pytest.raises(FormatError):
            gs1.digital_link(host, GTIN, lot)


# Facts of the test cases of GS1's own syntax engine (gs1/gs1-syntax-engine, dl.c), for GTINs.
ENGINE_TAKES = {
    "https://a/01/12312312312333": ("12312312312333", "", ""),
    "HTTPS://a/01/12312312312333/22/TEST/10/ABC/21/XYZ": ("12312312312333", "ABC", "XYZ"),
    "https://a/more/stem/01/12312312312333/10/01": ("12312312312333", "01", ""),
    "https://a/00/faux/01/12312312312333": ("12312312312333", "", ""),
    "https://a/01/12312312312333/22/ABC%2d123?99=ABC&98=XYZ%2f987": ("12312312312333", "", ""),
    "https://a/01/12312312312333/22/test/10/abc/21/xyz#": ("12312312312333", "abc", "xyz"),
    "https://a/01/12312312312333/10/AB+12": ("12312312312333", "AB+12", ""),
    "https://a/01/12312312312333?&&&99=ABC&&&98=XYZ&&&": ("12312312312333", "", ""),
    "https://a/01/12312312312333?99=ABC&unknown=666&singleton": ("12312312312333", "", ""),
    "https://id.gs1.org/01/09520123456788/10/ABC1/21/12345?17=180426": (
        "09520123456788", "ABC1", "12345",
    ),
    "https://example.com/01/09520123456788?3103=000195&3922=0299&17=201225": (
        "09520123456788", "", "",
    ),
}  # fmt: skip
ENGINE_REFUSES = (
    "https://a/gtin/12312312312333",
    "https://a/01/2112345678900",
    "https://a/01/416000336108",
    "https://a/01/02345673",
    "https://a/01/12312312312333?99=",
    "https://a/01/12312312312333?99=ABC&999=faux",
    "https://a/01/12312312312333/22/ABC%2d123?99=ABC&98=XYZ+987",
    "https://example.com/01/09520123456788?10=ABC123",
    "https://id.gs1.org/01/09520123456788/10/ABC123?99=XYZ789&01=09520123456788",
    "https://id.gs1.org/01/09520123456788/10/ABC123?99=XYZ789&10=ABC123",
    "https://id.gs1.org/01/09520123456788/10/ABC123?99=XYZ789&99=XYZ789",
    "https://example.com/01/09520123456788/89/ABC123?99=XYZ",
    "https://example.com/01/09520123456788?99=XYZ&89=ABC123",
    "https://a/01/12312312312334",
)


@pytest.mark.parametrize("text", ENGINE_TAKES)
def test_what_gs1s_own_engine_takes_is_read(text: str) -> None:
    found = gs1.parse(text)
    assert (found.gtin, found.lot, found.serial) == ENGINE_TAKES[text]


@pytest.mark.parametrize("text", ENGINE_REFUSES)
def test_what_gs1s_own_engine_refuses_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        gs1.parse(text)


def test_weights_and_dates_in_the_query_are_read() -> None:
    found = gs1.parse(f"{LINK}?3103=001250&17=261231&linkType=gs1:pip")
    assert found.attributes == {"3103": "001250", "17": "261231"}
    for wrong in ("3103=1250", "3103=00125X", "3103=", "17=26%G1", "17=%C3%A9"):
        with pytest.raises(FormatError):
            gs1.parse(f"{LINK}?{wrong}")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"https://id.gs1.org/01/{GTIN}/21/5/10/A", "21 before 10"),
        (f"https://id.gs1.org/10/A/01/{GTIN}", "10 before 01"),
        (f"https://id.gs1.org/01/{GTIN}/10/A/10/B", "each AI once"),
        (f"https://id.gs1.org/01/{GTIN}/17/261231", "22, 10 or 21"),
        (f"https://id.gs1.org/01/{GTIN}/10", "begins with 01"),
        (f"https://id.gs1.org/01/{GTIN}/10/", "begins with 01"),
        (f"https://id.gs1.org/01/{GTIN}/10/A%2", "two hex digits"),
        (f"https://id.gs1.org/01/{GTIN}/10/A%zz", "two hex digits"),
        (f"https://id.gs1.org/01/{GTIN}/10/A%00", "set 82"),
        (f"https://id.gs1.org/01/{GTIN}/10/A%E2%82%AC", "ASCII"),
        (f"https://id.gs1.org/01/{GTIN}/10/{'A' * 21}", "1 to 20"),
        (f"https://id.gs1.org/01/{GTIN[:-1]}3/10/A", "check digit 2"),
        (f"https://id.gs1.org/01/{GTIN[1:]}/10/A", "14 digits"),
        ("https://id.gs1.org/00/952012345678912345", "not an SSCC"),
        ("https://id.gs1.org/414/9520123456788/254/1", "not a GLN"),
        (f"ftp://id.gs1.org/01/{GTIN}/10/A", "an address"),
        (f"id.gs1.org/01/{GTIN}/10/A", "an address"),
        ("https://id.gs1.org", "an address"),
        (LINK + "A" * 400, "an address"),
    ],
)
def test_a_refusal_names_the_part_that_is_wrong(text: str, part: str) -> None:
    with pytest.raises(FormatError) as caught:
        gs1.parse(text)
    assert part in caught.value.message
