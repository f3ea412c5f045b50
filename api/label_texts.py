"""What the label of a lot or certificate says, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from api.pages import lot as lot_page
from api.pages import names, words
from api.pages.reader import Reader
from labels import battery, gs1, payload, sheet
from ledger import gtins
from ledger.book import mass, serial, vocabulary
from ledger.errors import FormatError
from ledger.service import Ledger

_WORDS: Final = {
    "certified": (
        "at least {percent} % of the {element} certified, {serial}",
        "至少 {percent}% 的{element}已开具证书 {serial}",
    ),
    "origin": (
        "{element}: {percent} % post-consumer by origin",
        "{element}：按来源 {percent}% 为消费后",
    ),
    "certificates": ("{count} certificates", "{count} 份"),
    "certificate": ("certificate {serial}", "证书 {serial}"),
    "claim": ("at least {percent} % {classes} {element}", "至少 {percent}% {classes}{element}"),
    "plus": ("+", "、"),
    "demo": ("DEMO GTIN, not for trade", "演示用 GTIN，不得用于交易"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants on the label of one lot beside what the log knows."""

    lang: str = "en"
    gtin: bool = False
    battery_code: str = ""
    damaged: bool = False


def of_lot(ledger: Ledger, view: Mapping[str, Any], wanted: Wanted) -> sheet.Label:
    """The label of a lot; view: of `reports.lot_view`. Raises RuleError, FormatError."""
    lot, material = view["lot"], view["material"]
    reader = Reader(wanted.lang, zone=view["zone"])
    made = view["made_by"].rpartition("/")[2] if "/" in view["made_by"] else ""
    furnace = view["step"] in vocabulary.FURNACE
    metal, form, *_ = gtins.goods(material)
    link, lines = f"{lot}/{view['fingerprint']}", _battery_lines(wanted, metal)
    text = f"{payload.SCHEME}{payload.capitals(ledger.host)}/L/{link}"
    if wanted.gtin:
        row = gtins.of_lot(ledger, lot, material)
        name = lot.partition("/")[2]
        text = gs1.digital_link(ledger.host, row.gtin, name)
        demo = (_say("demo", wanted.lang),) if gs1.is_demo(row.gtin) else ()
        # Scanners of shops read the brackets; people type the line with the digits.
        lines = (f"(01) {row.gtin} (10) {name}", *demo, link, *lines)
    return sheet.Label(
        text,
        lot=lot,
        weight=mass.format_mass(view["wet_mg"] or view["made_mg"]),
        heat=made if furnace else "",
        run="" if furnace else made,
        material=_plain(lot_page.material_line(material, reader)) if material else "",
        percent=percent_line(view, wanted.lang),
        date=reader.date(view["made_at_ms"]).striptags(),
        hazard=battery.hazard(metal, form, damaged=wanted.damaged),
        lines=lines,
    )


def of_certificate(ledger: Ledger, view: Mapping[str, Any], lang: str) -> sheet.Label:
    """The label of a certificate; view: of `reports.certificate_view`."""
    reader, number = Reader(lang), serial.printed(view["serial"])
    classes = _say("plus", lang).join(reader.name(names.ORIGINS, c) for c in view["classes"])
    return sheet.Label(
        payload.certificate_payload(ledger.host, view["serial"]),
        lot=", ".join(view["lots"]),
        weight=mass.format_mass(view["held_mg"]) if view["held_mg"] else "",
        material=_say("certificate", lang, serial=number),
        percent=_say(
            "claim",
            lang,
            percent=view["of_substance"],
            classes=classes,
            element=reader.name(names.ELEMENTS, view["substance"]),
        ),
    )


def percent_line(view: Mapping[str, Any], lang: str = "en") -> str:
    """The lot's own certified figure; what is not certified is called origin, or left out."""
    reader = Reader(lang)
    valid = [c for c in view["certificates"] if c["here_mg"] and c["status"] == "VALID"]
    if valid:
        return _certified(view, valid, reader)
    if view["assay_grade"] == "provisional" or not view["elements"]:
        return ""
    first = view["elements"][0]
    post = first["origins"].get("POST", {"percent": "0.00"})["percent"]
    element = reader.name(names.ELEMENTS, first["substance"])
    return _say("origin", lang, percent=post, element=element)


def _certified(view: Mapping[str, Any], valid: list[dict[str, Any]], reader: Reader) -> str:
    """Of the substance of the largest certificate; all its certificates together."""
    substance = max(valid, key=lambda found: found["here_mg"])["substance"]
    same = [found for found in valid if found["substance"] == substance]
    percent, by = same[0]["here_percent"], serial.printed(same[0]["serial"])
    if len(same) > 1:
        whole_mg = next(e["mass_mg"] for e in view["elements"] if e["substance"] == substance)
        percent = mass.percent_floor(sum(found["here_mg"] for found in same), whole_mg)
        by = _say("certificates", reader.language, count=str(len(same)))
    element = reader.name(names.ELEMENTS, substance)
    return _say("certified", reader.language, percent=percent, element=element, serial=by)


def _battery_lines(wanted: Wanted, metal: str) -> tuple[str, ...]:
    if not wanted.battery_code and not wanted.damaged:
        return ()
    if not battery.is_battery(metal):
        name = "battery_code" if wanted.battery_code else "damaged"
        raise FormatError(
            "PARAMETER_INVALID",
            f"{name}: the lot's material is {metal or 'not stated'}, want a battery",
            field=name,
            value=wanted.battery_code or wanted.damaged,
            hint="leave it out; the material of a lot is stated by the event that makes it",
        )
    if not wanted.battery_code:
        return ()
    code = battery.parse_code(wanted.battery_code)
    return (f"GB/T 34014 {code.text}", battery.described(code))


def _say(key: str, lang: str, **values: str) -> str:
    return _WORDS[key][words.LANGUAGES.index(lang)].format(**values)


def _plain(text: Markup) -> str:
    return text.striptags()
