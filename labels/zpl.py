"""ZPL II: one format per label, for Zebra printers and those that speak their language.

native: the printer draws the symbol (^BQ) and ASCII texts (^A0); other texts go as graphics.
graphics: the whole label is one graphic field. Graphics are Z64: deflate, base64 and a CRC.
Source: Zebra, ZPL II Programming Guide, ^BQ, ^FD for QR codes, ^FH, ^GF, B64 and Z64 encoding.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageOps

from labels import raster, symbol
from labels.fonts import Font
from labels.label import Options
from labels.layout import Cell, Layout
from labels.textfit import Line

MODULE_MAX: Final = 10  # the largest magnification of ^BQ
_ESCAPED: Final = "_^~"


def native(layout: Layout, payload: str, known: Sequence[Font]) -> list[str]:
    """The fields of a label that the printer draws itself."""
    mode = "A" if symbol.is_alphanumeric(payload) else f"B{len(payload):04}"
    level = layout.symbol.correction
    # Manual mode: a printer that chose byte mode for capitals would draw a larger symbol.
    # Printers draw ^BQ lower by the height that ^BY was last set to, perhaps by somebody else.
    code = (
        f"^BY2,3,1^FO{layout.x},{layout.y - 1}^BQN,2,{layout.module},{level}"
        f"^FH_^FD{level}M,{mode}{escaped(payload)}^FS"
    )
    return [code, *(field for line in layout.lines for field in _line(line, known))]


def graphic(picture: Image.Image, x: int = 0, y: int = 0) -> str:
    """A picture as a graphic field; a set bit is a black dot."""
    data = ImageOps.invert(picture.convert("L")).convert("1").tobytes()
    encoded = base64.b64encode(zlib.compress(data, 9)).decode("ascii")
    check = binascii.crc_hqx(encoded.encode("ascii"), 0)
    row = (picture.width + 7) // 8
    return f"^FO{x},{y}^GFA,{len(data)},{len(data)},{row},:Z64:{encoded}:{check:04X}^FS"


def document(fields: Sequence[str], cell: Cell, options: Options) -> str:
    """One format: its size, its fields and the number of copies."""
    head = f"^XA^CI28^PW{cell.width}^LL{cell.height}^LH0,0"
    return "\n".join((head, *fields, f"^PQ{options.copies}^XZ", ""))


def border(cell: Cell, right: int = 0, down: int = 0) -> str:
    """The edge of the label, moved with its print."""
    size = f"{cell.width - abs(right)},{cell.height - abs(down)}"
    return f"^FO{max(right, 0)},{max(down, 0)}^GB{size},1^FS"


def pasted(picture: Image.Image, right: int, down: int) -> Image.Image:
    """The picture moved, white where nothing is left of it."""
    paper = Image.new("1", picture.size, 1)
    paper.paste(picture, (right, down))
    return paper


def escaped(text: str) -> str:
    """Field data for ^FH_: the command characters and the escape itself in hexadecimal."""
    return "".join(f"_{ord(char):02X}" if char in _ESCAPED else char for char in text)


def _line(line: Line, known: Sequence[Font]) -> list[str]:
    if not line.text.isascii():
        return [graphic(*raster.line_image(line, known))]
    left, top, right, bottom = line.box
    width, height = right - left, bottom - top
    ground = f"^FO{left},{top}^GB{width},{height},{min(width, height)}^FS"
    reverse = "^FR" if line.inverse else ""
    text = (
        f"^FT{line.x},{line.y}{reverse}^A0N,{line.size},{line.size}^FH_^FD{escaped(line.text)}^FS"
    )
    return [ground, text] if line.inverse else [text]
