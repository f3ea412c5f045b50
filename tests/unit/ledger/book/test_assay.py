"""Assays, origins, and the milligrams they give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book import assay
from ledger.errors import FormatError

PPB = 10**9


def refusal(parse: Any, value: object) -> tuple[str, str]:
    with pytest.raises(FormatError) as caught:
        parse(value, "body.x")
    return caught.value.code, caught.value.field


def test_contents_are_ppb_and_below_a_limit_counts_as_nothing() -> None:
    written = {"Al": "93.0 %", "Pb": "<0.01 %", "Cu": "35 ppm", "Fe": 12}
    assert assay.parse_assay(written, "assay") == {
        "Al": 930_000_000, "Pb": 0, "Cu": 35_000, "Fe": 12,
    }  # fmt: skip


def test_an_assay_may_name_nothing_or_everything() -> None:
    assert assay.parse_assay({}, "assay") == {}
    assert assay.parse_assay({"Al": "60 %", "Cu": "40 %"}, "assay") == {
        "Al": 600_000_000, "Cu": 400_000_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ({"Al": "60 %", "Cu": "40.0000001 %"}, ("ASSAY_SUM_OVER_100", "body.x")),
        ({"Al": "101 %"}, ("ASSAY_SUM_OVER_100", "body.x")),
        ({"Xx": "1 %"}, ("ELEMENT_UNKNOWN", "body.x.Xx")),
        ({"al": "1 %"}, ("ELEMENT_UNKNOWN", "body.x.al")),
        ({"OTHER": "1 %"}, ("ELEMENT_UNKNOWN", "body.x.OTHER")),
        ({"H2O": "1 %"}, ("ELEMENT_UNKNOWN", "body.x.H2O")),
        ({"Al": "1"}, ("NUMBER_NOT_EXACT", "body.x.Al")),
        ({"Al": "<1"}, ("NUMBER_NOT_EXACT", "body.x.Al")),
        ({"Al": "<<1 %"}, ("NUMBER_NOT_EXACT", "body.x.Al")),
        ({"Al": "< 1 %"}, ("NUMBER_NOT_EXACT", "body.x.Al")),
        ({"Al": "1 kg"}, ("UNIT_UNKNOWN", "body.x.Al")),
        ({"Al": "<1 kg"}, ("UNIT_UNKNOWN", "body.x.Al")),
        ({"Al": None}, ("FIELD_INVALID", "body.x.Al")),
        ({"Al": -1}, ("NUMBER_NOT_EXACT", "body.x.Al")),
        (["Al"], ("FIELD_INVALID", "body.x")),
        ("93 %", ("FIELD_INVALID", "body.x")),
    ],
)
def test_an_assay_that_is_none_is_refused(value: object, refused: tuple[str, str]) -> None:
    assert refusal(assay.parse_assay, value) == refused


def test_an_unknown_element_comes_before_a_wrong_number() -> None:
    assert refusal(assay.parse_assay, {"Al": "x", "Xx": "1 %"})[0] == "ELEMENT_UNKNOWN"


def test_origins_are_for_all_elements_or_for_each() -> None:
    both = {"POST": "60 %", "PRE": "40 %"}
    shares = {"POST": 600_000_000, "PRE": 400_000_000}
    assert assay.parse_origin(both, "origin") == {"*": shares}
    assert assay.parse_origin({"Al": both, "Cu": {"UNK": PPB}}, "origin") == {
        "Al": shares, "Cu": {"UNK": PPB},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ({}, ("ORIGIN_SPLIT_INVALID", "body.x")),
        ({"POST": "99.9999999 %"}, ("ORIGIN_SPLIT_INVALID", "body.x")),
        ({"POST": "60 %", "PRE": "41 %"}, ("ORIGIN_SPLIT_INVALID", "body.x")),
        ({"POST": "101 %"}, ("FIELD_INVALID", "body.x.POST")),
        ({"Al": {}}, ("ORIGIN_SPLIT_INVALID", "body.x.Al")),
        ({"Al": {"POST": "100 %"}, "POST": "100 %"}, ("ELEMENT_UNKNOWN", "body.x.POST")),
        ({"Al": {"POST": "100 %"}, "Cu": "100 %"}, ("FIELD_INVALID", "body.x.Cu")),
        ({"Xx": {"POST": "100 %"}}, ("ELEMENT_UNKNOWN", "body.x.Xx")),
        ({"OLD": "100 %"}, ("VOCABULARY_UNKNOWN", "body.x.OLD")),
        ({"post": "100 %"}, ("VOCABULARY_UNKNOWN", "body.x.post")),
        ({"POST": "100"}, ("NUMBER_NOT_EXACT", "body.x.POST")),
        ({"POST": "1 kg"}, ("UNIT_UNKNOWN", "body.x.POST")),
        ("POST", ("FIELD_INVALID", "body.x")),
    ],
)
def test_an_origin_that_is_none_is_refused(value: object, refused: tuple[str, str]) -> None:
    assert refusal(assay.parse_origin, value) == refused


def test_water_is_rounded_up_and_elements_down() -> None:
    """10 t with 1.5 % water and 93.0 % aluminium, and 3 mg of the same."""
    contents = {"Al": 930_000_000}
    assert assay.grams(10 * PPB, 15_000_000, contents) == {
        "Al": 9_160_500_000, "OTHER": 689_500_000, "H2O": 150_000_000,
    }  # fmt: skip
    assert assay.grams(3, 15_000_000, contents) == {"Al": 1, "OTHER": 1, "H2O": 1}


def test_water_that_was_weighed_before_stays() -> None:
    assert assay.grams_beside_water(100, 7, {"Al": PPB}) == {"Al": 93, "OTHER": 0, "H2O": 7}


contents = st.dictionaries(st.sampled_from(["Al", "Cu", "Pb", "Zn"]), st.integers(0, PPB // 4))


@given(st.integers(0, 2**53 - 1), st.integers(0, PPB), contents)
def test_a_lot_is_water_other_and_elements_exactly(
    wet_mg: int, moisture_ppb: int, assayed: dict[str, int]
) -> None:
    grams = assay.grams(wet_mg, moisture_ppb, assayed)
    assert sum(grams.values()) == wet_mg
    assert min(grams.values()) >= 0
    assert wet_mg * moisture_ppb <= grams["H2O"] * PPB < wet_mg * moisture_ppb + PPB
    assert set(grams) == {*assayed, "OTHER", "H2O"}
