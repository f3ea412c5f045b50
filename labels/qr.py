"""The symbol of a payload for a terminal, in half blocks."""

from __future__ import annotations

from dataclasses import dataclass

from labels import symbol
from labels.sheet import Label, Options
from labels.sheet import png as _png
from labels.sheet import svg as _svg


@dataclass(frozen=True, slots=True)
class LabelText:
    """What stands beside the code."""

    lot: str
    material: str
    mass: str
    heat: str = ""
    origin_line: str = ""
    lines: tuple[str, ...] = ()
    heat_caption: str = "Heat"

    def label(self, payload: str) -> Label:
        heat, run = (self.heat, "") if self.heat_caption == "Heat" else ("", self.heat)
        return Label(
            *(payload, self.lot, self.mass, heat, run, self.material, self.origin_line),
            lines=self.lines,
        )


def png(payload: str, text: LabelText) -> bytes:
    return _png(text.label(payload), Options())


def svg(payload: str, text: LabelText) -> str:
    return _svg(text.label(payload), Options())


def terminal(payload: str, *, dark: bool = True) -> str:
    """The symbol, two modules to a character; dark: light text on dark ground."""
    modules = symbol.symbol(payload, "M").modules
    size = len(modules)

    def ink(x: int, y: int) -> bool:
        inside = 0 <= x < size and 0 <= y < size
        return dark != (inside and modules[y][x])

    span = range(-symbol.QUIET, size + symbol.QUIET)
    return "".join(
        "".join(" ▀▄█"[ink(x, y) + 2 * ink(x, y + 1)] for x in span) + "\n" for y in span[::2]
    )
