"""Drawn labels, read back by a scanner that knows nothing of ours."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from labels import layout, payload, qr
from ledger.errors import FormatError, LedgerError

LOT = payload.lot_payload("demo.remelt.example", "HB01/INGOT-1", bytes(range(32)))
CERTIFICATE = payload.certificate_payload("m.example.c", "ABCD-EFGH-JKMY")
LOCAL = payload.lot_payload("127.0.0.1:8731", "HB01/DROSS-1", bytes(range(32)))
PLAIN = qr.LabelText(
    "HB01/INGOT-1",
    "Aluminium ingot, AlSi9Cu3",
    "18.7 t",
    "HB01/H-0312",
    "48.26 % post-consumer",
    ("2026-03-02", "REPRINT 1"),
)
LONG = qr.LabelText(
    "HB01XYZWVUTS/INGOT-1234567890ABCD",
    "W" * 200,
    "18 700.123456 kg",
    "HB01XYZWVUTS/H-1234567890ABCDEF",
    "48.26 % post-consumer " * 9,
    tuple("W" * 200 for _ in range(12)),
)
CHINESE = dataclasses.replace(PLAIN, material="再生铝锭", heat_caption="炉号")
STOCKS = [(100, 50), (100, 150), (105, 74), (70, 37), (70, 140)]
SVG = "{http://www.w3.org/2000/svg}"
FONT_FILES = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)
LATIN_FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def read(image: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(image.convert("L"))]


@pytest.mark.parametrize("dpi", [203, 300, 600])
@pytest.mark.parametrize("text", [LOT, CERTIFICATE, LOCAL])
def test_a_png_is_read_back_as_its_payload(text: str, dpi: int) -> None:
    assert read(picture(qr.png(text, PLAIN, dpi=dpi))) == [text]


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("stock", STOCKS)
def test_every_stock_is_read_back_even_with_texts_far_too_long(
    stock: tuple[int, int], dpi: int
) -> None:
    image = picture(qr.png(LOT, LONG, dpi=dpi, width_mm=stock[0], height_mm=stock[1]))
    assert read(image) == [LOT]


def test_a_certificate_fits_on_50_by_25_mm_at_203_dpi() -> None:
    image = picture(qr.png(CERTIFICATE, PLAIN, dpi=203, width_mm=50, height_mm=25))
    assert read(image) == [CERTIFICATE]


def test_the_symbol_in_the_picture_has_the_version_and_correction_of_the_layout() -> None:
    found = zxingcpp.read_barcodes(picture(qr.png(CERTIFICATE, PLAIN)).convert("L"))[0]
    assert found.ec_level == "Q"
    assert found.format == zxingcpp.BarcodeFormat.QRCode
    side = found.position.top_right.x - found.position.top_left.x
    module = round(side / 29)  # version 3
    assert abs(side - 29 * module) <= 2


@pytest.mark.parametrize("damage", ["blur", "turn", "scratch", "fade"])
def test_a_label_printed_at_203_dpi_survives_the_yard(damage: str) -> None:
    image = picture(qr.png(LOT, PLAIN, dpi=203)).convert("L")
    if damage == "blur":
        image = image.filter(ImageFilter.GaussianBlur(3))
    elif damage == "turn":
        image = image.rotate(17, expand=True, fillcolor=255)
    elif damage == "scratch":
        ImageDraw.Draw(image).line((60, 200, 330, 150), fill=255, width=12)
    else:
        image = image.point(lambda level: 110 + level // 3)
    assert read(image) == [LOT]


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("stock", STOCKS)
def test_the_quiet_zone_stays_white_and_modules_are_whole_dots(
    stock: tuple[int, int], dpi: int
) -> None:
    image = picture(qr.png(LOT, LONG, dpi=dpi, width_mm=stock[0], height_mm=stock[1])).convert("L")
    found = zxingcpp.read_barcodes(image)[0].position
    drawn = layout.symbol(LOT, "Q").modules
    module = round((found.top_right.x - found.top_left.x) / len(drawn))
    dark = image.point(lambda level: 255 - level).crop(
        (0, 0, found.top_right.x + 3 * module, found.bottom_left.y + 3 * module)
    )
    left, top, right, bottom = dark.getbbox() or (0, 0, 0, 0)
    assert (right - left, bottom - top) == (len(drawn) * module, len(drawn) * module)
    assert min(left, top) >= 4 * module
    for y, row in enumerate(drawn):
        for x, is_dark in enumerate(row):
            at = (left + x * module, top + y * module)
            cell = image.crop((*at, at[0] + module, at[1] + module))
            assert cell.getextrema() == ((0, 0) if is_dark else (255, 255))


@pytest.mark.parametrize(
    ("dpi", "size", "per_metre"), [(203, (800, 400), 8000), (300, (1181, 590), 11810)]
)
def test_a_png_is_one_bit_deep_and_knows_its_size(
    dpi: int, size: tuple[int, int], per_metre: int
) -> None:
    data = qr.png(LOT, PLAIN, dpi=dpi)
    image = picture(data)
    assert image.mode == "1"
    assert image.size == size
    at = data.index(b"pHYs") + 4
    assert data[at : at + 9] == per_metre.to_bytes(4, "big") * 2 + b"\x01"


def test_the_same_label_is_the_same_bytes() -> None:
    assert qr.png(LOT, PLAIN) == qr.png(LOT, PLAIN)


def test_every_line_of_text_leaves_ink() -> None:
    whole = qr.png(LOT, PLAIN)
    for field in ("lot", "material", "mass", "heat", "origin_line", "lines"):
        empty: object = () if field == "lines" else ""
        assert qr.png(LOT, dataclasses.replace(PLAIN, **{field: empty})) != whole  # type: ignore[arg-type]


def svg_root(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 (our own output)


def svg_picture(text: str, dots_per_mm: int) -> Image.Image:
    """The white ground and the symbol of one of our SVGs, as rectangles."""
    root = svg_root(text)
    width, height = (int(root.attrib[side].removesuffix("mm")) for side in ("width", "height"))
    across = int(root.attrib["viewBox"].split()[2])
    path = root.find(f"{SVG}path")
    assert path is not None
    place = re.fullmatch(r"translate\((\d+) (\d+)\) scale\((\d+)\)", path.attrib["transform"])
    assert place is not None
    left, top, module = (int(part) for part in place.groups())
    image = Image.new("L", (width * dots_per_mm, height * dots_per_mm), 255)
    draw = ImageDraw.Draw(image)
    scale = width * dots_per_mm / across
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path.attrib["d"])
    assert "".join(f"M{x} {y}h{n}v1h-{back}z" for x, y, n, back in runs) == path.attrib["d"]
    for x, y, length, back in (map(int, run) for run in runs):
        assert length == back
        corner = (left + x * module, top + y * module)
        end = (corner[0] + length * module, corner[1] + module)
        draw.rectangle(
            (corner[0] * scale, corner[1] * scale, end[0] * scale - 1, end[1] * scale - 1), fill=0
        )
    return image


@pytest.mark.parametrize("dots_per_mm", [8, 12])
@pytest.mark.parametrize("stock", STOCKS)
def test_an_svg_is_read_back_as_its_payload(stock: tuple[int, int], dots_per_mm: int) -> None:
    drawn = qr.svg(LOT, LONG, width_mm=stock[0], height_mm=stock[1])
    assert read(svg_picture(drawn, dots_per_mm)) == [LOT]


def test_an_svg_has_true_millimetres_and_fetches_nothing() -> None:
    drawn = qr.svg(LOT, CHINESE)
    root = svg_root(drawn)
    assert (root.attrib["width"], root.attrib["height"]) == ("100mm", "50mm")
    assert root.attrib["viewBox"] == "0 0 800 400"
    assert not re.search(r"href|url\(|@import|<image|<script|<style", drawn)
    assert drawn.count("http://") == 1  # the name space
    assert len(drawn) < 6000


def test_the_texts_of_an_svg_are_text_of_fixed_length_beside_the_symbol() -> None:
    root = svg_root(qr.svg(LOT, CHINESE))
    texts = list(root.iter(f"{SVG}text"))
    assert [text.text for text in texts] == [
        LOT,
        "HB01/INGOT-1",
        "炉号 HB01/H-0312",
        "18.7 t",
        "再生铝锭",
        "48.26 % post-consumer",
        "2026-03-02",
        "REPRINT 1",
    ]
    bold = [text.text for text in texts if text.get("font-weight") == "bold"]
    assert bold == ["HB01/INGOT-1", "炉号 HB01/H-0312", "18.7 t"]
    for text in texts:
        assert text.attrib["lengthAdjust"] == "spacingAndGlyphs"
        assert int(text.attrib["x"]) + int(text.attrib["textLength"]) <= 800


def test_markup_in_a_text_stays_text() -> None:
    evil = '</text><script>alert("1")</script>&amp;\'<'
    drawn = qr.svg(LOT, qr.LabelText("HB01/<A>", evil, "1 t"), width_mm=200)
    root = svg_root(drawn)
    assert evil in [text.text for text in root.iter(f"{SVG}text")]
    assert root.findtext(f"{SVG}title") == "HB01/<A>"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "desc", "rect", "path", "g", "text")
    }


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("text", [LOT, CERTIFICATE, LOCAL])
def test_a_terminal_shows_the_symbol_on_dark_and_on_light_ground(text: str, dark: bool) -> None:
    rows = qr.terminal(text, dark=dark).splitlines()
    side = len(rows[0])
    assert {len(row) for row in rows} == {side}
    assert len(rows) == (side + 1) // 2
    ground, ink = (0, 255) if dark else (255, 0)
    image = Image.new("L", (side, len(rows) * 2), ground)
    for y, row in enumerate(rows):
        for x, char in enumerate(row):
            upper, lower = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}[char]
            image.putpixel((x, 2 * y), ink if upper else ground)
            image.putpixel((x, 2 * y + 1), ink if lower else ground)
    found = zxingcpp.read_barcodes(image.resize((side * 6, len(rows) * 12)), try_invert=False)
    assert [one.text for one in found] == [text]


def test_a_text_no_font_can_draw_is_refused_with_what_to_install() -> None:
    with pytest.raises(FormatError) as refused:
        qr.png(LOT, CHINESE)
    assert refused.value.field == "label.heat"
    assert "'炉'" in refused.value.message
    assert "fonts-noto-cjk" in refused.value.hint


def test_a_font_that_lacks_the_character_too_is_refused() -> None:
    if not Path(LATIN_FONT).exists():
        pytest.skip(f"no {LATIN_FONT} here")
    with pytest.raises(FormatError, match="draws '炉'"):
        qr.png(LOT, CHINESE, font_path=LATIN_FONT)


def test_a_given_font_draws_what_the_built_in_one_cannot() -> None:
    if not Path(LATIN_FONT).exists():
        pytest.skip(f"no {LATIN_FONT} here")
    russian = dataclasses.replace(PLAIN, material="Алюминий, вторичный")
    with pytest.raises(FormatError, match="draws 'А'"):
        qr.png(LOT, russian)
    image = picture(qr.png(LOT, russian, font_path=LATIN_FONT))
    assert read(image) == [LOT]
    other = dataclasses.replace(PLAIN, material="Алюминий, нторичный")
    assert qr.png(LOT, russian, font_path=LATIN_FONT) != qr.png(LOT, other, font_path=LATIN_FONT)


def test_chinese_is_drawn_with_a_chinese_font() -> None:
    font_path = next((path for path in FONT_FILES if Path(path).exists()), None)
    if font_path is None:
        pytest.skip("no Chinese font on this machine")
    image = picture(qr.png(LOT, CHINESE, font_path=font_path))
    assert read(image) == [LOT]
    other = dataclasses.replace(CHINESE, material="再生铜锭")
    assert qr.png(LOT, CHINESE, font_path=font_path) != qr.png(LOT, other, font_path=font_path)


@pytest.mark.parametrize("content", [None, b"no font"])
def test_a_font_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "font.ttf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LedgerError) as refused:
        qr.png(LOT, CHINESE, font_path=str(path))
    assert refused.value.code == "SETTING_INVALID"
    assert "font.ttf" in refused.value.message
