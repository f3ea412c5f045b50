"""Where everything stands on a label: the QR symbol, the code in text, and the texts beside it.

Counted in dots, because a printer that has to round modules prints symbols that scanners miss:
a module of the symbol is a whole number of dots. Every drawing of a label starts here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from labels import symbol, textfit
from labels.fonts import Measure
from labels.label import DOTS, refusal
from labels.stock import Stock
from labels.symbol import QUIET, Symbol
from labels.textfit import Box, Line, Row

# Q survives more dirt, M makes larger modules: the first that leaves a module of this size wins.
# A phone reads 0.25 mm from a hand's breadth; smaller ones depend on the printer.
_LEAST_MODULE_UM: Final = (("Q", 500), ("M", 330), ("M", 250))
_GOOD_MODULE_UM: Final = 800
_EDGE_UM: Final = 150  # around a quiet zone: what a die is off, or a glyph reaches out
# The shortest side of a label, and the smallest text on it, in tenths of a millimetre.
_LEAST_SIZE: Final = ((21, 12), (30, 14), (1000, 18))


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole label, in dots. x, y: the first module. left_out: fields without room."""

    width: int
    height: int
    symbol: Symbol
    module: int
    x: int
    y: int
    lines: tuple[Line, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One label of a stock in dots. module_max: the largest module the printer's language has."""

    width: int
    height: int
    margin: int
    dots: int  # per 100 mm
    module_max: int = 1000

    def of(self, um: int) -> int:
        return um * self.dots // 100_000

    @property
    def least_size(self) -> int:
        side_mm = min(self.width, self.height) * 100 // self.dots
        return self.of(100 * next(size for side, size in _LEAST_SIZE if side_mm < side))


@dataclass(frozen=True, slots=True)
class _Plan:
    drawn: Symbol
    module: int
    left: int  # of the symbol with its quiet zone
    top: int
    code: tuple[Line, ...]
    box: Box


def cell_of(stock: Stock, dpi: int, module_max: int = 1000) -> Cell:
    sizes = (stock.width_um, stock.height_um, stock.margin_um)
    width, height, margin = (size * DOTS[dpi] // 100_000 for size in sizes)
    return Cell(width, height, margin, DOTS[dpi], module_max)


def arrange(payload: str, code: str, rows: Sequence[Row], cell: Cell, measure: Measure) -> Layout:
    """Place the symbol, the code in text and the rows, as large as they fit.

    On a label taller than wide everything stands below the symbol, else beside it. Rows without
    room are left out from the end, the code and required rows never. Raises FormatError.
    """
    if cell.height * 5 >= cell.width * 4:
        plan = _below(payload, code, rows, cell, measure)
    else:
        under = _under(payload, code, cell, measure)
        beside = _beside(payload, code, cell, measure)
        good = cell.of(_GOOD_MODULE_UM)
        plans = [p for p in (under, beside) if p]
        plan = max(plans, key=lambda p: (p.drawn.correction, min(p.module, good)), default=None)
    if plan is None:
        size = f"{cell.width * 100 // cell.dots} x {cell.height * 100 // cell.dots} mm"
        hint = "take a larger label; a shorter host name makes a smaller code"
        want = f"a label with room for a code of {len(payload)} characters"
        raise refusal("stock", size, want, hint)
    lines, left_out = textfit.stack(rows, plan.box, cell.least_size, measure)
    quiet = QUIET * plan.module
    return Layout(
        *(cell.width, cell.height, plan.drawn, plan.module, plan.left + quiet, plan.top + quiet),
        *(plan.code + lines, left_out),
    )


def moved(drawn: Layout, right_um: int, down_um: int, cell: Cell) -> Layout:
    """The label printed so far aside. Raises FormatError if part of it would be lost."""
    side = len(drawn.symbol.modules) * drawn.module
    boxes = [(drawn.x, drawn.y, drawn.x + side, drawn.y + side), *(ln.box for ln in drawn.lines)]
    shifts = (("offset_x_um", right_um, drawn.width), ("offset_y_um", down_um, drawn.height))
    for axis, (field, shift_um, size) in enumerate(shifts):
        first, last = min(box[axis] for box in boxes), max(box[axis + 2] for box in boxes)
        if shift_um and not -first <= cell.of(shift_um) <= size - last:
            least, most = (dots * 100_000 // cell.dots for dots in (-first, size - last))
            want = f"{least} to {most} on this label"
            raise refusal(field, shift_um, want, "set the position at the printer itself")
    right, down = cell.of(right_um), cell.of(down_um)
    lines = tuple(replace(line, x=line.x + right, y=line.y + down) for line in drawn.lines)
    return replace(drawn, x=drawn.x + right, y=drawn.y + down, lines=lines)


def _under(payload: str, code: str, cell: Cell, measure: Measure) -> _Plan | None:
    """Symbol left, texts right, the code below both."""
    inner = cell.width - 2 * cell.margin
    size, parts = _code(code, inner, cell, measure)
    code_top = cell.height - cell.margin - _code_height(size, len(parts))
    fitting = _fitting(payload, cell.width * 45 // 100, code_top, cell)
    if fitting is None:
        return None
    drawn, module, inset = fitting
    right = inset + drawn.side * module + cell.of(_EDGE_UM)
    # In line with the symbol, or as far left of it as the longest part needs.
    longest = max(measure(part, size) for part in parts)
    left = max(cell.margin, min(inset + QUIET * module, cell.width - cell.margin - longest))
    lines = textfit.lines("code", parts, left, code_top, size, measure)
    height = code_top - size * 2 // 3 - cell.margin
    box = Box(right, cell.margin, cell.width - cell.margin - right, height)
    return _Plan(drawn, module, inset, inset, lines, box)


def _beside(payload: str, code: str, cell: Cell, measure: Measure) -> _Plan | None:
    """Symbol left over the whole height, texts right, the code at their foot."""
    fitting = _fitting(payload, cell.width * 60 // 100, cell.height, cell, (1, 2))
    if fitting is None:
        return None
    drawn, module, inset = fitting
    outer = drawn.side * module
    right = inset + outer + cell.of(_EDGE_UM)
    inner = cell.width - cell.margin - right
    size, parts = _code(code, inner, cell, measure)
    code_top = cell.height - cell.margin - _code_height(size, len(parts))
    if code_top < cell.margin:
        return None
    lines = textfit.lines("code", parts, right, code_top, size, measure)
    box = Box(right, cell.margin, inner, code_top - size // 3 - cell.margin)
    return _Plan(drawn, module, inset, (cell.height - outer) // 2, lines, box)


def _below(
    payload: str, code: str, rows: Sequence[Row], cell: Cell, measure: Measure
) -> _Plan | None:
    """Symbol on top, the code below it, then the texts."""
    inner = cell.width - 2 * cell.margin
    size, parts = _code(code, inner, cell, measure)
    code_height = _code_height(size, len(parts))
    must = sum(row.required for row in rows) * textfit.height(cell.least_size, 1)
    most = cell.height - cell.margin - code_height - must
    fitting = _fitting(payload, cell.width, min(most, cell.height * 45 // 100), cell, (2, 1))
    if fitting is None or fitting[0].correction != "Q":
        fitting = _fitting(payload, cell.width, most, cell, (2, 1))
    if fitting is None:
        return None
    drawn, module, inset = fitting
    outer = drawn.side * module
    left, code_top = (cell.width - outer) // 2, inset + outer
    at = max(cell.margin, min(left + QUIET * module, cell.width - cell.margin - inner))
    lines = textfit.lines("code", parts, at, code_top, size, measure)
    top = code_top + code_height + min(size, cell.margin)
    box = Box(cell.margin, top, inner, cell.height - cell.margin - top)
    return _Plan(drawn, module, left, inset, lines, box)


def _fitting(
    payload: str, width: int, height: int, cell: Cell, edges: tuple[int, int] = (1, 1)
) -> tuple[Symbol, int, int] | None:
    """The symbol, its module and its distance from the edges: the first that is large enough.

    The quiet zone is blank anyway, so it may lie in the margin. edges: of the label that it stands
    between, across and down.
    """
    edge = cell.of(_EDGE_UM)
    for correction, least_um in _LEAST_MODULE_UM:
        drawn = symbol.symbol(payload, correction)
        most = min(min(width, height) // drawn.side, cell.module_max)
        for module in range(most, 0, -1):
            inset = max(edge, cell.margin - QUIET * module)
            across, down = (drawn.side * module + inset * count for count in edges)
            if across <= width and down <= height:
                break
        else:
            continue
        if module * 100_000 >= least_um * cell.dots:
            return drawn, module, inset
    return None


def _code(code: str, width: int, cell: Cell, measure: Measure) -> tuple[int, list[str]]:
    """The size of the code in text and its lines, the payload over as many as it takes."""
    least = cell.least_size
    size = max(least, min(cell.width, cell.height) // 25)
    while size > least and len(_wrap(code, size, width, measure)) > 2:
        size -= 1
    return size, _wrap(code, size, width, measure)


def _code_height(size: int, count: int) -> int:
    """Codes are capitals: what hangs below them may hang into the margin."""
    return textfit.height(size, count) - size // 8


def _wrap(code: str, size: int, width: int, measure: Measure) -> list[str]:
    """Broken before a slash or after a dot where that is possible."""
    lines = [""]
    for part in re.findall(r"[A-Za-z]+://|/*[^/.]+\.?|.", code):
        if measure(lines[-1] + part, size) <= width:
            lines[-1] += part
            continue
        lines.append("")
        for char in part:
            if not lines[-1] or measure(lines[-1] + char, size) <= width:
                lines[-1] += char
            else:
                lines.append(char)
    return [line for line in lines if line]
