"""Who reads a page: the language, and the time zone in which dates are shown."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from markupsafe import Markup

from api.pages import names, words
from ledger.book import mass

_FIGURES: Final = 4


@dataclass(frozen=True, slots=True)
class Reader:
    """chosen: whether the language was asked for by name, so that links keep it."""

    language: str
    chosen: bool = False
    zone: str = "UTC"

    def say(self, key: str, **values: Any) -> Markup:
        return words.say(self.language, key, **values)

    def name(self, table: names.Names, code: str) -> str:
        """What a code is called; the code itself where it has no name."""
        return table.get(code, (code, code))[words.LANGUAGES.index(self.language)]

    def element(self, symbol: str) -> Markup:
        """`aluminium (Al)`."""
        if symbol not in names.ELEMENTS:
            return Markup.escape(symbol)
        return self.say("element", name=self.name(names.ELEMENTS, symbol), symbol=symbol)

    def percent(self, number: str) -> Markup:
        """A floored percentage, kept on one line."""
        return _whole(self.say("percent", number=number))

    def mass(self, mass_mg: int) -> Markup:
        """A mass, exact."""
        return _whole(mass.format_mass(mass_mg))

    def about(self, mass_mg: int) -> Markup:
        """A mass for reading: rounded down to four figures."""
        step = max(10 ** (len(str(mass_mg)) - _FIGURES), 1)
        return self.mass(mass_mg // step * step) if mass_mg else _whole("0 kg")

    def listed(self, parts: Sequence[str]) -> Markup:
        """`a`, `a and b`, `a, b and c`."""
        *head, last = parts or ("",)
        return self.enum(head) + self.say("and") + last if head else Markup.escape(last)

    def enum(self, parts: Sequence[str]) -> Markup:
        """`a, b, c`."""
        return self.say("enum").join(parts)

    def date(self, at_ms: int) -> Markup:
        return self.day(_local(at_ms, self.zone))

    def day(self, day: datetime.date) -> Markup:
        return _whole(self.say("date", y=day.year, m=day.month, d=day.day))

    def date_time(self, at_ms: int) -> Markup:
        at = _local(at_ms, self.zone)
        return self.say("date_time", date=self.day(at), h=at.hour, min=at.minute)


def known(code: str) -> Markup:
    """An id of the log, kept on one line where it fits."""
    return Markup('<span class="k">{}</span>').format(code)


def _whole(text: str) -> Markup:
    return Markup('<span class="n">{}</span>').format(text)


def choose(wanted: str | None, accepted: str) -> str:
    """The language: the one asked for by name, else the best of Accept-Language, else English."""
    if wanted is not None and wanted.lower() in words.LANGUAGES:
        return wanted.lower()
    best, best_weight = words.LANGUAGES[0], 0
    for part in accepted[:1000].split(","):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        if language in words.LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def of(request: Request) -> Reader:
    wanted = request.query_params.get("lang")
    language = choose(wanted, request.headers.get("accept-language", ""))
    return Reader(language, wanted is not None and wanted.lower() == language)


def _weight(parameter: str) -> int:
    """The thousandths of `q=0.8`; 0 for what is no weight (RFC 9110 section 12.4.2)."""
    name, _, value = parameter.replace(" ", "").partition("=")
    if not name:
        return 1000
    whole, _, fraction = value.partition(".")
    digits = whole + fraction.ljust(3, "0")[:3]
    return int(digits) if name == "q" and digits.isascii() and digits.isdigit() else 0


def _local(at_ms: int, zone: str) -> datetime.datetime:
    try:
        where: datetime.tzinfo = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        where = datetime.UTC
    try:
        return datetime.datetime.fromtimestamp(at_ms // 1000, where)
    except (OverflowError, ValueError, OSError):
        return datetime.datetime.max
