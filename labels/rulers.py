"""The test page of a stock: what a person lays over a sheet of labels to see how far it is off.

Where the edge of the first label crosses its scale is the offset to type in; on the last label,
what the pitch adds up to is seen as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from labels import captions, pdf
from labels.fonts import Font
from labels.stock import Stock, Trim, corner, corners

_HAIR_UM: Final = 60
_THICK_UM: Final = 150
_SCALE_UM: Final = 5_000  # how far a scale reaches to both sides of an edge
_STEP_UM: Final = 500
_CROSS_UM: Final = 3_000
_SMALL_UM: Final = 2_000  # of figures
_FIGURE_UM: Final = 1_200
_TEXT_UM: Final = 3_200
_TICKS_UM: Final = ((10_000, 3_500), (5_000, 2_500), (1_000, 1_500))  # every so far, so long


def page(stock: Stock, trim: Trim, lang: str, known: Sequence[Font]) -> bytes:
    sheet = pdf.Page(stock, f"{captions.word('test_page', lang)}: {stock.title}")
    for place in corners(stock, trim):
        pdf.outline(sheet, stock, *place)
        _cross(sheet, place[0] + stock.width_um // 2, place[1] + stock.height_um // 2)
    _rulers(sheet, stock)
    for cell in {0, stock.cells - 1}:
        _scales(sheet, stock, *corner(stock, cell, trim))
    _legend(sheet, stock, trim, lang, known)
    return sheet.bytes()


def _cross(sheet: pdf.Page, x: int, y: int) -> None:
    arm = _CROSS_UM // 2
    sheet.line(x - arm, y, x + arm, y, _HAIR_UM)
    sheet.line(x, y - arm, x, y + arm, _HAIR_UM)


def _rulers(sheet: pdf.Page, stock: Stock) -> None:
    """Millimetres from the left upper corner of the paper, along its upper and left edge."""
    for length_um, down in ((stock.page_width_um, False), (stock.page_height_um, True)):
        for at in range(0, length_um + 1, 1_000):
            tick = next(size for every, size in _TICKS_UM if at % every == 0)
            ends = (0, at, tick, at) if down else (at, 0, at, tick)
            sheet.line(*ends, _HAIR_UM)
            if at % 10_000 == 0 and at:
                x, y = (tick, at + _SMALL_UM // 3) if down else (at + 300, tick)
                sheet.text(x, y, _SMALL_UM, str(at // 1_000))


def _scales(sheet: pdf.Page, stock: Stock, left: int, top: int) -> None:
    """Half millimetres to both sides of the left and the upper edge of a cell, 0 on the edge."""
    reach = range(-_SCALE_UM, _SCALE_UM + 1, _STEP_UM)
    across, down = top + stock.height_um * 7 // 8, left + stock.width_um * 7 // 8
    sheet.line(left - _SCALE_UM, across, left + _SCALE_UM, across, _HAIR_UM)
    sheet.line(down, top - _SCALE_UM, down, top + _SCALE_UM, _HAIR_UM)
    for at in reach:
        arm = 1_200 if at == 0 else 800 if at % 1_000 == 0 else 450
        width = _THICK_UM if at == 0 else _HAIR_UM
        sheet.line(left + at, across - arm, left + at, across, width)
        sheet.line(down - arm, top + at, down, top + at, width)
    for at, sign in ((-_SCALE_UM, "-5"), (_SCALE_UM, "+5")):
        sheet.text(left + at - 600, across + _FIGURE_UM, _FIGURE_UM, sign)
        sheet.text(down + 300, top + at + _FIGURE_UM // 3, _FIGURE_UM, sign)


def _legend(sheet: pdf.Page, stock: Stock, trim: Trim, lang: str, known: Sequence[Font]) -> None:
    """Stock, trim and how to read them, on white in the middle of the page."""
    # A roll has no pitch.
    read = ("read_first", "read_last", "scale") if stock.cells > 1 else ("read_first", "scale")
    lines = [
        f"{captions.word('test_page', lang)}  {stock.name}  {stock.title.replace('×', 'x')}",
        f"{captions.word('offset', lang)}: {_mm(trim.offset_x_um)}, {_mm(trim.offset_y_um)} mm",
        f"{captions.word('pitch', lang)}: {_mm(trim.pitch_x_um)}, {_mm(trim.pitch_y_um)} mm",
        *(captions.word(name, lang) for name in read),
    ]
    name = pdf.font_name("test_page", "".join(lines), known)
    room = stock.page_width_um * 4 // 5
    longest = max(pdf.width_um(name, line, _TEXT_UM) for line in lines)
    size = min(_TEXT_UM, _TEXT_UM * room // longest)
    width, height = longest * size // _TEXT_UM + 2 * size, size * (3 * len(lines) + 3) // 2
    left, top = (stock.page_width_um - width) // 2, (stock.page_height_um - height) // 2
    sheet.box(left, top, width, height)
    for at, line in enumerate(lines):
        sheet.text(left + size, top + size * (3 * at + 4) // 2, size, line, name)


def _mm(um: int) -> str:
    """Micrometres as millimetres with a sign."""
    return f"{'-' if um < 0 else '+'}{abs(um) // 1000}.{abs(um) % 1000:03}"
