"""Labels, drawn: one function per format, all from the same label and options.

fonts: what the caller found on the machine (ledger/fonts.py), tried in order for texts that the
built-in font cannot draw. Every refusal is a FormatError that names the field.
"""

from __future__ import annotations

from collections.abc import Sequence

from labels.fonts import Font as Font
from labels.label import Label as Label
from labels.label import Options as Options


def png(label: Label, options: Options, fonts: Sequence[Font] = ()) -> bytes:
    """One label at its true size, black and white."""
    raise NotImplementedError


def svg(label: Label, options: Options, fonts: Sequence[Font] = ()) -> str:
    """One label in true millimetres, text as text; nothing is fetched from anywhere."""
    raise NotImplementedError


def pdf(labels: Sequence[Label], options: Options, fonts: Sequence[Font] = ()) -> bytes:
    """Sheets of labels, each label `copies` times, from the first cell that is not used."""
    raise NotImplementedError


def zpl(labels: Sequence[Label], options: Options, fonts: Sequence[Font] = ()) -> str:
    """ZPL II, one format per label; ASCII only."""
    raise NotImplementedError


def test_page(options: Options, fonts: Sequence[Font] = ()) -> bytes:  # noqa: PT028
    """A PDF page to hold against a sheet: outlines, crosses, and scales to read the trim from."""
    raise NotImplementedError


def left_out(label: Label, options: Options, fonts: Sequence[Font] = ()) -> tuple[str, ...]:
    """The fields of the label for which the stock has no room, least important first."""
    raise NotImplementedError
