"""Draw a label: PNG for printers, SVG for paper of any kind, half blocks for a terminal.

picture = qr.png(payload.lot_payload(host, lot, leaf_hash), qr.LabelText(lot, ...), dpi=203)
"""

from __future__ import annotations

import html
import io
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from labels import layout
from labels.layout import LabelText as LabelText
from labels.layout import Symbol
from labels.layout import symbol as symbol
from ledger.book.shape import invalid
from ledger.errors import LedgerError

# One unit of the SVG is an eighth of a millimetre: it falls on the dots of a thermal printer.
SVG_DPI: Final = 203
_SVG_FONTS: Final = "Arial, Helvetica, 'Noto Sans SC', 'Microsoft YaHei', sans-serif"
_WEIGHT: Final = 400
_PROBE_SIZE: Final = 32
_NO_CHARACTER: Final = "\uffff"
_FONT_HINT: Final = (
    "install a font that has it (Debian, Ubuntu: apt install fonts-noto-cjk or fonts-wqy-zenhei)"
)


def png(
    payload: str,
    text: LabelText,
    *,
    dpi: int = 300,
    width_mm: int = 100,
    height_mm: int = 50,
    font_path: str = "",
) -> bytes:
    """The label in pure black and white, at its true size.

    font_path: a font file for what the built-in font lacks (Chinese). A text that neither font can
    draw is refused: empty boxes on a label are worse than no label.
    """

    def measure(part: str, size: int) -> int:
        return int(_font_for(part, size, font_path).getlength(part)) + 1

    _check_drawable(text, font_path)
    label = layout.arrange(payload, text, dpi, width_mm, height_mm, measure)
    image = Image.new("L", (label.width, label.height), 255)
    draw = ImageDraw.Draw(image)
    for x, y, length in _runs(label.symbol):
        left, top = label.x + x * label.module, label.y + y * label.module
        right, bottom = left + length * label.module - 1, top + label.module - 1
        draw.rectangle((left, top, right, bottom), fill=0)
    for line in label.lines:
        font = _font_for(line.text, line.size, font_path)
        stroke = line.size // 24 if line.bold else 0
        draw.text((line.x, line.y), line.text, fill=0, font=font, anchor="ls", stroke_width=stroke)
    out = io.BytesIO()
    per_inch = layout.DOTS[dpi] * 254 / 1000
    image.point(lambda level: 255 * (level > 127), mode="1").save(
        out, "PNG", dpi=(per_inch, per_inch), optimize=True
    )
    return out.getvalue()


def svg(payload: str, text: LabelText, *, width_mm: int = 100, height_mm: int = 50) -> str:
    """The label in true millimetres, text as text; nothing is fetched from anywhere.

    Every text has its length fixed, so that the reader's font cannot run into the symbol.
    """
    label = layout.arrange(payload, text, SVG_DPI, width_mm, height_mm, _estimate)
    path = "".join(f"M{x} {y}h{length}v1h-{length}z" for x, y, length in _runs(label.symbol))
    place = f"translate({label.x} {label.y}) scale({label.module})"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width_mm}mm"'
            f' height="{height_mm}mm" viewBox="0 0 {label.width} {label.height}">',
            f"<title>{html.escape(text.lot)}</title>",
            f"<desc>{html.escape(payload)}</desc>",
            f'<rect width="{label.width}" height="{label.height}" fill="#fff"/>',
            f'<path transform="{place}" shape-rendering="crispEdges" d="{path}"/>',
            f'<g font-family="{_SVG_FONTS}">',
            *(_svg_line(line) for line in label.lines),
            "</g>",
            "</svg>\n",
        )
    )


def terminal(payload: str, *, dark: bool = True) -> str:
    """The symbol in half blocks, two modules to a character; dark: light text on dark ground."""
    modules = symbol(payload, "M").modules
    size = len(modules)

    def ink(x: int, y: int) -> bool:
        inside = 0 <= x < size and 0 <= y < size
        return dark != (inside and modules[y][x])

    span = range(-layout.QUIET, size + layout.QUIET)
    return "".join(
        "".join(" ▀▄█"[ink(x, y) + 2 * ink(x, y + 1)] for x in span) + "\n" for y in span[::2]
    )


def _runs(drawn: Symbol) -> Iterator[tuple[int, int, int]]:
    """The dark modules as horizontal runs: x, y, length."""
    for y, row in enumerate(drawn.modules):
        x = 0
        while x < len(row):
            length = 0
            while x + length < len(row) and row[x + length]:
                length += 1
            if length:
                yield x, y, length
            x += length or 1


def _svg_line(line: layout.Line) -> str:
    weight = ' font-weight="bold"' if line.bold else ""
    return (
        f'<text x="{line.x}" y="{line.y}" font-size="{line.size}"{weight}'
        f' textLength="{line.width}" lengthAdjust="spacingAndGlyphs">'
        f"{html.escape(line.text)}</text>"
    )


def _estimate(text: str, size: int) -> int:
    """The width of a text in a font we do not have: ours where it can, else by East Asian width."""
    known = "".join(char for char in text if _draws("", char))
    unknown = (char for char in text if not _draws("", char))
    widths = (size if unicodedata.east_asian_width(c) in "WF" else size * 2 // 3 for c in unknown)
    return int(_font("", size).getlength(known)) + 1 + sum(widths)


def _check_drawable(text: LabelText, font_path: str) -> None:
    for row in layout.rows_of(text):
        path = "" if _draws_all("", row.text) else font_path
        missing = [char for char in row.text + layout.ELLIPSIS if not _draws(path, char)]
        if missing:
            raise invalid(row.field, row.text, f"a font that draws {missing[0]!r}", _FONT_HINT)


def _font_for(text: str, size: int, font_path: str) -> ImageFont.FreeTypeFont:
    return _font("" if _draws_all("", text) else font_path, size)


@lru_cache(maxsize=4096)
def _draws_all(font_path: str, text: str) -> bool:
    return all(_draws(font_path, char) for char in text)


@lru_cache(maxsize=4096)
def _draws(font_path: str, char: str) -> bool:
    # A font draws what it lacks as one and the same glyph, that of a code point that never is.
    font = _font(font_path, _PROBE_SIZE)
    glyph, none = font.getmask(char), font.getmask(_NO_CHARACTER)
    return char.isspace() or (glyph.size, bytes(glyph)) != (none.size, bytes(none))


@lru_cache(maxsize=128)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    if not path:
        font = ImageFont.load_default(size)
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise LedgerError("SETTING_INVALID", "pillow: built without FreeType, want it with")
        return font
    try:
        font = ImageFont.truetype(path, size)
    except OSError:
        raise LedgerError(
            "SETTING_INVALID",
            f"label font: {path!r} cannot be read, want a TrueType or OpenType file",
            field="font_path",
            value=path,
            hint=_FONT_HINT,
        ) from None
    _set_regular(font)
    return font


def _set_regular(font: ImageFont.FreeTypeFont) -> None:
    # A variable font starts at its thinnest; on thermal paper that is no text.
    try:
        axes = font.get_variation_axes()
    except OSError:
        return
    font.set_variation_by_axes(
        [_WEIGHT if axis["name"] == b"Weight" else axis["default"] or 0 for axis in axes]
    )
