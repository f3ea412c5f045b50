"""What a form sends, within limits."""

from __future__ import annotations

import re
import urllib.parse
from typing import Final

from fastapi import Request

from api import deps
from ledger.errors import FormatError

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
BYTES_MAX: Final = 131_072
FIELDS_MAX: Final = 1_100
_OWN_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]{0,400}")


class Form:
    """Fields by name; what is absent is empty."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def one(self, name: str) -> str:
        return next((value for key, value in self._pairs if key == name), "")

    def every(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]


async def read(request: Request) -> Form:
    """The fields of a POST. Raises FormatError."""
    data = await deps.body(request, MEDIA_TYPE, BYTES_MAX)
    return parse(data.decode("utf-8", "replace"))


def asked(request: Request) -> Form:
    """The fields of a GET."""
    return parse(request.url.query)


def parse(text: str) -> Form:
    try:
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise FormatError(
            "BODY_TOO_LARGE", f"more than {FIELDS_MAX} fields", field="body", value=FIELDS_MAX,
            hint="choose fewer lots at once",
        ) from None  # fmt: skip
    return Form(pairs)


def own_path(text: str, otherwise: str) -> str:
    """Where a form leads next: an address of this server, else another."""
    return text if _OWN_PATH.fullmatch(text) else otherwise
