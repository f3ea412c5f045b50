"""The one way the oracle says no."""

from __future__ import annotations


class Refused(Exception):
    """A refusal with the code of the page and the path of the field."""

    def __init__(self, code: str, field: str, message: str = "") -> None:
        super().__init__(f"{code} {field} {message}")
        self.code = code
        self.field = field
        self.message = message
