"""Layouts: everything on the label, nothing on the symbol, nothing lost unsaid."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from labels import content, fonts, layout, raster, sheet, symbol
from labels.label import DOTS
from labels.layout import Cell, Layout
from labels.sheet import Label, Options
from labels.stock import STOCKS
from labels.textfit import Line
from ledger.errors import FormatError

LOT = "HTTPS://DEMO.REMELT.EXAMPLE/L/HB01/INGOT-1/0123456789"
CERTIFICATE = "HTTPS://M.EXAMPLE.C/C/ABCDEFGHJKMY"
LONGEST_LOT = (
    "HTTPS://CERTIFICATES.RECYCLED-METALS.EXAMPLE:8731/L/HB01XYZWVUTS/INGOT-1234567890ABCD/"
    "0123456789"
)
PLAIN = Label(LOT, "HB01/INGOT-1", "18.7 t", "HB01/H-0312", "", "Aluminium ingot", "48.26 % POST")
LONG = Label(
    *(LOT, "HB01XYZWVUTS/INGOT-1234567890ABCD", "18 700.123456 kg"),
    *("HB01XYZWVUTS/H-1234567890ABCDEF", "", "Aluminium " * 20, "48.26 % post-consumer " * 9),
    "2026-03-02",
    lines=tuple(f"line {i} " * 12 for i in range(12)),
)
SMALL = ("l4731", "l4732", "8167")


def arrange(label: Label, **options: object) -> Layout:
    return sheet.arranged(label, Options(**options))  # type: ignore[arg-type]


def custom(width_mm: int, height_mm: int, dpi: int, label: Label) -> Layout:
    """A label of a size that no stock has, with the margin of the smallest one."""
    dots = DOTS[dpi]
    cell = Cell(width_mm * dots // 100, height_mm * dots // 100, 7 * dots // 1000, dots)
    rows = content.rows(label, Options(), cell)
    return layout.arrange(label.payload, label.payload, rows, cell, fonts.measure(()))


def shown(label: Layout, field: str) -> str:
    return "".join(line.text for line in label.lines if line.field == field)


def overlap(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def ink(drawn: Layout, line: Line) -> tuple[int, int, int, int]:
    """Where the dots of a line really are, on the label."""
    picture, left, top = raster.line_image(line, ())
    box = picture.convert("L").point(lambda level: 255 - level).getbbox()
    assert box is not None
    return left + box[0], top + box[1], left + box[2], top + box[3]


def test_a_payload_of_34_characters_is_a_small_symbol() -> None:
    assert len(CERTIFICATE) == 34
    medium, quartile = symbol.symbol(CERTIFICATE, "M"), symbol.symbol(CERTIFICATE, "Q")
    assert (medium.version, len(medium.modules)) == (2, 25)
    assert (quartile.version, len(quartile.modules)) == (3, 29)


@pytest.mark.parametrize(
    ("correction", "length", "version"),
    [("M", 38, 2), ("M", 39, 3), ("Q", 47, 3), ("Q", 48, 4), ("Q", 67, 4), ("Q", 68, 5)],
)
def test_symbols_hold_what_the_standard_says_for_alphanumeric_mode(
    correction: str, length: int, version: int
) -> None:
    # ISO/IEC 18004 table 7; in byte mode 2-M ends at 26 and 3-Q at 32 characters.
    assert symbol.symbol("A" * length, correction).version == version
    assert symbol.symbol("7" * length, correction).version == version


def test_small_letters_are_held_byte_for_byte() -> None:
    assert symbol.symbol("a" * 32, "Q").version == 3
    assert symbol.symbol("a" * 33, "Q").version == 4


@pytest.mark.parametrize("dpi", DOTS)
def test_a_label_of_100_by_50_mm_takes_correction_q_with_modules_of_0_8_mm(dpi: int) -> None:
    label = arrange(PLAIN, dpi=dpi)
    assert (label.symbol.version, label.symbol.correction) == (4, "Q")
    assert label.module * 100 >= 0.8 * DOTS[dpi]


@pytest.mark.parametrize("dpi", DOTS)
@pytest.mark.parametrize("width_mm", [20, 30, 40])
def test_a_label_20_mm_high_keeps_modules_of_half_a_millimetre(dpi: int, width_mm: int) -> None:
    label = Label(CERTIFICATE)
    drawn = custom(width_mm, 20, dpi, label)
    picture = raster.image(drawn, ()).convert("L").point(lambda level: 255 - level)
    # The symbol as it is printed: what is dark before the text begins.
    code = [line.box for line in drawn.lines]
    beside = all(box[0] > drawn.x + 25 * drawn.module for box in code)
    end = min(box[0] for box in code) - 2 if beside else drawn.width
    foot = drawn.height if beside else min(box[1] for box in code)
    left, top, right, bottom = picture.crop((0, 0, end, foot)).getbbox() or (0, 0, 0, 0)
    assert right - left == bottom - top
    module_mm = (right - left) / len(drawn.symbol.modules) / DOTS[dpi] * 100
    assert module_mm >= 0.5
    assert min(left, top, end - right, foot - bottom) >= 4 * module_mm * DOTS[dpi] / 100 - 1


def test_correction_falls_to_m_where_q_would_make_modules_too_small() -> None:
    drawn = arrange(PLAIN, stock="l4732", dpi=203)
    assert drawn.symbol.correction == "M"
    assert drawn.module == 3  # 0.375 mm at 8 dots per mm


def test_a_label_that_cannot_hold_the_code_is_refused_by_its_stock() -> None:
    with pytest.raises(FormatError) as refused:
        arrange(Label(LONGEST_LOT), stock="l4731")
    assert refused.value.code == "PARAMETER_INVALID"
    assert refused.value.field == "stock"
    assert "25 x 10 mm" in refused.value.message or "25 x 9 mm" in refused.value.message
    assert "larger label" in refused.value.hint


@pytest.mark.parametrize("label", [PLAIN, LONG], ids=["plain", "long"])
@pytest.mark.parametrize(
    ("payload", "stock"),
    [(LOT, name) for name in STOCKS]
    + [(LONGEST_LOT, name) for name in STOCKS if name not in SMALL],
)
def test_nothing_stands_on_the_symbol_on_another_line_or_off_the_label(
    payload: str, label: Label, stock: str
) -> None:
    for dpi in DOTS:
        for reprint in (False, True):
            drawn = arrange(
                dataclasses.replace(label, payload=payload), stock=stock, dpi=dpi, reprint=reprint
            )
            quiet = symbol.QUIET * drawn.module
            side = len(drawn.symbol.modules) * drawn.module + quiet
            code = (drawn.x - quiet, drawn.y - quiet, drawn.x + side, drawn.y + side)
            boxes = [ink(drawn, line) for line in drawn.lines]
            assert not any(overlap(one, code) for one in boxes)
            assert not any(overlap(one, two) for one, two in itertools.combinations(boxes, 2))
            everything = [*boxes, code]
            assert min(min(part[:2]) for part in everything) >= 0
            assert max(part[2] for part in everything) <= drawn.width
            assert max(part[3] for part in everything) <= drawn.height


@pytest.mark.parametrize("stock", [name for name in STOCKS if name not in SMALL])
def test_the_payload_stands_in_text_whole_on_every_label(stock: str) -> None:
    label = dataclasses.replace(LONG, payload=LONGEST_LOT)
    assert shown(arrange(label, stock=stock), "code") == LONGEST_LOT


@pytest.mark.parametrize("stock", SMALL)
def test_on_the_smallest_stocks_an_ordinary_payload_stands_whole(stock: str) -> None:
    assert shown(arrange(PLAIN, stock=stock), "code") == LOT


def test_another_text_may_stand_for_the_payload() -> None:
    label = Label("https://id.gs1.org/01/09506000134352/10/ab1", code="(01)09506000134352(10)ab1")
    assert shown(arrange(label), "code") == "(01)09506000134352(10)ab1"


def test_a_code_is_broken_before_slashes_and_anywhere_if_it_has_none() -> None:
    drawn = arrange(PLAIN, stock="l4736", dpi=600)
    assert [line.text for line in drawn.lines if line.field == "code"] == [
        "HTTPS://DEMO.REMELT.EXAMPLE/L",
        "/HB01/INGOT-1/0123456789",
    ]
    solid = f"HTTPS://{'A' * 63}.{'B' * 63}.EXAMPLE/C/ABCDEFGHJKMY"
    assert shown(arrange(Label(solid), stock="70x140"), "code") == solid


def test_short_texts_are_shown_whole_and_long_ones_end_in_an_ellipsis() -> None:
    plain, long = arrange(PLAIN), arrange(LONG)
    assert [line.text for line in plain.lines[1:]] == [
        *("HB01/INGOT-1", "18.7 t", "Heat HB01/H-0312", "Aluminium ingot", "48.26 % POST"),
    ]
    assert shown(long, "lot") == LONG.lot
    part = shown(long, "material")
    assert part.endswith("…")
    assert len(part) > 40
    assert LONG.material.replace(" ", "").startswith(part[:-1].replace(" ", ""))


def test_what_has_no_room_is_left_out_from_the_least_important_on_and_named() -> None:
    drawn = arrange(dataclasses.replace(PLAIN, date="2026-03-02"), stock="l4731", medium="paper")
    assert drawn.left_out == ("medium", "date", "percent", "material", "heat")
    assert [line.field for line in drawn.lines if line.field != "code"] == ["lot", "weight"]
    assert arrange(PLAIN, stock="100x150", medium="paper").left_out == ()


@pytest.mark.parametrize("stock", STOCKS)
def test_a_reprint_and_a_hazard_are_never_left_out(stock: str) -> None:
    hazardous = dataclasses.replace(PLAIN, hazard="UN 3480")
    drawn = arrange(hazardous, stock=stock, reprint=True)
    assert shown(drawn, "reprint") == "REPRINT"
    assert shown(drawn, "hazard") == "UN 3480"
    assert shown(drawn, "lot") == "HB01/INGOT-1"


def test_a_hazard_that_a_label_has_no_room_for_is_refused() -> None:
    hazardous = dataclasses.replace(PLAIN, hazard="Do not wet: damaged lithium cells. " * 5)
    with pytest.raises(FormatError) as refused:
        arrange(hazardous, stock="l4731")
    assert refused.value.field == "stock"
    assert "hazard" in refused.value.message
    assert "Do not wet" in shown(arrange(hazardous, stock="100x150"), "hazard")


def test_a_number_and_its_sign_stay_on_one_line() -> None:
    for stock in STOCKS:
        label = dataclasses.replace(PLAIN, percent="at least 50.00 % of the aluminium 600 °C")
        lines = [line.text for line in arrange(label, stock=stock).lines]
        assert not any(line.startswith(("%", "°")) for line in lines)


def test_the_lot_is_the_largest_text_and_texts_grow_with_the_label() -> None:
    for stock in STOCKS:
        drawn = arrange(PLAIN, stock=stock)
        sizes = {line.field: line.size for line in drawn.lines}
        assert sizes["lot"] == max(sizes.values())
    small, large = (
        next(line.size for line in arrange(PLAIN, stock=stock).lines if line.field == "lot")
        for stock in ("50x25", "100x150")
    )
    assert large > 2 * small


def test_captions_are_in_the_language_of_the_label_and_stand_only_before_a_number() -> None:
    assert shown(arrange(dataclasses.replace(PLAIN, heat="", run="R-7")), "run") == "Run R-7"
    assert [line.field for line in arrange(Label(LOT, "HB01/A", heat=" ")).lines[1:]] == ["lot"]
    with pytest.raises(FormatError, match="draws '炉'"):
        arrange(PLAIN, lang="zh")


@pytest.mark.parametrize("hidden", ["\n", "\x00", "\u202e", "\u200b", "\ud800", "\uffff"])
def test_what_cannot_be_seen_is_refused_by_field_and_code_point(hidden: str) -> None:
    label = dataclasses.replace(PLAIN, lines=("grade", f"A{hidden}B"))
    with pytest.raises(FormatError) as refused:
        arrange(label)
    assert refused.value.field == "label.lines[1]"
    assert f"U+{ord(hidden):04X}" in refused.value.message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"material": "A" * 201}, "label.material"),
        ({"lines": ("A",) * 13}, "label.lines"),
        ({"lines": ("A" * 201,)}, "label.lines[0]"),
        ({"payload": ""}, "label.payload"),
        ({"payload": "A B"}, "label.payload"),
        ({"payload": "Ä"}, "label.payload"),
        ({"payload": "A" * 401}, "label.payload"),
    ],
)
def test_texts_beyond_the_limits_are_refused(change: dict[str, object], field: str) -> None:
    with pytest.raises(FormatError) as refused:
        arrange(dataclasses.replace(PLAIN, **change))  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [
        ("stock", "a4", "l4731"),
        ("dpi", 72, "203, 300, 600"),
        ("copies", 0, "1 to 1000"),
        ("copies", 1001, "1 to 1000"),
        ("skip", -1, "0 to 47"),
        ("skip", 48, "0 to 47"),
        ("skip", True, "0 to 47"),
        ("offset_x_um", 20_001, "-20000 to 20000"),
        ("pitch_y_um", -2_001, "-2000 to 2000"),
        ("medium", "gold", "'', paper, polyester, metal"),
        ("form", "epl", "native, graphics"),
        ("lang", "fr", "en, zh"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_known(
    option: str, value: object, known: str
) -> None:
    with pytest.raises(FormatError) as refused:
        arrange(PLAIN, **{"stock": "l4736", option: value})
    assert refused.value.code == "PARAMETER_INVALID"
    assert refused.value.field == option
    assert refused.value.value == value
    assert known in refused.value.message
