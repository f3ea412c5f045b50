"""What can go wrong between a program and a ledger, by what the program should do next."""

from __future__ import annotations

from ledger.errors import LedgerError


class ClientError(Exception):
    """Anything that the client raises of itself."""


class Refusal(ClientError):
    """No, and why: correct what `field` names and send it again. `status` 0: never sent."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str = "",
        value: object = None,
        hint: str = "",
        status: int = 0,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.field = field
        self.value = value
        self.hint = hint
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" ({self.hint})" if self.hint else "")

    def as_dict(self) -> dict[str, object]:
        """The refusal as plain data, as in the results of a batch."""
        names = ("code", "field", "value", "message", "hint")
        return {name: getattr(self, name) for name in names}


class NoAnswer(ClientError):
    """Whether it was recorded is not known: send the same event again, with the same id."""


class BadAnswer(ClientError):
    """Something answered that does not speak this language: is the address right?"""


class Untrusted(ClientError):
    """The answer is not what the pinned log key signed. Keep it: it is evidence."""


def refused_here(error: LedgerError) -> Refusal:
    """A refusal that needed no server: the event cannot be signed as it is."""
    return Refusal(error.code, error.message, field=error.field, value=error.value, hint=error.hint)
