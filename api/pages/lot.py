"""What the page of a lot says."""

from __future__ import annotations

from typing import Any, Final

from markupsafe import Markup

from api.pages import names
from api.pages.reader import Reader, known
from ledger import reports
from ledger.book import lines, mass, serial, totals, vocabulary
from ledger.service import Ledger

View = dict[str, Any]

# The page stays small whatever the lot holds.
BLOCKS_MAX: Final = 3
OTHERS_MAX: Final = 40
CERTIFICATES_MAX: Final = 8
_BLOCK_PERCENT: Final = 20
_OPEN_PERCENT: Final = 3
_BIG: Final = Markup('<span class="big">{}</span>')


def page(ledger: Ledger, view: View, reader: Reader) -> View:
    """Everything the template shows of `reports.lot_view`."""
    gone = view["state"] in ("left", "consumed")
    balances = reports.as_it_went(ledger, view) if gone else view["balances"]
    certificates = _certificates(view, balances, reader)
    blocks, others = _elements(balances, certificates)
    used_up = view["state"] == "consumed"
    return {
        "lot": view["lot"],
        "tone": "warn" if used_up else "ok",
        "headline": "label_used_up" if used_up else "label_valid",
        "state": _state(view, reader),
        "gone": gone,
        "facts": _compared(view, balances, reader),
        "blocks": [_block(shown, reader) for shown in blocks],
        "others": [_other(shown, reader) for shown in others[:OTHERS_MAX]],
        "others_count": len(others),
        "others_open": any(_at_least(shown, _OPEN_PERCENT) for shown in others),
        "provisional": view["assay_grade"] == "provisional" and bool(blocks),
        "certificates": certificates[:CERTIFICATES_MAX],
        "certificates_more": len(certificates[CERTIFICATES_MAX:]),
        "free": _free(balances, blocks, reader),
        "zone": view["zone"],
    }


def _state(view: View, reader: Reader) -> Markup:
    date, by = reader.date(view["state_since_ms"]), known(view["state_by"])
    match view["state"]:
        case "consumed" if view["state_by"]:
            return reader.say("consumed", date=date, by=by)
        case "consumed":
            return reader.say("consumed_somehow", date=date)
        case "left":
            return reader.say("left_the_log", date=date, by=by)
        case "road":
            return reader.say("on_the_road", date=date, by=by)
        case _:
            return reader.say("lies", site=known(view["at_site"]), date=date)


def _compared(view: View, balances: lines.Balances, reader: Reader) -> list[tuple[Markup, Markup]]:
    """The rows a person holds against the tag on the metal."""
    received = view["made_by"] == "receipt"
    made = reader.say(
        "made_by", date=reader.date(view["made_at_ms"]), party=known(view["made_by_party"])
    )
    rows = [(reader.say("lot"), _BIG.format(view["lot"]))]
    if not received:
        furnace = view["step"] in vocabulary.FURNACE
        rows.append((reader.say("heat" if furnace else "run"), _BIG.format(view["made_by"])))
    rows += [
        (reader.say("mass"), _masses(view, lines.wet_mg(balances), reader)),
        (reader.say("material"), material_line(view["material"], reader)),
        (reader.say("received" if received else "made"), made),
    ]
    return rows


def _masses(view: View, last_mg: int, reader: Reader) -> Markup:
    """The mass now, or as the lot went, and as made where that was another."""
    now = {"left": "mass_left", "consumed": "mass_used"}.get(view["state"], "mass_now")
    made = "mass_received" if view["made_by"] == "receipt" else "mass_made"
    shown = [reader.say(now, mass=reader.mass(last_mg))]
    if view["made_mg"] != last_mg or view["state"] == "consumed":
        shown.append(reader.say(made, mass=reader.mass(view["made_mg"])))
    return reader.say("comma").join(shown)


def material_line(material: dict[str, Any] | None, reader: Reader) -> Markup:
    if material is None:
        return reader.say("not_stated")
    metal = reader.name(names.METALS, material["metal"])
    form = reader.name(names.FORMS, material["form"])
    # Not 锂离子电池电池包: the form of batteries says again what they are.
    form = form.removeprefix("电池") if metal.endswith("电池") else form
    shown = reader.say("material_line", metal=metal, form=form) if form != metal else metal
    grade = material["grade"]
    parts = [shown, f"{grade['scheme'].upper()} {grade['code']}"] if grade else [shown]
    return reader.say("comma").join(parts)


def _elements(balances: lines.Balances, certificates: list[View]) -> tuple[list[View], list[View]]:
    """The elements to show in full, and the others: certified and large ones come first."""
    certified = {shown["substance"] for shown in certificates if shown["held"]}
    elements = totals.elements(balances)
    full = [e for e in elements if e["substance"] in certified or _at_least(e, _BLOCK_PERCENT)]
    full = (full or elements[:1])[:BLOCKS_MAX]
    return full, [e for e in elements if e not in full]


def _at_least(shown: View, percent: int) -> bool:
    return int(shown["of_mass"].partition(".")[0]) >= percent


def _block(shown: View, reader: Reader) -> View:
    """One element: its share of the mass, and a row and a piece of the bar for each origin."""
    bar, at = [], 0
    for code, part in shown["origins"].items():
        width = 10_000 * part["mass_mg"] // shown["mass_mg"]
        bar.append({"code": code.lower(), "x": at, "width": width})
        at += width
    return {
        "element": reader.element(shown["substance"]),
        "of_mass": reader.say("of_the_mass", percent=reader.percent(shown["of_mass"])),
        "bar": bar,
        "rows": [_origin(code, part, reader) for code, part in shown["origins"].items()],
    }


def _origin(code: str, part: View, reader: Reader) -> View:
    percent = reader.percent(part["percent"])
    if code in vocabulary.CLAIMABLE:
        percent = reader.say("at_least", percent=percent)
    return {
        "code": code.lower(),
        "origin": reader.name(names.ORIGINS, code),
        "percent": percent,
        "mass": reader.about(part["mass_mg"]),
    }


def _other(shown: View, reader: Reader) -> View:
    origins = [
        reader.say("origin_share", origin=reader.name(names.ORIGINS, code), percent=part["percent"])
        for code, part in shown["origins"].items()
    ]
    return {
        "element": reader.element(shown["substance"]),
        "of_mass": reader.say("of_the_mass", percent=reader.percent(shown["of_mass"])),
        "origins": reader.enum(origins),
    }


def _certificates(view: View, balances: lines.Balances, reader: Reader) -> list[View]:
    """The certificates that name the lot, those that hold most of it first."""
    made = []
    for shown in view["certificates"]:
        substance = shown["substance"]
        held_mg = sum(lines.held_mg(balances, shown["serial"]).get(substance, {}).values())
        whole_mg = lines.substance_mg(balances, substance)
        here = reader.say(
            "certified_here",
            percent=reader.percent(mass.percent_floor(held_mg, whole_mg)),
            element=reader.name(names.ELEMENTS, substance),
            mass=reader.about(held_mg),
        )
        made.append(
            {
                "serial": shown["serial"],
                "printed": serial.printed(shown["serial"]),
                "status": reader.name(names.STATUSES, shown["status"]),
                "tone": {"VALID": "ok", "REVOKED": "bad"}.get(shown["status"], "warn"),
                "substance": substance,
                "held": held_mg,
                "here": here if held_mg else reader.say("certified_nothing"),
            }
        )
    return sorted(made, key=lambda shown: -shown["held"])


def _free(balances: lines.Balances, blocks: list[View], reader: Reader) -> list[Markup]:
    """Per element what could still be certified, by origin."""
    shown = []
    for block in blocks:
        page = balances.get(block["substance"], {})
        parts = [
            reader.say(
                "free_part", mass=reader.about(page[code]), origin=reader.name(names.ORIGINS, code)
            )
            for code in vocabulary.CLAIMABLE
            if page.get(code)
        ]
        if parts:
            element = reader.name(names.ELEMENTS, block["substance"])
            joined = reader.listed(parts)
            shown.append(reader.say("free_of", element=element, parts=joined))
    return shown
