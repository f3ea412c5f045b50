"""Stages 4 to 7 as far as kinds share them."""

from __future__ import annotations

from typing import Any

from tests.oracle.refuse import Refused
from tests.oracle.state import State, weight

Event = dict[str, Any]


def known_party(state: State, name: str, path: str) -> None:
    """PARTY_UNKNOWN."""
    if name not in state.parties:
        raise Refused("PARTY_UNKNOWN", path, name)


def actor(state: State, event: Event) -> None:
    """Stage 4 of events at a site: party, site, permission."""
    known_party(state, event["party"], "party")
    if event["site"] not in state.sites:
        raise Refused("SITE_UNKNOWN", "site", event["site"])
    if state.sites[event["site"]].party != event["party"]:
        raise Refused("PERMISSION_DENIED", "site", "another party's site")


def known_lot(state: State, name: str, path: str) -> None:
    """LOT_UNKNOWN."""
    if name not in state.lots:
        raise Refused("LOT_UNKNOWN", path, name)


def new_lot(state: State, name: str, path: str) -> None:
    """LOT_DUPLICATE."""
    if name in state.lots:
        raise Refused("LOT_DUPLICATE", path, name)


def heel_name(name: str, path: str) -> None:
    """Lots named HEEL- belong to furnaces."""
    if name.split("/")[1].startswith("HEEL-"):
        raise Refused("HEEL_DISCONTINUITY", path, name)


def lies_here(state: State, event: Event, name: str, path: str) -> None:
    """Custody and site, heel, in transit."""
    lot = state.lots[name]
    if state.sites[lot.at_site].party != event["party"]:
        raise Refused("PERMISSION_DENIED", path, f"{name} is not in this party's custody")
    if lot.at_site != event["site"]:
        raise Refused("LOT_ELSEWHERE", path, lot.at_site)
    heel_name(name, path)
    if lot.in_transit:
        raise Refused("LOT_IN_TRANSIT", path, name)


def not_empty(state: State, name: str, path: str) -> None:
    """LOT_CONSUMED."""
    if weight(state.lot(name)) == 0:
        raise Refused("LOT_CONSUMED", path, name)


def in_order(state: State, event: Event, name: str, path: str) -> None:
    """EVENT_OUT_OF_ORDER; equal is fine."""
    if event["occurred_at"] < state.lots[name].dated:
        raise Refused("EVENT_OUT_OF_ORDER", path, name)


def touch(state: State, event: Event, name: str) -> None:
    """Compared is the latest date of all events that touched the lot."""
    lot = state.lots[name]
    lot.dated = max(lot.dated, event["occurred_at"])
