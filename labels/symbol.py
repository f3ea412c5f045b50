"""The QR symbol of a payload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import qrcode  # type: ignore[import-untyped]
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData  # type: ignore[import-untyped]

from labels.payload import ALPHANUMERIC

QUIET: Final = 4  # modules of blank paper around the symbol (ISO/IEC 18004)
_CORRECTION: Final = {
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A QR symbol without its quiet zone; True is a dark module."""

    version: int
    correction: str
    modules: tuple[tuple[bool, ...], ...]

    @property
    def side(self) -> int:
        """Modules along an edge, the quiet zone on both ends counted."""
        return len(self.modules) + 2 * QUIET


def is_alphanumeric(payload: str) -> bool:
    return set(payload) <= ALPHANUMERIC


@lru_cache(maxsize=1024)
def symbol(payload: str, correction: str = "Q") -> Symbol:
    """The smallest symbol that holds the payload: in alphanumeric mode, else byte for byte."""
    mode = MODE_ALPHA_NUM if is_alphanumeric(payload) else MODE_8BIT_BYTE
    code = qrcode.QRCode(error_correction=_CORRECTION[correction], border=0)
    code.add_data(QRData(payload.encode("ascii"), mode=mode))
    code.make(fit=True)
    return Symbol(code.version, correction, tuple(tuple(row) for row in code.modules))


def runs(drawn: Symbol) -> Iterator[tuple[int, int, int]]:
    """The dark modules as horizontal runs: x, y, length."""
    for y, row in enumerate(drawn.modules):
        x = 0
        while x < len(row):
            length = 0
            while x + length < len(row) and row[x + length]:
                length += 1
            if length:
                yield x, y, length
            x += length or 1
