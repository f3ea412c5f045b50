"""The rows of a label, most important first: what is left out when the stock is small, and last."""

from __future__ import annotations

from typing import Final

from labels import captions, fonts
from labels.label import Label, Options
from labels.layout import Cell
from labels.textfit import Row

# Field, size it would like in tenths of a millimetre, lines it may take, bold.
_ROWS: Final = (
    ("lot", 64, 1, True),
    ("reprint", 44, 1, False),
    ("weight", 56, 1, True),
    ("heat", 46, 1, True),
    ("run", 46, 1, True),
    ("material", 40, 2, False),
    ("percent", 36, 3, False),
    ("date", 36, 1, False),
    ("lines", 32, 2, False),
    ("hazard", 40, 4, True),
    ("medium", 26, 2, False),
)
# Whoever handles the metal must see these: a label without room for them is refused.
_REQUIRED: Final = frozenset({"lot", "reprint", "hazard"})


def rows(label: Label, options: Options, cell: Cell) -> list[Row]:
    """Every text that the label shows beside its code."""
    heat, run = (captions.word(name, options.lang) for name in ("heat", "run"))
    shown: dict[str, tuple[str, ...]] = {
        "lot": (label.lot,),
        "reprint": (captions.word("reprint", options.lang),) if options.reprint else (),
        "weight": (label.weight,),
        "heat": (f"{heat} {label.heat}",) if label.heat.strip() else (),
        "run": (f"{run} {label.run}",) if label.run.strip() else (),
        "material": (label.material,),
        "percent": (label.percent,),
        "date": (label.date,),
        "lines": label.lines,
        "hazard": (label.hazard,),
        "medium": (captions.medium_warning(options.medium, options.lang),),
    }
    found = []
    for name, tenths, most, bold in _ROWS:
        for at, text in enumerate(shown[name]):
            field = f"lines[{at}]" if name == "lines" else name
            size, inverse = cell.of(tenths * 100), name == "reprint"
            row = Row(field, text.strip(), size, most, bold, inverse, name in _REQUIRED)
            found += [row] if row.text else []
    return found


def check_drawable(rows: list[Row], code: str, known: tuple[fonts.Font, ...]) -> None:
    """Refuse a text that no font draws: empty boxes on a label are worse than no label."""
    for field, text in [("code", code), *((row.field, row.text) for row in rows)]:
        # One that is cut off ends in an ellipsis.
        fonts.choose(f"label.{field}", text + fonts.ELLIPSIS, known)
