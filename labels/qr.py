"""The symbol of a payload for a terminal, in half blocks."""

from __future__ import annotations

from labels import symbol


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
