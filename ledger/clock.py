"""Calendar questions that need the time zone database, and how far a clock is believed."""

from __future__ import annotations

import datetime
import logging
import time
import zoneinfo
from typing import Final

LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: the last time that calendars, RFC 3339 and every JSON tool can show."""

# Linux counts the seconds that a machine sleeps only here.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_LOGGER: Final = logging.getLogger("remelt.clock")


def recorded_ms(clock_ms: int, last_ms: int) -> int:
    """The time of an entry after one of `last_ms`: the clock's, but never back.

    A clock beyond the year 9999 is not believed: an entry of such a time could not be shown, and no
    later entry could be of an earlier one.
    """
    if clock_ms > LAST_MS:
        _LOGGER.error("the clock shows %d ms, which is not believed; set it", clock_ms)
        return last_ms
    return max(clock_ms, last_ms)


def _ahead_ms() -> int:
    """How far the clock is ahead of one that nobody can set."""
    return (time.time_ns() - time.clock_gettime_ns(_STEADY)) // 1_000_000


_BEGAN: Final = _ahead_ms()


def jumped_ms() -> int:
    """How far the clock was set forward (or back, below 0) since this process began."""
    return _ahead_ms() - _BEGAN


def end_of_day_ms(date: str, zone: str) -> int:
    """UTC milliseconds of 24:00 of a date in an IANA zone; in UTC where the zone is not known."""
    try:
        where: datetime.tzinfo = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        where = datetime.UTC
    day = datetime.date.fromisoformat(date)
    try:
        midnight = datetime.datetime.combine(
            day + datetime.timedelta(days=1), datetime.time(), where
        )
    except OverflowError:
        midnight = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return int(midnight.timestamp()) * 1000


def expired(valid_until: str | None, zone: str, now_ms: int) -> bool:
    """Whether a certificate's last day is over (docs/events.md section 8)."""
    return valid_until is not None and now_ms >= end_of_day_ms(valid_until, zone)
