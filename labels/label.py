"""What a label says, how it is to be printed, and what of that is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from labels import captions
from labels import stock as stocks
from ledger.book import encoding
from ledger.book.shape import invalid
from ledger.errors import FormatError

TEXT_MAX: Final = 200
LINES_MAX: Final = 12
PAYLOAD_MAX: Final = 400
LABELS_MAX: Final = 1000  # of all kinds together, in one document
TRIM_MAX_UM: Final = 20_000
PITCH_MAX_UM: Final = 2_000
FORMS: Final = ("native", "graphics")
# Dots per 100 mm. A "203 dpi" print head has 8 dots per mm.
DOTS: Final = {203: 800, 300: 1181, 600: 2362}

_PAYLOAD: Final = re.compile(r"[!-~]+", re.ASCII)
# Half of a surrogate pair, and what XML cannot hold.
_NO_TEXT: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Label:
    """What one label says. Texts are in the language of the reader; empty ones are left out.

    payload: what the code holds: printable ASCII, best in capitals (the symbol is smaller then).
    code: what stands in text beside the symbol if that is not the payload itself.
    heat, run: the number alone; the caption is printed. hazard: never left out to save room.
    """

    payload: str
    lot: str = ""
    weight: str = ""
    heat: str = ""
    run: str = ""
    material: str = ""
    percent: str = ""
    date: str = ""
    hazard: str = ""
    lines: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How labels are printed.

    copies: of each label. skip: cells of the first sheet that are used already. offset: of the
    whole print, right and down. pitch: added to the distance of columns and rows. form: of ZPL.
    """

    stock: str = "100x50"
    copies: int = 1
    skip: int = 0
    dpi: int = 300
    offset_x_um: int = 0
    offset_y_um: int = 0
    pitch_x_um: int = 0
    pitch_y_um: int = 0
    border: bool = False
    reprint: bool = False
    medium: str = ""
    form: str = "native"
    lang: str = "en"


def check_options(options: Options) -> stocks.Stock:
    """The stock of the options; FormatError (PARAMETER_INVALID) names the first wrong one."""
    choices: tuple[tuple[str, object, Sequence[object]], ...] = (
        ("stock", options.stock, tuple(stocks.STOCKS)),
        ("dpi", options.dpi, tuple(DOTS)),
        ("medium", options.medium, ("", *captions.MEDIA)),
        ("form", options.form, FORMS),
        ("lang", options.lang, captions.LANGUAGES),
    )
    for field, value, known in choices:
        if value not in known:
            names = ", ".join(repr(name) if name == "" else str(name) for name in known)
            raise refusal(field, value, f"one of {names}")
    stock = stocks.STOCKS[options.stock]
    limits = (
        ("copies", options.copies, 1, LABELS_MAX),
        ("skip", options.skip, 0, stock.cells - 1),
        ("offset_x_um", options.offset_x_um, -TRIM_MAX_UM, TRIM_MAX_UM),
        ("offset_y_um", options.offset_y_um, -TRIM_MAX_UM, TRIM_MAX_UM),
        ("pitch_x_um", options.pitch_x_um, -PITCH_MAX_UM, PITCH_MAX_UM),
        ("pitch_y_um", options.pitch_y_um, -PITCH_MAX_UM, PITCH_MAX_UM),
    )
    for field, number, least, most in limits:
        if type(number) is not int or not least <= number <= most:
            want = f"a whole number from {least} to {most}" if most else "0: a page has one label"
            raise refusal(field, number, want)
    return stock


def check_label(label: Label) -> None:
    """Refuse a label with a text that is too long or cannot be seen, by its field."""
    if len(label.payload) > PAYLOAD_MAX or not _PAYLOAD.fullmatch(label.payload):
        want = f"1 to {PAYLOAD_MAX} printable ASCII characters without spaces"
        raise invalid("label.payload", label.payload, want)
    if len(label.lines) > LINES_MAX:
        raise invalid("label.lines", len(label.lines), f"at most {LINES_MAX} lines")
    for field, text in texts(label):
        if len(text) > (PAYLOAD_MAX if field == "label.code" else TEXT_MAX):
            raise invalid(field, text, f"at most {TEXT_MAX} characters")
        if found := encoding.UNSAFE_TEXT.search(text) or _NO_TEXT.search(text):
            raise invalid(field, text, f"text without U+{ord(found[0]):04X}")


def check_count(labels: Sequence[Label], options: Options) -> None:
    """Refuse a document without labels or with too many."""
    if not labels:
        raise refusal("labels", 0, "at least one label")
    if len(labels) * options.copies > LABELS_MAX:
        want = f"at most {LABELS_MAX} labels in one document, copies counted"
        raise refusal("copies", options.copies, want)


def texts(label: Label) -> list[tuple[str, str]]:
    """Every text of a label beside its payload, with the name of its field."""
    names = "lot weight heat run material percent date hazard code".split()
    named = [(f"label.{name}", str(getattr(label, name))) for name in names]
    return named + [(f"label.lines[{i}]", line) for i, line in enumerate(label.lines)]


def refusal(field: str, value: object, want: str, hint: str = "") -> FormatError:
    """PARAMETER_INVALID of an option."""
    message = f"{field}: {value!r}, want {want}"
    return FormatError("PARAMETER_INVALID", message, field=field, value=value, hint=hint)
