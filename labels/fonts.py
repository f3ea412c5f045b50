"""Fonts as bytes: what they draw, how wide it is, and whether a PDF can hold them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from PIL import ImageFont

from ledger.book.shape import invalid
from ledger.errors import LedgerError

Measure = Callable[[str, int], int]  # the width in dots of a text at a size in dots

ELLIPSIS: Final = "…"
HINT: Final = (
    "install a font that has it (Debian, Ubuntu: apt install fonts-wqy-microhei),"
    " or name a font file in REMELT_FONT"
)
_WEIGHT: Final = 400
_THIN: Final = 300
_PROBE_SIZE: Final = 32
_NO_CHARACTER: Final = "\uffff"


@dataclass(frozen=True, slots=True)
class Font:
    """A font file. name: for people. index: of the font in a collection (.ttc)."""

    name: str
    data: bytes = field(repr=False)
    index: int = 0


@lru_cache(maxsize=1)
def built_in() -> Font:
    """The Latin font that Pillow carries."""
    font = ImageFont.load_default(_PROBE_SIZE)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise LedgerError("SETTING_INVALID", "pillow: built without FreeType, want it with")
    return Font("built-in", font.font_bytes)


def choose(field_name: str, text: str, fonts: Sequence[Font]) -> Font:
    """The first font that draws the whole text, the built-in one before all others."""
    for font in (built_in(), *fonts):
        if draws_all(font, text):
            return font
    anywhere = (c for c in text if not any(draws(font, c) for font in (built_in(), *fonts)))
    missing = next(anywhere, None)
    want = f"a font that draws {missing!r}" if missing else "characters that one font has"
    raise invalid(field_name, text, want, HINT)


def measure(fonts: Sequence[Font]) -> Measure:
    """How wide a text is, in the font that `choose` takes for it; for texts that are checked."""

    def width(text: str, size: int) -> int:
        return _width(choose("label", text, fonts), text, size)

    return width


@lru_cache(maxsize=16_384)
def _width(font: Font, text: str, size: int) -> int:
    # As it is drawn, in whole dots: grey edges would be cut off, and thin strokes with them.
    return int(face(font, size).getlength(text, mode="1")) + 1


@lru_cache(maxsize=4096)
def draws_all(font: Font, text: str) -> bool:
    return all(draws(font, char) for char in text)


@lru_cache(maxsize=8192)
def draws(font: Font, char: str) -> bool:
    # A font draws what it lacks as one and the same glyph, that of a code point that never is.
    probe = face(font, _PROBE_SIZE)
    glyph, none = probe.getmask(char), probe.getmask(_NO_CHARACTER)
    return char.isspace() or (glyph.size, bytes(glyph)) != (none.size, bytes(none))


@lru_cache(maxsize=256)
def face(font: Font, size: int) -> ImageFont.FreeTypeFont:
    try:
        opened = ImageFont.truetype(io.BytesIO(font.data), size, index=font.index)
    except OSError:
        raise LedgerError(
            "SETTING_INVALID",
            f"label font: {font.name!r} cannot be read, want a TrueType or OpenType file",
            field="REMELT_FONT",
            value=font.name,
            hint=HINT,
        ) from None
    _set_regular(opened)
    return opened


def _set_regular(font: ImageFont.FreeTypeFont) -> None:
    # A variable font starts at its thinnest; on thermal paper that is no text.
    try:
        axes = font.get_variation_axes()
    except OSError:
        return
    font.set_variation_by_axes(
        [_WEIGHT if axis.get("name") == b"Weight" else axis["default"] or 0 for axis in axes]
    )


@lru_cache(maxsize=64)
def not_embeddable(font: Font) -> str:
    """Why a PDF cannot hold this font; empty if it can: TrueType outlines of a visible weight."""
    try:
        tables = _tables(font)
        if "glyf" not in tables:
            return "has CFF (PostScript) outlines, not TrueType ones"
        if "fvar" in tables and (weight := _first_weight(font.data, tables["fvar"])) < _THIN:
            return f"is a variable font that starts at weight {weight}"
    except (struct.error, UnicodeDecodeError):
        return "cannot be read"
    return ""


def _tables(font: Font) -> dict[str, int]:
    """The offsets of the tables of a font, by their tags (OpenType, Font file)."""
    start = 0
    if font.data[:4] == b"ttcf":
        (start,) = struct.unpack_from(">I", font.data, 12 + 4 * font.index)
    (count,) = struct.unpack_from(">H", font.data, start + 4)
    records = (struct.unpack_from(">4sIII", font.data, start + 12 + 16 * i) for i in range(count))
    return {tag.decode("ascii"): offset for tag, _, offset, _ in records}


def _first_weight(data: bytes, fvar: int) -> int:
    """The default of the weight axis, 400 if there is none (OpenType, fvar)."""
    axes, _, count, size = struct.unpack_from(">HHHH", data, fvar + 4)
    for at in range(count):
        tag, _, default = struct.unpack_from(">4sii", data, fvar + axes + at * size)
        if tag == b"wght":
            return int(default >> 16)
    return _WEIGHT
