"""The oracle against the printed figures of the worked examples, and against its own arithmetic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import case, cases
from tests.oracle.claims import serial_of
from tests.oracle.model import run_lines
from tests.oracle.quantity import content, largest_remainder, mass
from tests.oracle.refuse import Refused
from tests.oracle.shapes import check_digit

EXAMPLES = Path(__file__).parents[2] / "../shared/data/worked_examples.json"


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    if not EXAMPLES.exists():
        pytest.skip("the worked examples are not beside this checkout")
    found: dict[str, Any] = json.loads(EXAMPLES.read_text())
    return found


def al(answer: dict[str, Any], lot: str) -> dict[str, int]:
    """Grams of aluminium on a lot, claims summed up."""
    return case.by_origin(answer["lots"][lot]).get("Al", {})


@pytest.mark.parametrize("name", cases.EXAMPLES)
def test_every_example_holds_under_every_twist(name: str) -> None:
    for twist in cases.TWISTS:
        for one in cases.EXAMPLES[name](twist):
            assert not case.differences(one, run_lines(one.lines)), (one.name, twist)


def test_a_wrong_figure_is_noticed() -> None:
    (one,) = cases.e01()
    one.lots["HB01/INGOT"]["Al"]["POST"] += 1
    assert case.differences(one, run_lines(one.lines))


def test_e01_has_the_printed_figures(printed: dict[str, Any]) -> None:
    (one,) = cases.e01()
    answer, want = run_lines(one.lines), printed["E01"]["expect_mg"]
    assert al(answer, "HB01/INGOT") == want["INGOT"]
    assert al(answer, "HB01/DROSS") == want["DROSS"]
    assert answer["accounts"]["loss:HB01/MELT"]["Al"] == want["LOSS"]
    (certificate,) = answer["certificates"].values()
    assert certificate["of_substance"] == printed["E01"]["shares"]["post_of_ingot_al"]
    assert certificate["of_mass"] == printed["E01"]["shares"]["post_of_ingot_mass"]


def test_e02_has_the_printed_figures(printed: dict[str, Any]) -> None:
    (one,) = cases.e02()
    answer, want = run_lines(one.lines), printed["E02"]["expect_mg"]
    for lot in ("P1", "P2"):
        assert al(answer, f"HB01/{lot}") == want[lot]
    assert answer["accounts"]["loss:HB01/MELT"]["Al"] == case.clean(want["LOSS"])


def test_e03_has_the_printed_figures(printed: dict[str, Any]) -> None:
    (one,) = cases.e03()
    answer = run_lines(one.lines)
    assert al(answer, "HB01/SHEET1") == printed["E03"]["heat1_mg"]["SHEET1"]
    for lot in ("SHEET2", "TRIM2"):
        assert al(answer, f"HB01/{lot}") == printed["E03"]["heat2_mg"][lot]


def test_e05_has_the_printed_figures(printed: dict[str, Any]) -> None:
    for one, figure in zip(cases.e05(), ("post", "recycled"), strict=True):
        answer = run_lines(one.lines)
        shown = {c["substance"]: c["of_substance"] for c in answer["certificates"].values()}
        for element, want in printed["E05"]["expect"].items():
            lot = f"HB01/{cases.SALTS[element][0]}"
            (product,) = (v for k, v in want["expect_mg"].items() if k != "LOSS")
            assert case.by_origin(answer["lots"][lot])[element] == case.clean(product)
            loss = answer["accounts"]["loss:HB01/LEACH"][element]
            assert loss == case.clean(want["expect_mg"]["LOSS"])
            assert shown[element] == want[figure]


def test_e06_has_the_printed_figures(printed: dict[str, Any]) -> None:
    (one,) = cases.e06()
    answer, want = run_lines(one.lines), printed["E06"]["expect_mg"]
    assert al(answer, "HB01/TAP") == want["TAP"]
    assert al(answer, "HB01/HEEL-F1") == want["HEEL_AFTER"]
    assert answer["accounts"]["loss:HB01/MELT"]["Al"] == want["LOSS"]


def test_e08_and_e10_have_the_printed_figures(printed: dict[str, Any]) -> None:
    by_mass, by_share = cases.e08()
    assert by_mass.certificates[10]["claimed_mg"]["POST"] == printed["E08"]["available_post_mg"]
    assert b"70.01 %" in by_share.lines[8]
    assert b"70.00 %" in by_share.lines[9]
    (one,) = cases.e10()
    answer = run_lines(one.lines)
    for lot in ("S1", "S2"):
        assert al(answer, f"HB01/{lot}") == printed["E10"]["split_mg"][lot]


@pytest.mark.parametrize(
    ("quantity", "weights", "parts"),
    [
        (7, [5, 5, 5], [3, 2, 2]),
        (0, [], []),
        (0, [0, 0], [0, 0]),
        (1, [1, 3], [0, 1]),
        (2, [1, 1, 1, 1], [1, 1, 0, 0]),
        (9, [1, 2], [3, 6]),
    ],
)
def test_largest_remainder_of_small_numbers(
    quantity: int, weights: list[int], parts: list[int]
) -> None:
    assert largest_remainder(quantity, weights) == parts


@pytest.mark.parametrize(
    ("text", "milligrams"),
    [("24.98 t", 24_980_000_000), ("24 980 kg", 24_980_000_000), ("9 g", 9000), (5, 5)],
)
def test_masses_of_the_page_are_read(text: object, milligrams: int) -> None:
    assert mass(text, "mass") == milligrams


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("5", "NUMBER_NOT_EXACT"),
        ("05 kg", "NUMBER_NOT_EXACT"),
        ("1 00 kg", "NUMBER_NOT_EXACT"),
        ("1,5 kg", "NUMBER_NOT_EXACT"),
        ("0.5 mg", "NUMBER_NOT_EXACT"),
        ("10000000 t", "NUMBER_NOT_EXACT"),
        (2**53, "NUMBER_NOT_EXACT"),
        (-1, "NUMBER_NOT_EXACT"),
        ("5 lb", "UNIT_UNKNOWN"),
        ("5 %", "UNIT_UNKNOWN"),
        (0, "FIELD_INVALID"),
        ("0 kg", "FIELD_INVALID"),
        (True, "FIELD_INVALID"),
        (None, "FIELD_INVALID"),
    ],
)
def test_masses_that_are_none_are_refused(value: object, code: str) -> None:
    with pytest.raises(Refused) as caught:
        mass(value, "mass")
    assert caught.value.code == code


def test_a_content_below_its_limit_counts_as_zero() -> None:
    assert content("<0.01 %", "assay.Pb") == 0
    assert content("35 ppm", "assay.Pb") == 35_000


def test_a_check_digit_notices_every_single_wrong_digit() -> None:
    serial = serial_of("try", "HUAIBEI-AL", "0198c3a2-7b1e-7c3a-9f00-2b6f6d0c1a11")
    assert len(serial) == 12
    assert check_digit(serial[:11]) == serial[11]
    for place in range(11):
        for digit in "0123456789ABCDEFGHJKMNPQRSTVWXYZ":
            changed = serial[:place] + digit + serial[place + 1 :]
            assert (check_digit(changed[:11]) == changed[11]) == (digit == serial[place])


def test_blank_lines_are_counted_and_skipped() -> None:
    answer = run_lines([b"", b"not json", b"  \n"])
    assert [result["line"] for result in answer["results"]] == [2]
    assert answer["results"][0]["error"]["code"] == "JSON_INVALID"
