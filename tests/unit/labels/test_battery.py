"""Codes of traction batteries, part by part, and what batteries are called on the road."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels import battery
from ledger.errors import FormatError

SHARED = Path(__file__).parents[3] / "../shared"
MODEL = SHARED / "data/tractusx/io.catenax.traction_battery_code/2.0.0"
PACK = "001PE12ABCDEFG7C10000001"
REUSED = "001PE127C10000001RM"


def test_a_code_is_taken_apart() -> None:
    assert battery.parse_code(PACK) == battery.BatteryCode(PACK, "P", "E", "2017-12-01", False)
    assert battery.parse_code(REUSED) == battery.BatteryCode(REUSED, "M", "E", "2017-12-01", True)
    shown = battery.described(battery.parse_code(PACK))
    assert shown == "NMC or NCA pack 2017-12-01 三元电池包"
    assert "reuse" in battery.described(battery.parse_code(REUSED))
    assert "梯次利用电池模块" in battery.described(battery.parse_code(REUSED))


def test_the_characters_of_dates_are_31_and_begin_in_2011() -> None:
    for year, digit in ((2011, "1"), (2019, "9"), (2020, "A"), (2021, "B"), (2028, "J")):
        code = f"001PE12ABCDEFG{digit}1Y0000001"
        assert battery.parse_code(code).made == f"{year}-01-31"


@pytest.mark.parametrize(
    ("at", "char", "part"),
    [
        (0, "x", "manufacturer (position 1 to 3)"),
        (3, "B", "level (position 4)"),
        (4, "H", "chemistry (position 5)"),
        (5, "-", "specification (position 6 to 7)"),
        (13, "锂", "traceability (position 8 to 14)"),
        (14, "0", "year (position 15)"),
        (14, "I", "year (position 15)"),
        (14, "Q", "year (position 15)"),
        (15, "D", "month (position 16)"),
        (15, "0", "month (position 16)"),
        (16, "O", "day (position 17)"),
        (16, "Z", "day (position 17)"),
        (23, "A", "serial number (position 18 to 24)"),
        (23, "0", "serial number (position 18 to 24)"),
        (23, "１", "serial number (position 18 to 24)"),
    ],
)
def test_a_refusal_names_the_part(at: int, char: str, part: str) -> None:
    with pytest.raises(FormatError) as caught:
        battery.parse_code(PACK[:at] + char + PACK[at + 1 :])
    assert part in caught.value.message
    assert caught.value.field == "battery_code"


def test_days_that_no_month_has_and_other_lengths_are_refused() -> None:
    for month, day in (("2", "X"), ("4", "Y"), ("B", "Y")):
        with pytest.raises(FormatError, match=r"month \d+ has"):
            battery.parse_code(f"001PE12ABCDEFG7{month}{day}0000001")
    for text in ("", PACK[:-1], PACK + "1", REUSED[:-1], " " + REUSED[1:], PACK * 40):
        with pytest.raises(FormatError):
            battery.parse_code(text)
    with pytest.raises(FormatError, match="reuse mark"):
        battery.parse_code(REUSED[:-2] + "XP")


def test_what_the_catena_x_model_shows_is_taken() -> None:
    if not MODEL.exists():
        pytest.skip(f"{MODEL} is not here")
    example = json.loads((MODEL / "TractionBatteryCode.json").read_text(encoding="utf-8"))
    assert battery.parse_code(example["tractionBatteryCode"]).level == "M"
    assert battery.parse_code(example["tractionBatteryCode"]).made == "2040-02-21"


@given(
    st.from_regex(
        r"[A-Z0-9]{3}[PMC][A-GZ][A-Z0-9]{9}[1-9A-Y][1-9A-C][0-9A-Y][0-9]{7}", fullmatch=True
    )
)
def test_what_is_taken_the_catena_x_pattern_takes_too(code: str) -> None:
    pattern = (
        r"[A-Z0-9]{3}[PMC][A-GZ][A-Z0-9]{2}[A-Z0-9]{7}"
        r"[1-9A-GH-NPR-Y][1-9A-C][0-9A-GH-NPR-Y][0-9]{7}"
    )
    try:
        battery.parse_code(code)
    except FormatError:
        return
    assert re.fullmatch(pattern, code)


@pytest.mark.parametrize(
    ("metal", "form", "number"),
    [
        ("lithium_ion_battery", "pack", "UN3480"),
        ("lithium_ion_battery", "old_scrap", "UN3480"),
        ("lithium_ion_battery", "electronics", "UN3481"),
        ("lithium_ion_battery", "vehicle", "UN3556"),
        ("lead_acid_battery", "vehicle", "UN2794"),
        ("lead_acid_battery", "old_scrap", "UN2794"),
        ("nickel_cadmium_battery", "cell", "UN2795"),
        ("nickel_metal_hydride_battery", "pack", "UN3496"),
    ],
)
def test_batteries_travel_under_their_number_in_both_languages(
    metal: str, form: str, number: str
) -> None:
    said = battery.hazard(metal, form)
    assert said.startswith(f"{number} ")
    assert re.search("[\u4e00-\u9fff]", said)
    assert ("供回收" in said) == (form == "old_scrap")
    assert "损坏" in battery.hazard(metal, form, damaged=True)
    assert len(said) < 200


def test_batteries_of_no_stated_kind_get_no_number_and_other_goods_no_note() -> None:
    assert "UN" not in battery.hazard("battery", "old_scrap")
    assert "kind not stated" in battery.hazard("battery", "pack")
    assert battery.hazard("aluminium", "battery") == ""
    assert battery.hazard("black_mass", "powder", damaged=True) == ""
