"""The table of stocks: sheets that could have been cut from paper."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from labels import stock
from labels.stock import STOCKS, Stock, Trim

A4, LETTER = (210_000, 297_000), (215_900, 279_400)
NAMES = (
    *("100x150", "100x50", "50x25", "70x140", "a4-2x4", "a4-3x8"),
    *("l4731", "l4732", "l4736", "l4778", "l6009", "5160", "5027", "8160", "8167"),
)
each = pytest.mark.parametrize("sheet", STOCKS.values(), ids=STOCKS)


def cells(sheet: Stock, trim: Trim) -> list[tuple[int, int, int, int]]:
    return [
        (left, top, left + sheet.width_um, top + sheet.height_um)
        for left, top in stock.corners(sheet, trim)
    ]


def test_every_stock_that_people_asked_for_is_there() -> None:
    assert set(STOCKS) == set(NAMES)


@each
def test_every_cell_lies_on_the_page_and_on_no_other_cell(sheet: Stock) -> None:
    found = cells(sheet, Trim())
    assert len(found) == sheet.cells == sheet.columns * sheet.rows
    for left, top, right, bottom in found:
        assert 0 <= left < right <= sheet.page_width_um
        assert 0 <= top < bottom <= sheet.page_height_um
    for a, b in itertools.combinations(found, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@each
def test_margins_are_the_same_left_and_right_above_and_below(sheet: Stock) -> None:
    # All makers centre their cells; two micrometres come from whole numbers.
    found = cells(sheet, Trim())
    assert abs(sheet.page_width_um - found[-1][2] - found[0][0]) <= 2
    assert abs(sheet.page_height_um - found[-1][3] - found[0][1]) <= 2


@each
def test_sheets_are_a4_or_us_letter_and_rolls_are_one_label(sheet: Stock) -> None:
    page = (sheet.page_width_um, sheet.page_height_um)
    if sheet.cells == 1:
        assert page == (sheet.width_um, sheet.height_um)
    else:
        assert page == (LETTER if sheet.name in ("5160", "5027", "8160", "8167") else A4)


@pytest.mark.parametrize(
    ("name", "count", "size"),
    [
        ("l4731", 189, (25_400, 10_000)),
        ("l4732", 80, (35_600, 16_900)),
        ("l4736", 48, (45_700, 21_200)),
        ("l4778", 48, (45_700, 21_200)),
        ("l6009", 48, (45_700, 21_200)),
        ("5160", 30, (66_675, 25_400)),
        ("8160", 30, (66_675, 25_400)),
        ("5027", 18, (87_312, 23_812)),  # 3 7/16 in are 87,312.5 µm
        ("8167", 80, (44_450, 12_700)),
        ("a4-2x4", 8, (105_000, 74_000)),
        ("a4-3x8", 24, (70_000, 37_000)),
    ],
)
def test_labels_per_sheet_and_their_size_are_what_the_box_says(
    name: str, count: int, size: tuple[int, int]
) -> None:
    sheet = STOCKS[name]
    assert sheet.cells == count
    assert (sheet.width_um, sheet.height_um) == size


def test_trim_moves_the_sheet_and_stretches_its_pitch() -> None:
    sheet, trim = STOCKS["l4736"], Trim(300, -200, 50, 100)
    assert stock.corner(sheet, 0, trim) == (sheet.left_um + 300, sheet.top_um - 200)
    left, top = stock.corner(sheet, 47, trim)
    plain = stock.corner(sheet, 47, Trim())
    assert (left - plain[0], top - plain[1]) == (300 + 3 * 50, -200 + 11 * 100)


def test_the_documents_name_every_stock_with_its_lengths() -> None:
    page = (Path(__file__).parents[3] / "docs" / "labels.md").read_text(encoding="utf-8")
    row = re.compile(r"\| `(\S+)` \| ([\d.]+) × ([\d.]+) \| (.*?) \| (.*?) \| (.*?) \|")
    found = [hit.groups() for line in page.splitlines() if (hit := row.match(line))]
    shown = {
        name: tuple(filter(None, (width, height, *grid.split(" × "), *rest)))
        for name, width, height, grid, *rest in found
    }
    for name, sheet in STOCKS.items():
        lengths = [sheet.width_um, sheet.height_um]
        expected = [_mm(um) for um in lengths]
        if sheet.cells == 1:
            assert shown[name] == (*expected, "roll")
            continue
        first = f"{_mm(sheet.left_um)}, {_mm(sheet.top_um)}"
        pitch = f"{_mm(sheet.pitch_x_um)}, {_mm(sheet.pitch_y_um)}"
        assert shown[name] == (*expected, str(sheet.columns), str(sheet.rows), first, pitch)


def _mm(um: int) -> str:
    return f"{um / 1000:.3f}".rstrip("0").rstrip(".")
