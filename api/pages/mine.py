"""GET /my and /my/certificates: what somebody's party has a part in, newest first."""

from __future__ import annotations

import urllib.parse
from typing import Any, Final

from fastapi import APIRouter, Response
from starlette.responses import RedirectResponse

from api.pages import forms, names, typed
from api.pages.forms import Form
from api.pages.lot import material_line
from api.pages.reader import Reader
from api.pages.visit import ReadingDep, Visit
from ledger import recent, reports
from ledger.book import serial, vocabulary
from ledger.errors import RuleError
from ledger.store.recent import Place

router = APIRouter(include_in_schema=False)

ROWS: Final = 30
TEXT_MAX: Final = 60
WAITING_SHOWN: Final = 6
_READ: Final = ["GET", "HEAD"]


@router.api_route("/my", methods=_READ)
def home(found: ReadingDep) -> Response:
    """Lots, after filters; a whole name or number leads to its own page."""
    form, viewer = forms.asked(found.request), viewer_of(found)
    text = typed.capitals(_plain(form.one("q")))
    path = _own_page(found, text, viewer)
    if path:
        return RedirectResponse(path, 303)
    filters = recent.Filters(
        _among(form.one("state"), names.STATES), _plain(form.one("site")),
        _among(form.one("metal"), vocabulary.METALS), text,
    )  # fmt: skip
    listed = recent.lots(found.ledger, viewer, filters, ROWS, _before(form))
    sites, metals = recent.choices(found.ledger, viewer)
    items = listed.items
    zones = recent.zones(found.ledger, [item["site"] for item in items])
    first = form.one("before") == "" and filters == recent.Filters()
    shown = {
        "filters": filters,
        "first": first,
        "places": _named(found.who, names.STATES, names.STATES),
        "sites": sites,
        "metals": _named(found.who, names.METALS, metals or sorted(vocabulary.METALS)),
        "lots": [_lot(item, found.who, zones) for item in items],
        "older": _older(form, listed.next),
        **(_waiting(found) if first and viewer else {"road": [], "unsure": []}),
    }
    return found.page("my_lots.html", shown)


@router.api_route("/my/certificates", methods=_READ)
def certificates(found: ReadingDep) -> Response:
    form, who = forms.asked(found.request), found.who
    listed = recent.certificates(found.ledger, viewer_of(found), ROWS, _before(form))
    shown = [_certificate(item, who) for item in listed.items]
    older, first = _older(form, listed.next), not form.one("before")
    return found.page(
        "my_certificates.html", {"certificates": shown, "older": older, "first": first}
    )


def viewer_of(found: Visit) -> str | None:
    """Whose eyes see; None sees everything."""
    return None if "audit" in found.principal.scopes else found.principal.party


def _own_page(found: Visit, text: str, viewer: str | None) -> str:
    """The page of a certificate or lot that was asked for by its whole name; "" for none."""
    number = typed.digits(text)
    if typed.is_serial(number):
        return f"/C/{number}"
    if typed.is_lot(text) and recent.seen(found.ledger, viewer, [text]):
        return f"/my/lots/{text}"
    return ""


def _among(text: str, known: Any) -> str:
    return text if text in known else ""


def _plain(text: str) -> str:
    """What was typed, without what no name has and a database might refuse."""
    return "".join(char for char in text[:TEXT_MAX] if char.isprintable()).strip()


def _before(form: Form) -> Place | None:
    """Where the page before ended: `17.lot:HB01/A`."""
    number, _, name = form.one("before")[:120].partition(".")
    whole = number.isascii() and number.isdigit() and len(number) < 17
    return (int(number), _plain(name)) if whole else None


def _older(form: Form, place: Place | None) -> str:
    """The query of the next page."""
    if place is None:
        return ""
    kept = [(name, form.one(name)) for name in ("q", "state", "site", "metal") if form.one(name)]
    return "?" + urllib.parse.urlencode([*kept, ("before", f"{place[0]}.{place[1]}")])


def _named(who: Reader, table: names.Names, codes: Any) -> list[tuple[str, str]]:
    return [(code, who.name(table, code)) for code in codes]


def _waiting(found: Visit) -> dict[str, Any]:
    road, unsure = recent.waiting(found.ledger, found.principal.party)
    return {
        "road": [item["lot"] for item in road[:WAITING_SHOWN]],
        "road_more": len(road[WAITING_SHOWN:]),
        "unsure": [item["lot"] for item in unsure[:WAITING_SHOWN]],
        "unsure_more": len(unsure[WAITING_SHOWN:]),
    }


def _lot(item: dict[str, Any], who: Reader, zones: dict[str, str]) -> dict[str, Any]:
    local = Reader(who.language, zone=zones.get(item["site"], "UTC"))
    material = {"metal": item["metal"], "form": item["form"], "grade": None}
    return {
        **item,
        "material": material_line(material, who) if item["metal"] else who.say("not_stated"),
        "mass": who.mass(item["wet_mg"]) if item["wet_mg"] else "",
        "state": who.name(names.STATES, item["state"]),
        "date": local.date(item["since_ms"]),
    }


def _certificate(item: dict[str, Any], who: Reader) -> dict[str, Any]:
    local = Reader(who.language, zone=item["zone"])
    status = item["status"]
    return {
        "serial": item["serial"],
        "printed": serial.printed(item["serial"]),
        "status": who.name(names.STATUSES, status),
        "tone": {"VALID": "ok", "REVOKED": "bad"}.get(status, "warn"),
        "lots": who.enum(item["lots"][:3]),
        "lots_more": len(item["lots"][3:]),
        "claim": who.say(
            "claim_short",
            percent=who.percent(item["of_substance"]),
            element=who.name(names.ELEMENTS, item["substance"]),
        ),
        "held": who.about(item["held_mg"]),
        "issuer": item["issuer"],
        "holder": who.say("outsider") if item["holder"] == "external" else item["holder"] or "",
        "date": local.date(item["issued_ms"]),
    }


def lot_seen(found: Visit, lot: str) -> dict[str, Any]:
    """`reports.lot_view` of a lot that the visitor may read.

    Raises RuleError LOT_UNKNOWN, also for one that may not be read: it might not exist.
    """
    if not typed.is_lot(lot) or not recent.seen(found.ledger, viewer_of(found), [lot]):
        raise RuleError("LOT_UNKNOWN", f"no lot {lot} that you may read", field="lot", value=lot)
    return reports.lot_view(found.ledger, lot)
