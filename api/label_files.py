"""Labels as files: options as people write them, and one renderer per format."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final

from labels import captions, sheet, stock
from labels import label as checks
from ledger import fonts
from ledger.errors import FormatError

MEDIA_TYPES: Final = {
    "pdf": "application/pdf",
    "zpl": "application/zpl",
    "csv": "text/csv; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
}
SINGLE: Final = ("png", "svg")  # formats of one label
TRIM: Final = {
    "offset_x": checks.TRIM_MAX_UM,
    "offset_y": checks.TRIM_MAX_UM,
    "pitch_x": checks.PITCH_MAX_UM,
    "pitch_y": checks.PITCH_MAX_UM,
}
MM_PATTERN: Final = r"^-?[0-9]{1,2}(\.[0-9]{1,3})?$"
_MM_SCHEMA: Final = {
    "type": "string",
    "pattern": MM_PATTERN,
    "description": "millimetres, at most three decimals, such as 0.4 or -1.25",
}
# What each option may be, for the description of the interface; `checks` refuses the rest.
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "stock": {"type": "string", "enum": list(stock.STOCKS)},
    "copies": {"type": "integer", "minimum": 1, "maximum": checks.LABELS_MAX},
    "skip": {"type": "integer", "minimum": 0},
    "dpi": {"type": "integer", "enum": list(checks.DOTS)},
    **dict.fromkeys(TRIM, _MM_SCHEMA),
    "border": {"type": "boolean"},
    "reprint": {"type": "boolean"},
    "medium": {"type": "string", "enum": ["", *captions.MEDIA]},
    "form": {"type": "string", "enum": list(checks.FORMS)},
    "lang": {"type": "string", "enum": list(captions.LANGUAGES)},
}
_MM: Final = re.compile(MM_PATTERN, re.ASCII)
_COLUMNS: Final = (
    "payload", "lot", "weight", "heat", "run", "material", "percent", "date", "hazard",
)  # fmt: skip
# A spreadsheet takes a file for UTF-8 only with this in front; label software does not mind.
_BOM: Final = "\ufeff"


def micrometres(text: str, field: str) -> int:
    """A length in millimetres as people write it, exact. Raises FormatError."""
    most = TRIM[field]
    if _MM.fullmatch(text):
        whole, _, part = text.lstrip("-").partition(".")
        length = int(whole) * 1000 + int(part.ljust(3, "0"))
        if length <= most:
            return -length if text.startswith("-") else length
    raise FormatError(
        "PARAMETER_INVALID",
        f"{field}: {text[:80]!r}, want millimetres from -{most // 1000} to {most // 1000},"
        " with at most three decimals",
        field=field,
        value=text,
        hint="write for example 0.4 or -1.25; print a test page to read it",
    )


def options(**given: Any) -> sheet.Options:
    """Options with the trim in millimetres, checked. Raises FormatError."""
    trim = {f"{name}_um": micrometres(given.pop(name), name) for name in TRIM if name in given}
    made = sheet.Options(**(given | trim))
    checks.check_options(made)
    return made


def render(kind: str, labels: Sequence[sheet.Label], wanted: sheet.Options) -> bytes:
    """The file of these labels, each `copies` times. Raises FormatError."""
    if kind in SINGLE:
        _check_single(kind, labels, wanted)
    checks.check_count(labels, wanted)
    found = fonts.find()
    match kind:
        case "png":
            return sheet.png(labels[0], wanted, found)
        case "svg":
            return sheet.svg(labels[0], wanted, found).encode()
        case "pdf":
            return sheet.pdf(labels, wanted, found)
        case "zpl":
            return sheet.zpl(labels, wanted, found).encode("ascii")
        case _:
            return _csv(labels, wanted)


def test_page(wanted: sheet.Options) -> bytes:
    return sheet.test_page(wanted, fonts.find())


def left_out(labels: Sequence[sheet.Label], wanted: sheet.Options) -> tuple[str, ...]:
    """The fields for which the stock has no room on some of these labels."""
    found = fonts.find()
    return tuple(dict.fromkeys(f for made in labels for f in sheet.left_out(made, wanted, found)))


def _check_single(kind: str, labels: Sequence[sheet.Label], wanted: sheet.Options) -> None:
    for name, value, least in (
        ("labels", len(labels), 1),
        ("copies", wanted.copies, 1),
        ("skip", wanted.skip, 0),
    ):
        if value != least:
            raise FormatError(
                "PARAMETER_INVALID",
                f"{name}: {value}, want {least}: a {kind} is a picture of one label",
                field=name,
                value=value,
                hint="take pdf or zpl for several",
            )


def _csv(labels: Sequence[sheet.Label], wanted: sheet.Options) -> bytes:
    """A row for each label to be printed, for people with label software of their own."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow((*_COLUMNS, "note_1", "note_2", "note_3", "note_4", "note_5"))
    for label in labels:
        notes = [*label.lines, *[""] * 5][:5]
        row = [*(getattr(label, name) for name in _COLUMNS), *notes]
        rows.writerows([row] * wanted.copies)
    return (_BOM + out.getvalue()).encode()


def stocks() -> list[dict[str, Any]]:
    """The stocks there are; lengths in µm."""
    return [
        {
            "stock": name,
            "title": found.title,
            "page_width_um": found.page_width_um,
            "page_height_um": found.page_height_um,
            "columns": found.columns,
            "rows": found.rows,
            "width_um": found.width_um,
            "height_um": found.height_um,
        }
        for name, found in stock.STOCKS.items()
    ]


def file_name(named: str, kind: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9-]+', '_', named)}.{kind}"
