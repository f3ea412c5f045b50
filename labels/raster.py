"""A label as dots: black and white, the symbol in whole dots."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from labels import fonts, symbol
from labels.fonts import Font
from labels.label import DOTS
from labels.layout import Layout
from labels.textfit import Line


def image(layout: Layout, known: Sequence[Font], border: bool = False) -> Image.Image:
    """The label, one bit deep; 0 is black."""
    bits = Image.new("1", (layout.width, layout.height), 1)
    draw = ImageDraw.Draw(bits)
    for x, y, length in symbol.runs(layout.symbol):
        left, top = layout.x + x * layout.module, layout.y + y * layout.module
        right, bottom = left + length * layout.module - 1, top + layout.module - 1
        draw.rectangle((left, top, right, bottom), fill=0)
    for line in layout.lines:
        _text(draw, line, known)
    if border:
        draw.rectangle((0, 0, layout.width - 1, layout.height - 1), outline=0)
    return bits


def line_image(line: Line, known: Sequence[Font]) -> tuple[Image.Image, int, int]:
    """One line by itself, with the place of its left upper corner."""
    left, top, right, bottom = line.box
    spare = line.size // 4  # accents and strokes that reach out of the box
    width, height = right - left + 2 * spare, bottom - top + 2 * spare
    bits = Image.new("1", (width, height), 1)
    _text(ImageDraw.Draw(bits), line, known, left - spare, top - spare)
    return bits, left - spare, top - spare


def png(picture: Image.Image, dpi: int) -> bytes:
    out = io.BytesIO()
    per_inch = DOTS[dpi] * 254 / 1000
    picture.save(out, "PNG", dpi=(per_inch, per_inch), optimize=True)
    return out.getvalue()


def _text(
    draw: ImageDraw.ImageDraw, line: Line, known: Sequence[Font], left: int = 0, top: int = 0
) -> None:
    if line.inverse:
        x0, y0, x1, y1 = line.box
        draw.rectangle((x0 - left, y0 - top, x1 - left - 1, y1 - top - 1), fill=0)
    face = fonts.face(fonts.choose(line.field, line.text, known), line.size)
    ink = 1 if line.inverse else 0
    at = (line.x - left, line.y - top)
    draw.text(at, line.text, fill=ink, font=face, anchor="ls", stroke_width=line.stroke)
