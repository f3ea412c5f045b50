"""A label as SVG: true millimetres, text as text."""

from __future__ import annotations

import html
from typing import Final

from labels import symbol
from labels.layout import Layout
from labels.stock import Stock
from labels.textfit import Line

_FONTS: Final = "Arial, Helvetica, 'Noto Sans SC', 'Microsoft YaHei', sans-serif"


def svg(layout: Layout, stock: Stock, title: str, payload: str, border: bool = False) -> str:
    """Every text has its length fixed, so that the reader's font cannot run into the symbol."""
    path = "".join(f"M{x} {y}h{n}v1h-{n}z" for x, y, n in symbol.runs(layout.symbol))
    place = f"translate({layout.x} {layout.y}) scale({layout.module})"
    size = f'width="{layout.width}" height="{layout.height}"'
    outline = ' stroke="#000" stroke-width="2"' if border else ""
    return "\n".join(
        (
            '<svg xmlns="http://www.w3.org/2000/svg" role="img"'
            f' width="{_mm(stock.width_um)}mm" height="{_mm(stock.height_um)}mm"'
            f' viewBox="0 0 {layout.width} {layout.height}">',
            f"<title>{html.escape(title)}</title>",
            f"<desc>{html.escape(payload)}</desc>",
            f'<rect {size} fill="#fff"{outline}/>',
            f'<path transform="{place}" shape-rendering="crispEdges" d="{path}"/>',
            f'<g font-family="{_FONTS}">',
            *(_line(line) for line in layout.lines),
            "</g>",
            "</svg>\n",
        )
    )


def _line(line: Line) -> str:
    weight = ' font-weight="bold"' if line.stroke else ""
    ink = ' fill="#fff"' if line.inverse else ""
    left, top, right, bottom = line.box
    ground = f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"/>'
    return (
        f"{ground if line.inverse else ''}"
        f'<text x="{line.x}" y="{line.y}" font-size="{line.size}"{weight}{ink}'
        f' textLength="{line.width}" lengthAdjust="spacingAndGlyphs">'
        f"{html.escape(line.text)}</text>"
    )


def _mm(um: int) -> str:
    return f"{um // 1000}.{um % 1000:03}".rstrip("0").rstrip(".")
