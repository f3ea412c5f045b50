"""Calendar questions that need the time zone database."""

from __future__ import annotations

import datetime
import zoneinfo


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
