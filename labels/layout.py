"""Where everything stands on a label: the QR symbol, the code in text, and the text beside it.

Counted in dots, because a printer that has to round modules prints symbols that scanners miss:
a module of the symbol is a whole number of dots. Every drawing of a label starts here.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import qrcode  # type: ignore[import-untyped]
from qrcode.util import MODE_ALPHA_NUM, QRData  # type: ignore[import-untyped]

from labels import payload as payloads
from ledger.book import encoding
from ledger.book.shape import invalid

QUIET: Final = 4  # modules of blank paper around the symbol (ISO/IEC 18004)
TEXT_MAX: Final = 200
LINES_MAX: Final = 12
SIZE_MM: Final = range(20, 301)
# Dots per 100 mm. A "203 dpi" print head has 8 dots per mm.
DOTS: Final = {203: 800, 300: 1181, 600: 2362}
ELLIPSIS: Final = "…"

# Q survives more dirt, M makes larger modules: the first that leaves a module of this size wins.
_LEAST_MODULE_UM: Final = {"Q": 500, "M": 330}
_CORRECTION: Final = {
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
}
# Tenths of a millimetre.
_MARGIN: Final = 15
_GAP: Final = 15
_CODE_SIZE: Final = 20
_LEAST_SIZE: Final = 18
# Half of a surrogate pair, and what XML cannot hold.
_NO_TEXT: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")

Measure = Callable[[str, int], int]  # the width in dots of a text at a size in dots


@dataclass(frozen=True, slots=True)
class LabelText:
    """What stands beside the code, in the language of the label; empty texts are left out.

    mass: with its unit. origin_line: the percentages. lines: grade, date, REPRINT …
    """

    lot: str
    material: str
    mass: str
    heat: str = ""
    origin_line: str = ""
    lines: tuple[str, ...] = ()
    heat_caption: str = "Heat"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A QR symbol without its quiet zone; True is a dark module."""

    version: int
    correction: str
    modules: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, in dots; x, y: the left end of its baseline."""

    field: str
    text: str
    x: int
    y: int
    size: int
    width: int
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole label, in dots; x, y: the first module of the symbol."""

    width: int
    height: int
    symbol: Symbol
    module: int
    x: int
    y: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A text of the label and the size it would like."""

    field: str
    text: str
    size: int  # tenths of a millimetre
    bold: bool = False


@dataclass(frozen=True, slots=True)
class _Box:
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Paper:
    width: int
    height: int
    dots: int  # per 100 mm

    def of(self, tenths: int) -> int:
        return tenths * self.dots // 1000


@lru_cache(maxsize=256)
def symbol(payload: str, correction: str = "Q") -> Symbol:
    """The smallest symbol that holds the payload in alphanumeric mode."""
    payloads.check_text(payload)
    code = qrcode.QRCode(error_correction=_CORRECTION[correction], border=0)
    code.add_data(QRData(payload.encode("ascii"), mode=MODE_ALPHA_NUM))
    code.make(fit=True)
    return Symbol(code.version, correction, tuple(tuple(row) for row in code.modules))


def arrange(
    payload: str, text: LabelText, dpi: int, width_mm: int, height_mm: int, measure: Measure
) -> Layout:
    """Place the symbol, the label's text beside it and the payload in text under both.

    On a label taller than wide the text goes below. Texts that are too long shrink, then end in an
    ellipsis; the payload is never shortened. Raises FormatError if the symbol does not fit.
    """
    paper = _paper(dpi, width_mm, height_mm)
    rows, tall = rows_of(text), height_mm > width_mm
    margin, gap, size = paper.of(_MARGIN), paper.of(_GAP), paper.of(_CODE_SIZE)
    inner = _Box(margin, margin, paper.width - 2 * margin, paper.height - 2 * margin)
    code = _wrap(payload, size, inner.width, measure)
    code_height = _pitch(size) * len(code)
    if tall:
        drawn, module = _fitting(payload, min(inner.width, inner.height * 55 // 100), paper)
        side = (len(drawn.modules) + 2 * QUIET) * module
        left, code_top = (paper.width - side) // 2, margin + side
        below = code_top + code_height + 2 * gap
        box = _Box(margin, below, inner.width, paper.height - margin - below)
    else:
        room = min(inner.height - code_height, inner.width * 45 // 100)
        drawn, module = _fitting(payload, room, paper)
        side = (len(drawn.modules) + 2 * QUIET) * module
        left, code_top = margin, paper.height - margin - code_height
        beside, top = margin + side + gap, margin + QUIET * module
        box = _Box(beside, top, paper.width - margin - beside, code_top - gap - top)
    x, y = left + QUIET * module, margin + QUIET * module
    # In line with the symbol or the text, or as far left of it as the longest part needs.
    longest = max(measure(part, size) for part in code)
    code_left = min(box.x if tall else x, paper.width - margin - longest)
    lines = [
        _line("payload", part, code_left, code_top + _pitch(size) * at, size, measure)
        for at, part in enumerate(code)
    ] + _stack(rows, box, paper, measure)
    return Layout(paper.width, paper.height, drawn, module, x, y, tuple(lines))


def _paper(dpi: int, width_mm: int, height_mm: int) -> _Paper:
    if dpi not in DOTS:
        raise invalid("label.dpi", dpi, f"one of {', '.join(map(str, DOTS))}")
    if width_mm not in SIZE_MM or height_mm not in SIZE_MM:
        want = f"{SIZE_MM.start} to {SIZE_MM.stop - 1} mm each way"
        raise invalid("label.size", f"{width_mm} x {height_mm} mm", want)
    width, height = (DOTS[dpi] * size_mm // 100 for size_mm in (width_mm, height_mm))
    return _Paper(width, height, DOTS[dpi])


def rows_of(text: LabelText) -> list[Row]:
    """The texts of a label that are not empty, from the top down. Refuses what cannot be seen."""
    if len(text.lines) > LINES_MAX:
        raise invalid("label.lines", len(text.lines), f"at most {LINES_MAX} lines")
    heat = f"{text.heat_caption} {text.heat}".strip() if text.heat else ""
    rows = [
        Row("label.lot", text.lot, 64, bold=True),
        Row("label.heat", heat, 46, bold=True),
        Row("label.mass", text.mass, 52, bold=True),
        Row("label.material", text.material, 40),
        Row("label.origin_line", text.origin_line, 40),
        *(Row(f"label.lines[{i}]", line, 30) for i, line in enumerate(text.lines)),
    ]
    for row in rows:
        if len(row.text) > TEXT_MAX:
            raise invalid(row.field, row.text, f"at most {TEXT_MAX} characters")
        if found := encoding.UNSAFE_TEXT.search(row.text) or _NO_TEXT.search(row.text):
            raise invalid(row.field, row.text, f"text without U+{ord(found[0]):04X}")
    return [row for row in rows if row.text.strip()]


def _fitting(payload: str, side: int, paper: _Paper) -> tuple[Symbol, int]:
    for correction, least_um in _LEAST_MODULE_UM.items():
        drawn = symbol(payload, correction)
        module = side // (len(drawn.modules) + 2 * QUIET)
        if module * 100_000 >= least_um * paper.dots:
            return drawn, module
    size = f"{paper.width * 100 // paper.dots} x {paper.height * 100 // paper.dots} mm"
    want = f"room for a code of {len(payload)} characters"
    hint = "take a larger label; a shorter host name makes a smaller code"
    raise invalid("label.size", size, want, hint)


def _wrap(payload: str, size: int, width: int, measure: Measure) -> list[str]:
    """The payload over as many lines as it takes, broken before a slash where that is possible."""
    lines = [""]
    for part in re.findall(r"/?[^/]+|/", payload):
        if measure(lines[-1] + part, size) <= width:
            lines[-1] += part
            continue
        lines.append("")
        for char in part:
            if measure(lines[-1] + char, size) <= width:
                lines[-1] += char
            else:
                lines.append(char)
    return [line for line in lines if line]


def _stack(rows: list[Row], box: _Box, paper: _Paper, measure: Measure) -> list[Line]:
    """The rows from the top of the box, as large as they fit; those without room are cut off."""
    for percent in range(150, 40, -5):
        sizes = [max(paper.of(row.size) * percent // 100, paper.of(_LEAST_SIZE)) for row in rows]
        if sum(map(_pitch, sizes)) > box.height:
            continue
        wide = (measure(row.text, size) > box.width for row, size in zip(rows, sizes, strict=True))
        if percent <= 100 or not any(wide):
            return _lines(rows, sizes, box, paper, measure)
    return _cut(_lines(rows, sizes, box, paper, measure), box, measure)


def _lines(
    rows: list[Row], sizes: list[int], box: _Box, paper: _Paper, measure: Measure
) -> list[Line]:
    lines = []
    y = box.y
    for row, wanted in zip(rows, sizes, strict=True):
        size = _shrink(row.text, wanted, max(wanted // 2, paper.of(_LEAST_SIZE)), box, measure)
        shown = _shorten(row.text, size, box.width, measure)
        lines.append(_line(row.field, shown, box.x, y, size, measure, row.bold))
        y += _pitch(wanted)
    return lines


def _shrink(text: str, wanted: int, least: int, box: _Box, measure: Measure) -> int:
    # Widths grow nearly with the size, but glyphs are rounded to dots: guess, then step.
    size = max(least, min(wanted, wanted * box.width // max(measure(text, wanted), 1)))
    while size > least and measure(text, size) > box.width:
        size -= 1
    return size


def _cut(lines: list[Line], box: _Box, measure: Measure) -> list[Line]:
    """The lines for which there is room, with an ellipsis for the others."""
    kept = [line for line in lines if line.y + line.size // 4 <= box.y + box.height]
    if not kept:
        size = f"{box.width} x {box.height} dots"
        raise invalid("label.size", size, "room for a line of text", "take a larger label")
    last = kept[-1]
    open_end = last.text.rstrip(ELLIPSIS) + ELLIPSIS
    shown = _shorten(open_end, last.size, box.width, measure)
    kept[-1] = replace(last, text=shown, width=measure(shown, last.size))
    return kept


def _shorten(text: str, size: int, width: int, measure: Measure) -> str:
    if measure(text, size) <= width:
        return text
    text = text.rstrip(ELLIPSIS)

    def width_of(length: int) -> int:
        return measure(text[:length].rstrip() + ELLIPSIS, size)

    longest = bisect.bisect_right(range(len(text)), width, key=width_of) - 1
    return text[: max(longest, 0)].rstrip() + ELLIPSIS


def _line(
    field: str, text: str, x: int, top: int, size: int, measure: Measure, bold: bool = False
) -> Line:
    # Capitals are about three quarters of the size high.
    return Line(field, text, x, top + size * 3 // 4, size, measure(text, size), bold)


def _pitch(size: int) -> int:
    return size * 4 // 3
