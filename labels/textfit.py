"""Rows of text in a box: as large as they fit, broken at words, never over the edge."""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from labels.fonts import ELLIPSIS, Measure
from labels.label import refusal

_SCALES: Final = tuple(range(400, 100, -12)) + tuple(range(100, 20, -4))  # percent
# A word with its space; % and °C stay with their number.
_WORD: Final = re.compile(r"\S+(?:\s[^\w\s]\S*)*\s*|\s+")


@dataclass(frozen=True, slots=True)
class Row:
    """A text of the label. size: that it would like, in dots; most: lines it may take.

    required: it is never left out. inverse: white on a black ground.
    """

    field: str
    text: str
    size: int
    most: int = 1
    bold: bool = False
    inverse: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, in dots; x, y: the left end of its baseline.

    stroke: what it is widened by on each side, 0 if it is not bold.
    """

    field: str
    text: str
    x: int
    y: int
    size: int
    width: int
    stroke: int = 0
    inverse: bool = False

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the ink and, if inverse, of its ground."""
        aside, more = (_pad(self.size), self.size // 10) if self.inverse else (0, 0)
        top, bottom = self.y - _ascent(self.size), self.y + self.size - _ascent(self.size)
        return self.x - aside, top - more, self.x + self.width + aside, bottom + more


@dataclass(frozen=True, slots=True)
class Box:
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Block:
    row: Row
    size: int
    parts: tuple[str, ...]


def height(size: int, count: int) -> int:
    """What lines of a size take, one below the other."""
    return _pitch(size) * (count - 1) + size if count else 0


def lines(
    field: str, parts: Sequence[str], x: int, top: int, size: int, measure: Measure
) -> tuple[Line, ...]:
    """Lines of a size from a top edge down."""
    return tuple(
        Line(field, part, x, top + _ascent(size) + at * _pitch(size), size, measure(part, size))
        for at, part in enumerate(parts)
    )


def stack(
    rows: Sequence[Row], box: Box, least: int, measure: Measure
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The rows from the top of the box down, and the fields for which there is no room.

    The first row is the largest. Raises FormatError if not even the required rows fit.
    """
    kept = list(rows)
    left_out: list[str] = []
    while kept:
        blocks = _scaled(kept, box, least, measure)
        if blocks is not None:
            return _placed(blocks, box, measure), tuple(left_out)
        last = next((row for row in reversed(kept) if not row.required), None)
        if last is None:
            names = ", ".join(row.field for row in kept)
            raise refusal("stock", names, "room for these texts", "take a larger label")
        kept.remove(last)
        left_out.append(last.field)
    return (), tuple(left_out)


def _scaled(rows: list[Row], box: Box, least: int, measure: Measure) -> list[_Block] | None:
    if box.width < 2 * least or box.height < least:
        return None

    def at(percent: int) -> list[_Block]:
        blocks: list[_Block] = []
        for row in rows:
            wanted = max(least, row.size * percent // 100)
            if blocks:
                wanted = max(least, min(wanted, blocks[0].size))
            blocks.append(_block(row, wanted, box.width, least, measure))
        return blocks

    def fits(percent: int) -> bool:
        return _total(at(percent)) <= box.height

    # Smaller texts never need more room, so the largest scale that fits is found by halving.
    found = bisect.bisect_left(_SCALES, True, key=fits)
    return at(_SCALES[found]) if found < len(_SCALES) else None


def _total(blocks: Sequence[_Block]) -> int:
    gaps = sum(_gap(block.size) for block in blocks[:-1])
    return sum(height(block.size, len(block.parts)) for block in blocks) + gaps


def _placed(blocks: list[_Block], box: Box, measure: Measure) -> tuple[Line, ...]:
    spare = box.height - _total(blocks)
    lead = min(spare // max(len(blocks) - 1, 1), min(block.size for block in blocks) * 2 // 3)
    placed, y = [], box.y
    for block in blocks:
        row, size = block.row, block.size
        stroke = _stroke(row, size)
        x = box.x + (_pad(size) if row.inverse else stroke)
        for at, part in enumerate(block.parts):
            base = y + _ascent(size) + at * _pitch(size)
            width = measure(part, size)
            placed.append(Line(row.field, part, x, base, size, width, stroke, row.inverse))
        y += height(size, len(block.parts)) + _gap(size) + lead
    return tuple(placed)


def _block(row: Row, wanted: int, width: int, least: int, measure: Measure) -> _Block:
    """The row as large as it fits in its lines; at the smallest size it ends in an ellipsis."""
    size = wanted
    while True:
        room = width - 2 * (_pad(size) if row.inverse else _stroke(row, size))
        parts = broken(row.text, size, room, row.most, measure)
        if parts is not None:
            return _Block(row, size, tuple(parts))
        if size <= least:
            return _Block(row, size, tuple(_cut(row.text, size, room, row.most, measure)))
        size = max(least, size - max(1, size // 16))


def broken(text: str, size: int, width: int, most: int, measure: Measure) -> list[str] | None:
    """The text over at most so many lines; None if it needs more or a word is too wide."""
    found = [""]
    for piece in _pieces(text):
        if measure((found[-1] + piece).rstrip(), size) <= width:
            found[-1] += piece
        elif len(found) < most and measure(piece.strip(), size) <= width and found[-1]:
            found.append(piece.lstrip())
        else:
            return None
    return [part.strip() for part in found]


def _cut(text: str, size: int, width: int, most: int, measure: Measure) -> list[str]:
    found: list[str] = []
    rest = text
    while len(found) < most - 1 and measure(rest, size) > width:
        length = _longest(rest, size, width, "", measure)
        space = rest.rfind(" ", 0, length + 1)
        length = space if space > length // 2 else max(length, 1)
        found.append(rest[:length].strip())
        rest = rest[length:].lstrip()
    if measure(rest, size) > width:
        rest = rest[: _longest(rest, size, width, ELLIPSIS, measure)].rstrip() + ELLIPSIS
    return [*found, rest]


def _longest(text: str, size: int, width: int, end: str, measure: Measure) -> int:
    def width_of(length: int) -> int:
        return measure(text[:length].rstrip() + end, size)

    return max(bisect.bisect_right(range(len(text) + 1), width, key=width_of) - 1, 0)


def _pieces(text: str) -> list[str]:
    """What a line may be broken between: words with their space, single wide characters."""
    pieces: list[str] = []
    for word in _WORD.findall(text):
        narrow = ""
        for char in word:
            if unicodedata.east_asian_width(char) in "WF" and not unicodedata.category(
                char
            ).startswith("P"):
                pieces += [narrow, char] if narrow else [char]
                narrow = ""
            elif pieces and not narrow and unicodedata.east_asian_width(char) in "WF":
                pieces[-1] += char  # no line begins with a comma
            else:
                narrow += char
        pieces += [narrow] if narrow else []
    return pieces


def _pitch(size: int) -> int:
    return size * 23 // 20


def _gap(size: int) -> int:
    return size // 4


def _stroke(row: Row, size: int) -> int:
    # Chinese glyphs would close up.
    return size // (24 if row.text.isascii() else 36) if row.bold else 0


def _pad(size: int) -> int:
    return size // 3


def _ascent(size: int) -> int:
    # Chinese glyphs reach higher than Latin capitals.
    return size * 41 // 50
