"""The label stocks we know, as one table, and where their cells lie. All in micrometres.

A0-series sheets are in the makers' millimetres. US Letter sheets are in inches, of 25,400 µm each;
what is no whole number of micrometres is rounded, which is wrong by half a micrometre at most.
Sources: docs/labels.md, Stocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final


@dataclass(frozen=True, slots=True)
class Stock:
    """A sheet or roll. left, top: of the first cell. margin: inside a cell, kept blank."""

    name: str
    title: str
    page_width_um: int
    page_height_um: int
    columns: int
    rows: int
    width_um: int
    height_um: int
    left_um: int = 0
    top_um: int = 0
    pitch_x_um: int = 0
    pitch_y_um: int = 0
    margin_um: int = 1_500
    round_um: int = 0

    @property
    def cells(self) -> int:
        return self.columns * self.rows


@dataclass(frozen=True, slots=True)
class Trim:
    """What a printer and a sheet are off by: of the whole print, and per column and row."""

    offset_x_um: int = 0
    offset_y_um: int = 0
    pitch_x_um: int = 0
    pitch_y_um: int = 0


def corner(stock: Stock, cell: int, trim: Trim) -> tuple[int, int]:
    """The left and top edge of a cell, counted from 0 along the rows."""
    row, column = divmod(cell, stock.columns)
    return (
        stock.left_um + trim.offset_x_um + column * (stock.pitch_x_um + trim.pitch_x_um),
        stock.top_um + trim.offset_y_um + row * (stock.pitch_y_um + trim.pitch_y_um),
    )


def _inches(value: str) -> int:
    whole, _, part = value.rpartition(" ")
    return round((int(whole or 0) + Fraction(part)) * 25_400)


def _roll(name: str, title: str, width_mm: int, height_mm: int, margin_um: int = 1_500) -> Stock:
    width, height = width_mm * 1000, height_mm * 1000
    return Stock(name, title, width, height, 1, 1, width, height, margin_um=margin_um)


def _letter(
    name: str, title: str, grid: tuple[int, int], cell: str, first: str, pitch: str
) -> Stock:
    """A US Letter sheet. Pairs of inches, across and down, parted by a comma."""
    width, height, left, top, pitch_x, pitch_y = (
        _inches(part.strip()) for part in f"{cell},{first},{pitch}".split(",")
    )
    return Stock(
        *(name, title, _inches("8 1/2"), _inches("11"), *grid, width, height),
        *(left, top, pitch_x, pitch_y, _inches("1/16"), _inches("1/16")),
    )


A4: Final = (210_000, 297_000)

_ALL: Final = (
    _roll("100x150", "100 × 150 mm thermal", 100, 150, 2_500),
    _roll("100x50", "100 × 50 mm thermal", 100, 50),
    _roll("50x25", "50 × 25 mm thermal", 50, 25, 1_000),
    _roll("70x140", "hang tag, 70 × 140 mm", 70, 140, 2_500),
    # Without gaps and up to the edge of the page, where office printers print nothing: wide margin.
    Stock("a4-2x4", "A4, 2 × 4", *A4, 2, 4, 105_000, 74_000, 0, 500, 105_000, 74_000, 5_000),
    Stock("a4-3x8", "A4, 3 × 8", *A4, 3, 8, 70_000, 37_000, 0, 500, 70_000, 37_000, 5_000),
    Stock(
        *("l4731", "Avery L4731, A4, 25.4 × 10 mm", *A4, 7, 27, 25_400, 10_000),
        *(8_480, 13_500, 27_940, 10_000, 700, 1_000),
    ),
    Stock(
        *("l4732", "Avery L4732, A4, 35.6 × 16.9 mm", *A4, 5, 16, 35_600, 16_900),
        *(11_000, 13_300, 38_100, 16_900, 1_000, 1_000),
    ),
    *(
        Stock(
            *(name, f"Avery {name.upper()}, A4, 45.7 × 21.2 mm", *A4, 4, 12, 45_700, 21_200),
            *(9_750, 21_300, 48_267, 21_200, 1_000, 1_500),
        )
        for name in ("l4736", "l4778", "l6009")
    ),
    *(
        _letter(
            *(name, f"Avery {name}, US Letter, 2 5/8 × 1 in", (3, 10)),
            *("2 5/8, 1", "3/16, 1/2", "2 3/4, 1"),
        )
        for name in ("5160", "8160")
    ),
    _letter(
        *("5027", "Avery 5027, US Letter, 3 7/16 × 15/16 in", (2, 9)),
        *("3 7/16, 15/16", "49755/100000, 51125/100000", "4 674/10000, 1 13/100"),
    ),
    _letter(
        *("8167", "Avery 8167, US Letter, 1 3/4 × 1/2 in", (4, 20)),
        *("1 3/4, 1/2", "9/32, 1/2", "2 1/16, 1/2"),
    ),
)
STOCKS: Final = {stock.name: stock for stock in _ALL}


def corners(stock: Stock, trim: Trim) -> Iterator[tuple[int, int]]:
    """The corners of all cells of a sheet, along the rows."""
    return (corner(stock, cell, trim) for cell in range(stock.cells))
