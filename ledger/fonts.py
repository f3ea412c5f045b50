"""The fonts of this machine that labels and certificates may be printed with.

REMELT_FONT names one file more; it is tried first. Fonts are read once.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

import reportlab  # type: ignore[import-untyped]

from labels import fonts
from labels.fonts import Font
from ledger.errors import LedgerError

# TrueType outlines before CFF ones: only those can be put into a PDF.
_PLACES: Final = (
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/wenquanyi/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "/Library/Fonts/Arial Unicode.ttf",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simsun.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
)


def find() -> tuple[Font, ...]:
    """The fonts to try after the built-in one: REMELT_FONT, accented Latin, one Chinese font.

    Raises LedgerError SETTING_INVALID if REMELT_FONT names no font file.
    """
    named = os.environ.get("REMELT_FONT", "")
    return (*((_named(named),) if named else ()), *_installed())


def _named(path: str) -> Font:
    try:
        font = Font(Path(path).name, _read(path))
    except OSError as error:
        raise LedgerError(
            "SETTING_INVALID",
            f"REMELT_FONT: {path!r} cannot be read ({error.strerror}), want a font file",
            field="REMELT_FONT",
            value=path,
            hint=fonts.HINT,
        ) from None
    fonts.face(font, 12)  # refuses what is no font
    return font


@lru_cache(maxsize=1)
def _installed() -> tuple[Font, ...]:
    # Bitstream Vera comes with reportlab: accents and signs that the built-in font lacks.
    places = [str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")]
    places += [place for place in _PLACES if Path(place).is_file()][:1]
    return tuple(Font(Path(place).name, _read(place)) for place in places)


@lru_cache(maxsize=8)
def _read(path: str) -> bytes:
    return Path(path).read_bytes()
