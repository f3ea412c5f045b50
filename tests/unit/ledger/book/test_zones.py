"""The frozen list of time zones against the database of this machine."""

from __future__ import annotations

import zoneinfo

from ledger.book import zones

# Names that stand in some databases and are no places.
NO_PLACES = {"Factory", "localtime", "posixrules"}


def test_every_listed_zone_is_a_name_of_the_time_zone_database() -> None:
    assert not zones.ZONES - zoneinfo.available_timezones()


def test_every_place_of_the_time_zone_database_is_listed() -> None:
    known = {
        name
        for name in zoneinfo.available_timezones() - NO_PLACES
        if not name.startswith(("posix/", "right/"))
    }
    assert not known - zones.ZONES


def test_no_name_was_broken_by_a_line_end() -> None:
    assert {"America/Blanc-Sablon", "America/Port-au-Prince", "GB-Eire", "NZ-CHAT"} <= zones.ZONES
    assert not [name for name in zones.ZONES if name.endswith("-") or name.startswith("-")]
