"""PDFs of labels, rendered by a real renderer: measured in millimetres, read back, looked into."""

from __future__ import annotations

import base64
import dataclasses
import io
import itertools
import re
import struct
import zlib

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp
from PIL import Image, ImageChops

from labels import fonts, sheet, stock
from labels.fonts import Font
from labels.label import DOTS
from labels.sheet import Label, Options
from labels.stock import STOCKS, Trim
from ledger import fonts as installed
from ledger.errors import FormatError

LOT = "HTTPS://DEMO.REMELT.EXAMPLE/L/HB01/INGOT-1/0123456789"
PLAIN = Label(
    *(LOT, "HB01/INGOT-1", "18.7 t", "HB01/H-0312", "", "Aluminium ingot, AlSi9Cu3"),
    *("at least 50.00 % of the Al certified, WXAG-2FVZ-5MKR", "2026-03-02"),
)
CHINESE = dataclasses.replace(
    PLAIN,
    material="再生铝锭 AlSi9Cu3",
    percent="铝中至少 50.00 % 已认证，WXAG-2FVZ-5MKR",
    hazard="易燃，勿近水",
)
TRIM = {"offset_x_um": 400, "offset_y_um": -300, "pitch_x_um": 60, "pitch_y_um": 40}
FINE = 600


def chinese() -> tuple[Font, ...]:
    found = installed.find()
    if not any(fonts.draws(f, "炉") and not fonts.not_embeddable(f) for f in found):
        pytest.skip("no Chinese font with TrueType outlines on this machine")
    return found


def pages(data: bytes, dpi: int) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(data)
    return [page.render(scale=dpi / 72).to_pil().convert("L") for page in document]


def dark(image: Image.Image) -> tuple[int, int, int, int]:
    return ImageChops.invert(image).point(lambda level: 255 * (level > 127)).getbbox() or (0,) * 4


def text_of(data: bytes, page: int = 0) -> str:
    text = pypdfium2.PdfDocument(data)[page].get_textpage().get_text_range()
    return str(text).replace("\r\n", "\n")


def streams(data: bytes) -> bytes:
    """The objects of a PDF with their contents unpacked (ASCII 85, deflate)."""
    unpacked = [data]
    for found in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        raw = found[1].strip()
        if raw.endswith(b"~>"):
            raw = base64.a85decode(raw[:-2])
        try:
            unpacked.append(zlib.decompress(raw))
        except zlib.error:
            continue
    return b"\n".join(unpacked)


@pytest.mark.parametrize("name", STOCKS)
def test_cells_lie_where_the_table_says_within_a_tenth_of_a_millimetre(name: str) -> None:
    worst = max(deviation_um(name, trim) for trim in ({}, TRIM))
    print(f"{name}: at most {worst:.0f} µm off")
    assert worst <= 100


def deviation_um(name: str, options: dict[str, int]) -> float:
    """How far the outlines of all cells, as rendered, are from the table with its trim."""
    size = STOCKS[name]
    border = Options(stock=name, border=True, copies=size.cells, **options)  # type: ignore[arg-type]
    page = pages(sheet.pdf([Label("A")], border), FINE)[0]
    per_um = FINE / 25_400
    worst = 0.0
    for left, top in stock.corners(size, Trim(**options)):
        # A strip through the middle of each edge, where the round corners are straight again.
        middle_x, middle_y = left + size.width_um // 2, top + size.height_um // 2
        edges = (
            (left, middle_y, True),
            (left + size.width_um, middle_y, True),
            (middle_x, top, False),
            (middle_x, top + size.height_um, False),
        )
        for x, y, upright in edges:
            if 0 < x < size.page_width_um and 0 < y < size.page_height_um:
                worst = max(worst, line_off_um(page, x, y, upright, per_um))
    return worst


def line_off_um(page: Image.Image, x: int, y: int, upright: bool, per_um: float) -> float:
    reach = round(700 * per_um)
    at_x, at_y = round(x * per_um), round(y * per_um)
    strip = (at_x - reach, at_y, at_x + reach, at_y + 1)
    if not upright:
        strip = (at_x, at_y - reach, at_x + 1, at_y + reach)
    levels = list(ImageChops.invert(page.crop(strip)).tobytes())
    assert max(levels) > 60, (x, y)
    peak = max(range(len(levels)), key=lambda i: (levels[i], -abs(i - reach)))
    # The centre of the ink around the peak.
    near = range(max(0, peak - 2), min(len(levels), peak + 3))
    centre = sum(i * levels[i] for i in near) / sum(levels[i] for i in near) + 0.5
    start = (at_x if upright else at_y) - reach
    return abs((start + centre) / per_um - (x if upright else y))


@pytest.mark.parametrize("name", STOCKS)
def test_every_cell_of_a_sheet_holds_a_label_that_is_read(name: str) -> None:
    size = STOCKS[name]
    payloads = [f"HTTPS://R.EXAMPLE/L/HB01/B-{at}/0123456789" for at in range(size.cells)]
    data = sheet.pdf([Label(text, f"B-{at}") for at, text in enumerate(payloads)], Options(name))
    [page] = pages(data, 300)
    for text, (left, top) in zip(payloads, stock.corners(size, Trim()), strict=True):
        ends = (left, top, left + size.width_um, top + size.height_um)
        cell = page.crop(tuple(round(end * 300 / 25_400) for end in ends))  # type: ignore[arg-type]
        assert [found.text for found in zxingcpp.read_barcodes(cell)] == [text]


@pytest.mark.parametrize("name", ["l4731", "l4736", "5160", "a4-2x4", "100x50"])
def test_the_symbol_stands_where_the_layout_says_to_a_tenth_of_a_millimetre(name: str) -> None:
    size, options = STOCKS[name], Options(stock=name, **TRIM)  # type: ignore[arg-type]
    drawn = sheet.arranged(Label(LOT), options)
    [page] = pages(sheet.pdf([Label(LOT)], options), FINE)
    left, top = stock.corner(size, 0, Trim(**TRIM))
    dot_um = 100_000 / DOTS[options.dpi]
    side = len(drawn.symbol.modules) * drawn.module
    x0, y0 = left + drawn.x * dot_um, top + drawn.y * dot_um
    quiet = 3 * drawn.module * dot_um
    ends = (x0 - quiet, y0 - quiet, x0 + side * dot_um + quiet, y0 + side * dot_um + quiet)
    start = [round(end * FINE / 25_400) for end in ends]
    box = dark(page.crop(tuple(start)))  # type: ignore[arg-type]
    found = [(start[i % 2] + box[i]) * 25_400 / FINE for i in range(4)]
    wanted = (x0, y0, x0 + side * dot_um, y0 + side * dot_um)
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= 100


def test_used_cells_are_skipped_and_no_page_is_blank() -> None:
    size = STOCKS["l4736"]
    for copies, skip, count in ((45, 3, 1), (46, 3, 2), (48, 0, 1), (1, 47, 1), (96, 0, 2)):
        found = pages(sheet.pdf([PLAIN], Options("l4736", copies=copies, skip=skip)), 60)
        assert len(found) == count
        assert all(dark(page) != (0, 0, 0, 0) for page in found)
    first = pages(sheet.pdf([PLAIN], Options("l4736", skip=5)), 100)[0]
    left, top = stock.corner(size, 5, Trim())
    box = dark(first)
    assert box[0] >= left / 254
    assert box[1] >= top / 254 - 1
    assert box[3] <= (top + size.height_um) / 254 + 1


def test_a_roll_has_one_label_to_a_page_of_its_size() -> None:
    document = pypdfium2.PdfDocument(sheet.pdf([PLAIN], Options("100x50", copies=3)))
    assert len(document) == 3
    for page in document:
        assert [round(side * 25.4 / 72, 2) for side in page.get_size()] == [100.0, 50.0]


def test_readers_are_told_not_to_scale_the_page() -> None:
    for data in (sheet.pdf([PLAIN], Options()), sheet.test_page(Options())):
        assert b"/PrintScaling /None" in streams(data)


def test_identical_copies_share_one_drawing() -> None:
    one, many = (len(sheet.pdf([PLAIN], Options("l4731", copies=n))) for n in (1, 189))
    assert many < one + 189 * 60


def test_all_text_is_embedded_and_nothing_relies_on_the_readers_fonts() -> None:
    data = sheet.pdf([PLAIN], Options())
    inside = streams(data)
    assert b"/FontFile2" in inside
    # reportlab numbers its embedded subsets after a plus; what every text is set in:
    font, shown = b"", []
    for token in re.finditer(rb"/(\S+) [\d.]+ Tf|\) Tj", inside):
        if token[1]:
            font = token[1]
        else:
            shown.append(font)
    assert len(shown) >= 7
    assert all(b"+" in name for name in shown)


@pytest.mark.parametrize("name", ["100x150", "100x50", "50x25", "l4736"])
def test_chinese_text_is_embedded_visible_and_can_be_copied(name: str) -> None:
    found = chinese()
    options = Options(name, reprint=True, medium="paper", lang="zh")
    data = sheet.pdf([CHINESE], options, found)
    drawn = sheet.arranged(CHINESE, options, found)
    assert b"/FontFile2" in streams(data)
    assert len(data) < 80_000  # a subset of the font
    [page] = pages(data, 300)
    corner = stock.corner(STOCKS[name], 0, Trim())
    shift = [round(um * 300 / 25_400) for um in corner]
    for line in drawn.lines:
        left, top, right, bottom = (max(0, end + shift[i % 2]) for i, end in enumerate(line.box))
        ink = ImageChops.invert(page.crop((left, top, right, bottom))).histogram()
        pixels = sum(ink[128:])
        assert pixels > 20 + 4 * len(line.text), line.text
        assert pixels < 0.9 * (right - left) * (bottom - top), line.text  # no black boxes
    plain = re.sub(r"\s", "", text_of(data))
    for line in drawn.lines:
        assert re.sub(r"\s", "", line.text) in plain


def test_another_chinese_text_is_another_picture() -> None:
    found = chinese()
    one, two = (
        pages(sheet.pdf([dataclasses.replace(CHINESE, material=m)], Options(), found), 150)[0]
        for m in ("再生铝锭", "再生铜锭")
    )
    assert ImageChops.difference(one, two).getbbox() is not None


def test_chinese_without_a_font_is_refused_with_what_to_install() -> None:
    with pytest.raises(FormatError) as refused:
        sheet.pdf([CHINESE], Options())
    assert refused.value.field == "label.material"
    assert "fonts-wqy-microhei" in refused.value.hint


def postscript_twin(font: Font) -> Font:
    """The same font with its glyph table under another name, as a CFF font would be listed."""
    assert font.data.count(b"glyf") >= 1
    return dataclasses.replace(font, name="Twin.otf", data=font.data.replace(b"glyf", b"glyX"))


def test_a_font_without_truetype_outlines_is_named_and_refused_for_a_pdf() -> None:
    found = [f for f in chinese() if fonts.draws(f, "炉")][-1]
    twin = postscript_twin(found)
    assert fonts.not_embeddable(found) == ""
    assert "CFF" in fonts.not_embeddable(twin)


def thin_twin(font: Font) -> Font:
    """The same font with a table of axes that starts at weight 100, in place of a hint to PCL."""
    (count,) = struct.unpack_from(">H", font.data, 4)
    places = [12 + 16 * at for at in range(count)]
    place = next(at for at in places if font.data[at : at + 4] == b"PCLT")
    axis = struct.pack(">4siiiHH", b"wght", 100 << 16, 100 << 16, 900 << 16, 0, 256)
    table = struct.pack(">HHHHHHHH", 1, 0, 16, 2, 1, len(axis), 0, 8) + axis
    record = struct.pack(">4sIII", b"fvar", 0, len(font.data), len(table))
    data = font.data[:place] + record + font.data[place + 16 :] + table
    return dataclasses.replace(font, name="Thin.ttf", data=data)


def test_a_variable_font_that_starts_thin_is_named_and_refused_for_a_pdf_only() -> None:
    vera = installed.find()[0]
    label = dataclasses.replace(PLAIN, material="Aluminium recyclé")
    assert sheet.pdf([label], Options(), (vera,))
    thin = (thin_twin(vera),)
    assert sheet.png(label, Options(), thin)
    with pytest.raises(FormatError) as refused:
        sheet.pdf([label], Options(), thin)
    assert refused.value.field == "label.material"
    assert "Thin.ttf is a variable font that starts at weight 100" in refused.value.message
    assert "fonts-wqy-microhei" in refused.value.hint


def test_pdf_and_png_are_the_same_label_bold_where_it_is_bold() -> None:
    options = Options("100x50", dpi=600, reprint=True)
    [page] = pages(sheet.pdf([PLAIN], options), 600)
    image = Image.open(io.BytesIO(sheet.png(PLAIN, options))).convert("L")
    for line in sheet.arranged(PLAIN, options).lines:
        one, two = (picture.crop(line.box) for picture in (page, image))
        if not line.inverse:
            ends = zip(dark(one), dark(two), strict=True)
            assert all(abs(a - b) <= max(4, line.size // 8) for a, b in ends)
        inks = [sum(picture.histogram()[:128]) for picture in (one, two)]
        assert 0.85 < inks[0] / inks[1] < 1.15, line.text


def test_documents_without_labels_or_with_too_many_are_refused() -> None:
    with pytest.raises(FormatError, match="at least one label"):
        sheet.pdf([], Options())
    with pytest.raises(FormatError, match="at most 1000 labels"):
        sheet.pdf([PLAIN, PLAIN], Options(copies=501))


@pytest.mark.parametrize("name", STOCKS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_test_page_names_its_stock_and_trim_and_shows_every_cell(name: str, lang: str) -> None:
    known = chinese() if lang == "zh" else ()
    size = STOCKS[name]
    data = sheet.test_page(Options(name, lang=lang, offset_x_um=300, pitch_y_um=-50), known)
    [page] = pages(data, 150)
    text = text_of(data)
    assert name in text
    assert "+0.300" in text
    assert "-0.050" in text
    marks = {str(mm) for mm in range(10, size.page_width_um // 1000, 10)}
    assert marks <= set(text.split())
    # Black on the outline of the first cell, at the height of its upper quarter.
    trim = Trim(300, 0, 0, -50)
    left, top = stock.corner(size, 0, trim)
    ends = (left - 200, top + 2_000, left + 400, top + size.height_um // 2)
    around = page.crop(tuple(round(um * 150 / 25_400) for um in ends))  # type: ignore[arg-type]
    assert min(around.tobytes()) < 128


def test_the_ruler_of_a_test_page_is_true() -> None:
    [page] = pages(sheet.test_page(Options("a4-2x4")), FINE)
    row = page.crop((0, round(1.2 * FINE / 25.4), page.width, round(1.2 * FINE / 25.4) + 1))
    levels = row.point(lambda level: 255 * (level < 160)).tobytes()
    ticks = [
        next(iter(group))[0]
        for is_dark, group in itertools.groupby(enumerate(levels), key=lambda pair: pair[1])
        if is_dark
    ]
    for mm in range(20, 200, 10):
        assert min(abs(tick * 25.4 / FINE - mm) for tick in ticks) < 0.1
