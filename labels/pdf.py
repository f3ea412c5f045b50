"""Labels as PDF, in millimetres: symbols as outlines, texts in embedded fonts.

Same labels, same bytes: no clock, no random identifier.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

from labels import fonts, symbol
from labels.fonts import Font
from labels.layout import Layout
from labels.stock import Stock
from labels.textfit import Line
from ledger.book.shape import invalid

BORDER_UM: Final = 100
_FILL_AND_STROKE: Final = 2
_ROUND: Final = 1


class Page:
    """A PDF under way. Lengths are micrometres from the left upper corner of the page."""

    def __init__(self, stock: Stock, title: str) -> None:
        self.height_um = stock.page_height_um
        size = (points(stock.page_width_um), points(stock.page_height_um))
        self.out = io.BytesIO()
        self.canvas: Any = Canvas(self.out, pagesize=size, invariant=1, pageCompression=1)
        self.canvas.setTitle(title)
        self.canvas.setCreator("Remelt")
        self.canvas.setViewerPreference("PrintScaling", "None")  # no "fit to page" unasked

    def line(self, x0: int, y0: int, x1: int, y1: int, width_um: int) -> None:
        self.canvas.setLineWidth(points(width_um))
        ends = (x0, self.height_um - y0, x1, self.height_um - y1)
        self.canvas.line(*(points(end) for end in ends))

    def box(self, left: int, top: int, width: int, height: int) -> None:
        """A white ground with a thin frame."""
        self.canvas.setLineWidth(points(BORDER_UM))
        self.canvas.setFillGray(1)
        place = (left, self.height_um - top - height, width, height)
        self.canvas.rect(*(points(part) for part in place), stroke=1, fill=1)
        self.canvas.setFillGray(0)

    def text(self, x: int, y: int, size_um: int, text: str, font: str = "") -> None:
        """A line of text from the left end of its baseline."""
        self.canvas.setFont(font or font_name("text", text, ()), points(size_um))
        self.canvas.drawString(points(x), points(self.height_um - y), text)

    def bytes(self) -> bytes:
        """The document; the last page is the one that was begun."""
        self.canvas.save()
        return self.out.getvalue()


def points(um: int | Fraction) -> float:
    return float(Fraction(um) * 72 / 25_400)


def form(page: Page, name: str, layout: Layout, dots: int, known: Sequence[Font]) -> None:
    """Draw a label once, to be stamped on many cells. dots: per 100 mm."""
    canvas, scale = page.canvas, points(Fraction(100_000, dots))
    canvas.beginForm(name, 0, 0, layout.width * scale, layout.height * scale)
    canvas.saveState()
    canvas.scale(scale, scale)
    canvas.setLineJoin(_ROUND)
    canvas.addLiteral(" ".join(_rectangles(layout)) + " f")
    for line in layout.lines:
        _line(canvas, line, layout.height, known)
    canvas.restoreState()
    canvas.endForm()


def _rectangles(layout: Layout) -> Iterator[str]:
    """The dark modules as one path: drawn one by one, viewers would leave hair lines between."""
    for x, y, length in symbol.runs(layout.symbol):
        left = layout.x + x * layout.module
        bottom = layout.height - layout.y - (y + 1) * layout.module
        yield f"{left} {bottom} {length * layout.module} {layout.module} re"


def stamp(page: Page, name: str, stock: Stock, left_um: int, top_um: int) -> None:
    canvas = page.canvas
    canvas.saveState()
    canvas.translate(points(left_um), points(page.height_um - top_um - stock.height_um))
    canvas.doForm(name)
    canvas.restoreState()


def outline(page: Page, stock: Stock, left_um: int, top_um: int) -> None:
    """The edge of a cell, to cut along."""
    canvas = page.canvas
    canvas.setLineWidth(points(BORDER_UM))
    bottom = points(page.height_um - top_um - stock.height_um)
    sizes = (points(stock.width_um), points(stock.height_um), points(stock.round_um))
    canvas.roundRect(points(left_um), bottom, *sizes, stroke=1, fill=0)


def font_name(field: str, text: str, known: Sequence[Font]) -> str:
    """The name by which reportlab knows the font of a text. Refuses one that cannot be embedded."""
    tried = []
    for font in (fonts.built_in(), *known):
        if not fonts.draws_all(font, text):
            continue
        if not (why := fonts.not_embeddable(font)):
            return _register(font)
        tried.append(f"{font.name} {why}")
    fonts.choose(field, text, known)  # says which character no font draws
    want = f"a font that can be put into a PDF ({'; '.join(tried)})"
    raise invalid(field, text, want, fonts.HINT)


def width_um(font: str, text: str, size_um: int) -> int:
    return int(pdfmetrics.stringWidth(text, font, size_um)) + 1


@lru_cache(maxsize=32)
def _register(font: Font) -> str:
    name = f"F{zlib.crc32(font.data):08X}-{font.index}"
    pdfmetrics.registerFont(TTFont(name, io.BytesIO(font.data), subfontIndex=font.index))
    return name


def _line(canvas: Any, line: Line, height: int, known: Sequence[Font]) -> None:
    name = font_name(f"label.{line.field}", line.text, known)
    left, top, right, bottom = line.box
    ink = 1 if line.inverse else 0
    # What is set for a text outlives it in a PDF: it ends with the state.
    canvas.saveState()
    if line.inverse:
        canvas.rect(left, height - bottom, right - left, bottom - top, stroke=0, fill=1)
    canvas.setStrokeGray(ink)
    canvas.setLineWidth(2 * line.stroke)
    text = canvas.beginText(line.x, height - line.y)
    text.setFont(name, line.size)
    text.setFillGray(ink)
    width = pdfmetrics.stringWidth(line.text, name, line.size)
    # The dots of the layout were counted with hinted glyphs, which differ by a hair.
    text.setHorizScale(min(100.0, 100 * line.width / width) if width else 100)
    if line.stroke:
        text.setTextRenderMode(_FILL_AND_STROKE)
    text.textOut(line.text)
    canvas.drawText(text)
    canvas.restoreState()
