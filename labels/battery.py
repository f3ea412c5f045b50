"""Batteries on labels: the code of GB/T 34014-2017, and under which UN number they travel.

    001 P E 12 ABCDEFG 7 C 1 0000001      pack, module or cell as made: 24 characters
    001 P E 12 7 C 1 0000001 R P          for cascade use, coded anew: 19 characters

Sources: GB/T 34014-2017; Catena-X traction_battery_code 2.0.0 (its pattern, without the letters I,
O and Q in dates); UN Model Regulations, dangerous goods list; ADR special provisions 376 and 377.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.book.shape import invalid

_DIGITS: Final = "0123456789"
_CAPITALS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ANY: Final = _DIGITS + _CAPITALS
# One character for a year since 2011, a month or a day: 31 of them.
_DATES: Final = "123456789ABCDEFGHJKLMNPRSTUVWXY"
_FIRST_YEAR: Final = 2011
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

LEVELS: Final = {
    "P": ("pack", "电池包"),
    "M": ("module", "电池模块"),
    "C": ("cell", "单体电池"),
}
CHEMISTRIES: Final = {
    "A": ("NiMH", "镍氢"),
    "B": ("LFP", "磷酸铁锂"),
    "C": ("LMO", "锰酸锂"),
    "D": ("LCO", "钴酸锂"),
    "E": ("NMC or NCA", "三元"),
    "F": ("supercapacitor", "超级电容器"),
    "G": ("LTO", "钛酸锂"),
    "Z": ("other", "其他"),
}

_HEAD: Final = (
    ("manufacturer", 3, _ANY),
    ("level", 1, "".join(LEVELS)),
    ("chemistry", 1, "".join(CHEMISTRIES)),
    ("specification", 2, _ANY),
)
_TRACE: Final = (("traceability", 7, _ANY),)
_TAIL: Final = (
    ("year", 1, _DATES),
    ("month", 1, _DATES[:12]),
    ("day", 1, _DATES),
    ("serial number", 7, _DIGITS),
)
_REUSED: Final = (("reuse mark", 1, "R"), ("reuse level", 1, "".join(LEVELS)))
# Length of the code -> its parts: name, length, characters.
_PARTS: Final = {24: (*_HEAD, *_TRACE, *_TAIL), 19: (*_HEAD, *_TAIL, *_REUSED)}


@dataclass(frozen=True, slots=True)
class BatteryCode:
    """A code, taken apart; made: the day of production as YYYY-MM-DD."""

    text: str
    level: str
    chemistry: str
    made: str
    reused: bool


def parse_code(text: str, field: str = "battery_code") -> BatteryCode:
    """Read a battery code. Raises FormatError naming the part that is wrong and its positions."""
    if len(text) not in _PARTS:
        hint = f"this one has {len(text)}; read it again from the plate of the battery"
        want = "24 characters, or 19 of a battery for cascade use (GB/T 34014)"
        raise invalid(field, text, want, hint)
    parts: dict[str, str] = {}
    at = 0
    for name, length, characters in _PARTS[len(text)]:
        parts[name] = text[at : at + length]
        wrong = next((char for char in parts[name] if char not in characters), None)
        if wrong is not None or parts[name] == "0000000":
            span = f"{at + 1}" if length == 1 else f"{at + 1} to {at + length}"
            part = f"{name} (position {span})"
            raise invalid(field, text, f"{part} of {_shown(characters)}, not {parts[name]!r}")
        at += length
    month, day = _DATES.index(parts["month"]) + 1, _DATES.index(parts["day"]) + 1
    if day > _DAYS[month - 1]:
        raise invalid(field, text, f"a day that month {month} has, not {day}")
    year = _FIRST_YEAR + _DATES.index(parts["year"])
    made = f"{year}-{month:02}-{day:02}"
    level = parts.get("reuse level", parts["level"])
    return BatteryCode(text, level, parts["chemistry"], made, "reuse mark" in parts)


def described(code: BatteryCode) -> str:
    """What the code says, in both languages, for the line under it."""
    level, chemistry = LEVELS[code.level], CHEMISTRIES[code.chemistry]
    reuse = (", reuse", "梯次利用") if code.reused else ("", "")
    return f"{chemistry[0]} {level[0]}{reuse[0]} {code.made} {chemistry[1]}{reuse[1]}{level[1]}"


def _shown(characters: str) -> str:
    names = {
        _ANY: "capitals and digits",
        _DIGITS: "digits, not all 0",
        _DATES: "1-9 and A-Y but IOQ",
    }
    return names.get(characters, " ".join(characters))


@dataclass(frozen=True, slots=True)
class _Goods:
    number: str
    name: str
    name_zh: str


_DAMAGED: Final = "DAMAGED/DEFECTIVE 损坏/缺陷"
_RECYCLING: Final = "FOR RECYCLING 供回收"
_UNKNOWN: Final = (
    "BATTERIES, kind not stated: find out before transport 电池种类未注明,运输前须鉴别"
)
_LITHIUM: Final = "lithium_ion_battery"
# metal of the material -> the goods of the dangerous goods list.
_GOODS: Final = {
    _LITHIUM: _Goods("UN3480", "LITHIUM ION BATTERIES", "锂离子电池"),
    "lead_acid_battery": _Goods(
        "UN2794", "BATTERIES, WET, FILLED WITH ACID", "蓄电池,湿的,装有酸液"
    ),
    "nickel_cadmium_battery": _Goods(
        "UN2795", "BATTERIES, WET, FILLED WITH ALKALI", "蓄电池,湿的,装有碱液"
    ),
    "nickel_metal_hydride_battery": _Goods(
        "UN3496", "BATTERIES, NICKEL-METAL HYDRIDE", "镍金属氢化物电池"
    ),
}
# form of the material -> lithium ion batteries inside something.
_INSIDE: Final = {
    "electronics": _Goods(
        "UN3481", "LITHIUM ION BATTERIES CONTAINED IN EQUIPMENT", "装在设备中的锂离子电池"
    ),
    "vehicle": _Goods("UN3556", "VEHICLE, LITHIUM ION BATTERY POWERED", "锂离子电池驱动的车辆"),
}
_WASTE: Final = frozenset({"scrap", "old_scrap", "new_scrap", "mixed_scrap", "shredded"})


def is_battery(metal: str) -> bool:
    """Whether a material of this metal is batteries."""
    return metal in _GOODS or metal == "battery"


def hazard(metal: str, form: str, *, damaged: bool = False) -> str:
    """The UN number and name of batteries, in both languages; "" for other goods.

    damaged: they are known to be damaged or defective (ADR 376). It is a help for those who
    handle the lot: the marks and labels of the carriage of dangerous goods stand beside it.
    """
    if not is_battery(metal):
        return ""
    goods = _INSIDE.get(form) if metal == _LITHIUM else None
    goods = goods or _GOODS.get(metal)
    said = [f"{goods.number} {goods.name} {goods.name_zh}" if goods else _UNKNOWN]
    if damaged:
        said.append(_DAMAGED)
    elif form in _WASTE:
        said.append(_RECYCLING)
    return " · ".join(said)
