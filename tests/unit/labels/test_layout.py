"""Layouts: everything on the label, nothing on the symbol, nothing lost in silence."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from labels import layout
from labels.layout import LabelText, Layout, Line
from ledger.errors import FormatError

LOT = "HTTPS://DEMO.REMELT.EXAMPLE/L/HB01/INGOT-1/0123456789"
CERTIFICATE = "HTTPS://M.EXAMPLE.C/C/ABCDEFGHJKMY"
LONGEST_LOT = (
    "HTTPS://CERTIFICATES.RECYCLED-METALS.EXAMPLE:8731/L/HB01XYZWVUTS/INGOT-1234567890ABCD/"
    "0123456789"
)
PLAIN = LabelText("HB01/INGOT-1", "Aluminium ingot", "18.7 t", "HB01/H-0312", "48.26 % POST")
LONG = LabelText(
    "HB01XYZWVUTS/INGOT-1234567890ABCD",
    "Aluminium " * 20,
    "18 700.123456 kg",
    "HB01XYZWVUTS/H-1234567890ABCDEF",
    "48.26 % post-consumer " * 9,
    tuple(f"line {i} " * 12 for i in range(layout.LINES_MAX)),
)
SIZES = [(100, 50), (100, 150), (70, 140), (105, 74), (70, 37), (150, 150), (300, 50)]


def measure(text: str, size: int) -> int:
    return len(text) * size * 3 // 5


def arrange(
    payload: str, text: LabelText, dpi: int = 203, size: tuple[int, int] = (100, 50)
) -> Layout:
    return layout.arrange(payload, text, dpi, *size, measure)


def shown(label: Layout, field: str) -> str:
    return "".join(line.text for line in label.lines if line.field == field)


def box(line: Line) -> tuple[int, int, int, int]:
    return line.x, line.y - line.size * 3 // 4, line.x + line.width, line.y + line.size // 4


def overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_a_payload_of_34_characters_is_a_small_symbol() -> None:
    assert len(CERTIFICATE) == 34
    medium, quartile = layout.symbol(CERTIFICATE, "M"), layout.symbol(CERTIFICATE, "Q")
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
    assert layout.symbol("A" * length, correction).version == version
    assert layout.symbol("7" * length, correction).version == version


def test_a_text_outside_the_alphanumeric_set_has_no_symbol() -> None:
    with pytest.raises(FormatError, match="no 'a'"):
        layout.symbol("HTTPS://a")


@pytest.mark.parametrize("dpi", [203, 300, 600])
def test_a_label_of_100_by_50_mm_takes_correction_q_with_modules_of_0_8_mm(dpi: int) -> None:
    label = arrange(LOT, PLAIN, dpi)
    assert (label.symbol.version, label.symbol.correction) == (4, "Q")
    assert label.module * 100 >= 0.8 * layout.DOTS[dpi]


def test_correction_falls_to_m_where_q_would_make_modules_too_small() -> None:
    label = arrange(LOT, LabelText("HB01/INGOT-1", "", "18.7 t"), size=(40, 24))
    assert label.symbol.correction == "M"
    assert label.module >= 3  # 0.33 mm at 8 dots per mm


def test_a_label_that_cannot_hold_the_code_is_refused_by_its_size() -> None:
    with pytest.raises(FormatError) as refused:
        arrange(LONGEST_LOT, PLAIN, size=(40, 24))
    assert refused.value.field == "label.size"
    assert "'40 x 24 mm'" in refused.value.message
    assert "larger label" in refused.value.hint


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("text", [PLAIN, LONG], ids=["plain", "long"])
@pytest.mark.parametrize("payload", [LOT, LONGEST_LOT], ids=["lot", "longest"])
def test_nothing_stands_on_the_symbol_on_another_line_or_off_the_label(
    payload: str, text: LabelText, size: tuple[int, int]
) -> None:
    for dpi in layout.DOTS:
        label = arrange(payload, text, dpi, size)
        quiet = layout.QUIET * label.module
        side = len(label.symbol.modules) * label.module + quiet
        symbol = (label.x - quiet, label.y - quiet, label.x + side, label.y + side)
        boxes = [box(line) for line in label.lines]
        assert not any(overlap(one, symbol) for one in boxes)
        assert not any(overlap(one, two) for one, two in itertools.combinations(boxes, 2))
        everything = [*boxes, symbol]
        assert min(min(part[:2]) for part in everything) >= 0
        assert max(part[2] for part in everything) <= label.width
        assert max(part[3] for part in everything) <= label.height


@pytest.mark.parametrize("size", SIZES)
def test_the_payload_stands_in_text_whole_on_every_label(size: tuple[int, int]) -> None:
    assert shown(arrange(LONGEST_LOT, LONG, size=size), "payload") == LONGEST_LOT


def test_a_host_without_slashes_to_break_at_is_broken_anywhere() -> None:
    payload = f"HTTPS://{'A' * 63}.{'B' * 63}.EXAMPLE/C/ABCDEFGHJKMY"
    label = arrange(payload, PLAIN, size=(70, 140))
    assert shown(label, "payload") == payload
    assert len([line for line in label.lines if line.field == "payload"]) > 2


def test_short_texts_are_shown_whole_and_long_ones_end_in_an_ellipsis() -> None:
    plain, long = arrange(LOT, PLAIN), arrange(LOT, LONG)
    assert [line.text for line in plain.lines[1:]] == [
        "HB01/INGOT-1",
        "Heat HB01/H-0312",
        "18.7 t",
        "Aluminium ingot",
        "48.26 % POST",
    ]
    assert shown(long, "label.lot") == LONG.lot
    for field, whole in (("material", LONG.material), ("origin_line", LONG.origin_line)):
        part = shown(long, f"label.{field}")
        assert part.endswith("…")
        assert len(part) > 20
        assert whole.startswith(part[:-1])


def test_a_text_that_fits_when_it_shrinks_is_shown_whole_though_glyphs_are_whole_dots() -> None:
    def in_whole_dots(part: str, size: int) -> int:
        return len(part) * (size * 3 // 5 + 1)

    text = dataclasses.replace(PLAIN, material="Aluminium ingot, AlSi9Cu3, bundle")
    label = layout.arrange(LOT, text, 203, 100, 50, in_whole_dots)
    assert shown(label, "label.material") == text.material
    sizes = {line.field: line.size for line in label.lines}
    assert sizes["label.material"] < sizes["label.mass"] * 2 // 3


def test_texts_grow_on_a_large_label_unless_one_of_them_would_have_to_shrink_for_it() -> None:
    long = dataclasses.replace(PLAIN, material="Aluminium ingot AlSi9Cu3 " * 3)
    sizes = [
        next(line.size for line in arrange(LOT, text, size=size).lines if line.field == "label.lot")
        for text, size in ((PLAIN, (100, 50)), (PLAIN, (200, 200)), (long, (200, 200)))
    ]
    assert sizes[1] > sizes[0] > sizes[2] == 51  # 6.4 mm


def test_lines_without_room_are_marked_by_an_ellipsis_on_the_last_one_shown() -> None:
    short = dataclasses.replace(PLAIN, lines=tuple(f"line {i}" for i in range(12)))
    label = arrange(LOT, short, size=(70, 37))
    assert len(label.lines) < 1 + 5 + 12
    assert label.lines[-1].text.endswith("…")
    assert not any("…" in line.text for line in label.lines[:-1])


def test_the_lot_is_the_largest_text() -> None:
    label = arrange(LOT, PLAIN)
    sizes = {line.field: line.size for line in label.lines}
    assert max(sizes, key=lambda field: sizes[field]) == "label.lot"


def test_empty_texts_and_the_caption_of_no_heat_are_left_out() -> None:
    label = arrange(LOT, LabelText("HB01/A", "", "1 t", lines=("", " ")))
    assert [line.text for line in label.lines[1:]] == ["HB01/A", "1 t"]


def test_the_caption_of_the_heat_is_in_the_language_of_the_label() -> None:
    text = dataclasses.replace(PLAIN, heat_caption="炉号")
    assert shown(arrange(LOT, text), "label.heat") == "炉号 HB01/H-0312"


@pytest.mark.parametrize("hidden", ["\n", "\x00", "\u202e", "\u200b", "\ud800", "\uffff"])
def test_what_cannot_be_seen_is_refused_by_field_and_code_point(hidden: str) -> None:
    text = dataclasses.replace(PLAIN, lines=("grade", f"A{hidden}B"))
    with pytest.raises(FormatError) as refused:
        arrange(LOT, text)
    assert refused.value.field == "label.lines[1]"
    assert f"U+{ord(hidden):04X}" in refused.value.message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"material": "A" * 201}, "label.material"),
        ({"lines": ("A",) * 13}, "label.lines"),
        ({"lines": ("A" * 201,)}, "label.lines[0]"),
    ],
)
def test_texts_beyond_the_limits_are_refused(change: dict[str, object], field: str) -> None:
    with pytest.raises(FormatError) as refused:
        arrange(LOT, dataclasses.replace(PLAIN, **change))  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("dpi", "size", "field"),
    [
        (72, (100, 50), "label.dpi"),
        (203, (19, 50), "label.size"),
        (203, (100, 301), "label.size"),
    ],
)
def test_printers_and_papers_we_do_not_know_are_refused(
    dpi: int, size: tuple[int, int], field: str
) -> None:
    with pytest.raises(FormatError) as refused:
        arrange(LOT, PLAIN, dpi, size)
    assert refused.value.field == field
