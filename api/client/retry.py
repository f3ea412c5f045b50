"""When to ask again. Pure: clock and luck come in, sending and waiting go out.

Every request may be repeated. What reads changes nothing; what records carries an id, and the
ledger answers an id that it knows with the first answer.
"""

from __future__ import annotations

import email.utils
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, TypeVar

from api.client import wire
from api.client.errors import NoAnswer
from api.client.wire import Answer, Call, Lost, Request

T = TypeVar("T")
_LOGGER: Final = logging.getLogger("remelt.client")

# Busy, restarting, or a proxy that found nobody behind it. Any other refusal is final.
_AGAIN: Final = frozenset({429, 502, 503, 504})
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Retry:
    """attempts: how often at most. timeout_s: of one attempt. total_s: of all, waiting included."""

    attempts: int = 10
    timeout_s: float = 30.0
    total_s: float = 90.0


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, and say what came of it: an Answer or Lost."""

    request: Request
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long."""

    seconds: float


# What a transport is told, what it says to it, and what comes of it all.
Steps = Generator[Send | Wait, Answer | Lost | None, T]


@dataclass(frozen=True, slots=True)
class Patience:
    """How to retry, and by what clock and luck."""

    retry: Retry
    now_s: Callable[[], float]
    luck: Callable[[], float]

    def ask(self, call: Call[T]) -> Steps[T]:
        """Send until there is an answer that will not change. NoAnswer if none comes in time."""
        began, attempt, name = self.now_s(), 0, f"{call.request.method} {call.request.path}"
        while True:
            attempt += 1
            left = self.retry.total_s - (self.now_s() - began)
            came = yield Send(call.request, min(self.retry.timeout_s, max(left, 0.001)))
            if isinstance(came, Answer) and came.status not in _AGAIN:
                if came.status < 300:
                    return call.read(came)
                raise wire.read_refusal(came)
            left = self.retry.total_s - (self.now_s() - began)
            refusal = wire.read_refusal(came) if isinstance(came, Answer) else None
            reason = came.reason if isinstance(came, Lost) else str(refusal)
            pause = self.pause_s(attempt, came if isinstance(came, Answer) else None)
            if attempt >= self.retry.attempts or pause >= left:
                # A refusal now says nothing of the attempts before it, whose answers were lost.
                raise NoAnswer(
                    f"{name}: no answer after {attempt} attempts: {reason}; "
                    "send the same again, ids make that safe"
                ) from refusal
            _LOGGER.info("%s: %s; again in %.1f s", name, reason, pause)
            yield Wait(pause)

    def pause_s(self, attempt: int, answer: Answer | None) -> float:
        """A growing wait of random length, so that many clients do not come back at once."""
        longest: float = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**attempt)
        asked = _asked_s(answer) if answer else 0.0
        return asked + self.luck() * longest


def _asked_s(answer: Answer) -> float:
    """Seconds of Retry-After (RFC 9110 section 10.2.3); a date counts from the answer's own."""
    text = answer.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = email.utils.parsedate_to_datetime(text)
        since = email.utils.parsedate_to_datetime(answer.headers.get("date", ""))
        return max(0.0, (until - since).total_seconds())
    except (ValueError, TypeError):  # not there, or no date; or one of them without a zone
        return 0.0
