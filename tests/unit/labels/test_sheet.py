"""PNG and SVG of every stock, read back by a scanner that knows nothing of ours."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from labels import fonts, payload, sheet, stock
from labels.fonts import Font
from labels.label import DOTS
from labels.sheet import Label, Options
from ledger import fonts as installed
from ledger.errors import FormatError, LedgerError

LOT = payload.lot_payload("demo.remelt.example", "HB01/INGOT-1", bytes(range(32)))
LINK = "https://id.gs1.org/01/09506000134352/10/ab1?3103=001250"
PLAIN = Label(
    *(LOT, "HB01/INGOT-1", "18.7 t", "HB01/H-0312", "", "Aluminium ingot, AlSi9Cu3"),
    *("48.26 % post-consumer", "2026-03-02"),
)
LONG = dataclasses.replace(
    PLAIN, material="W" * 200, percent="48.26 % " * 20, lines=tuple("W" * 200 for _ in range(12))
)
CHINESE = dataclasses.replace(PLAIN, material="再生铝锭")
SVG = "{http://www.w3.org/2000/svg}"
LATIN_FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def read(image: Image.Image) -> list[str]:
    # Two hundred W in a row look like a bar code to some.
    found = zxingcpp.read_barcodes(image.convert("L"))
    return [one.text for one in found if one.format == zxingcpp.BarcodeFormat.QRCode]


def chinese() -> tuple[Font, ...]:
    found = installed.find()
    if not any(fonts.draws(font, "炉") for font in found):
        pytest.skip("no Chinese font on this machine")
    return found


@pytest.mark.parametrize("dpi", DOTS)
@pytest.mark.parametrize("name", stock.STOCKS)
def test_a_png_of_every_stock_is_read_back_at_its_true_size(name: str, dpi: int) -> None:
    size = stock.STOCKS[name]
    for label in (PLAIN, LONG):
        image = picture(sheet.png(label, Options(stock=name, dpi=dpi)))
        assert read(image) == [LOT]
        assert image.mode == "1"
        assert image.width == size.width_um * DOTS[dpi] // 100_000
        assert image.height == size.height_um * DOTS[dpi] // 100_000


def test_a_gs1_link_in_small_letters_is_read_back() -> None:
    assert read(picture(sheet.png(dataclasses.replace(PLAIN, payload=LINK), Options()))) == [LINK]


@pytest.mark.parametrize(("dpi", "per_metre"), [(203, 8000), (300, 11810), (600, 23620)])
def test_a_png_knows_its_size(dpi: int, per_metre: int) -> None:
    data = sheet.png(PLAIN, Options(dpi=dpi))
    at = data.index(b"pHYs") + 4
    assert data[at : at + 9] == per_metre.to_bytes(4, "big") * 2 + b"\x01"


def test_the_same_label_is_the_same_bytes() -> None:
    assert sheet.png(PLAIN, Options()) == sheet.png(PLAIN, Options())
    assert sheet.pdf([PLAIN], Options()) == sheet.pdf([PLAIN], Options())


@pytest.mark.parametrize(
    "field", ["lot", "material", "weight", "heat", "percent", "date", "hazard", "run", "lines"]
)
def test_every_text_leaves_ink(field: str) -> None:
    full = dataclasses.replace(PLAIN, hazard="UN 3480", run="R-1", lines=("grade A",))
    empty: object = () if field == "lines" else ""
    less = dataclasses.replace(full, **{field: empty})  # type: ignore[arg-type]
    assert sheet.png(less, Options()) != sheet.png(full, Options())


def test_a_border_is_drawn_on_request_and_does_not_hide_the_code() -> None:
    for name in stock.STOCKS:
        image = picture(sheet.png(PLAIN, Options(stock=name, border=True))).convert("L")
        ends = (image.width - 1, image.height - 1)
        assert [image.getpixel(at) for at in ((0, 0), ends, (ends[0], 0))] == [0, 0, 0]
        assert read(image) == [LOT]
        plain = picture(sheet.png(PLAIN, Options(stock=name))).convert("L")
        assert plain.getpixel((0, 0)) == 255


def test_a_reprint_says_so_white_on_black() -> None:
    image = picture(sheet.png(PLAIN, Options(reprint=True))).convert("L")
    line = next(
        line
        for line in sheet.arranged(PLAIN, Options(reprint=True)).lines
        if line.field == "reprint"
    )
    ground = image.crop(line.box)
    black = ground.histogram()[0] / (ground.width * ground.height)
    assert 0.5 < black < 0.95
    assert read(image) == [LOT]


def svg_root(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 (our own output)


def svg_picture(text: str, dots_per_mm: int) -> Image.Image:
    """The white ground and the symbol of one of our SVGs, as rectangles."""
    root = svg_root(text)
    width, height = (float(root.attrib[side].removesuffix("mm")) for side in ("width", "height"))
    across = int(root.attrib["viewBox"].split()[2])
    path = root.find(f"{SVG}path")
    assert path is not None
    place = re.fullmatch(r"translate\((\d+) (\d+)\) scale\((\d+)\)", path.attrib["transform"])
    assert place is not None
    left, top, module = (int(part) for part in place.groups())
    image = Image.new("L", (round(width * dots_per_mm), round(height * dots_per_mm)), 255)
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


@pytest.mark.parametrize("name", stock.STOCKS)
def test_an_svg_of_every_stock_is_read_back_and_keeps_its_texts_inside(name: str) -> None:
    drawn = sheet.svg(PLAIN, Options(stock=name))
    assert read(svg_picture(drawn, 24)) == [LOT]
    root = svg_root(drawn)
    width = int(root.attrib["viewBox"].split()[2])
    for text in root.iter(f"{SVG}text"):
        assert text.attrib["lengthAdjust"] == "spacingAndGlyphs"
        assert int(text.attrib["x"]) + int(text.attrib["textLength"]) <= width


def test_an_svg_has_true_millimetres_and_fetches_nothing() -> None:
    drawn = sheet.svg(PLAIN, Options(stock="l4736"))
    root = svg_root(drawn)
    assert (root.attrib["width"], root.attrib["height"]) == ("45.7mm", "21.2mm")
    assert not re.search(r"href|url\(|@import|<image|<script|<style", drawn)
    assert drawn.count("http://") == 1  # the name space
    assert len(drawn) < 6500


def test_markup_in_a_text_stays_text() -> None:
    evil = '</text><script>alert("1")</script>&amp;\'<'
    label = Label(LOT, "HB01/<A>", "1 t", material=evil)
    root = svg_root(sheet.svg(label, Options(stock="100x150")))
    assert evil in [text.text for text in root.iter(f"{SVG}text")]
    assert root.findtext(f"{SVG}title") == "HB01/<A>"
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "desc", "rect", "path", "g", "text"}


def test_a_text_no_font_can_draw_is_refused_with_what_to_install() -> None:
    with pytest.raises(FormatError) as refused:
        sheet.png(CHINESE, Options())
    assert refused.value.field == "label.material"
    assert "'再'" in refused.value.message
    assert "fonts-wqy-microhei" in refused.value.hint
    assert "REMELT_FONT" in refused.value.hint


def test_a_font_that_lacks_the_character_too_is_refused_and_one_that_has_it_draws_it() -> None:
    if not Path(LATIN_FONT).exists():
        pytest.skip(f"no {LATIN_FONT} here")
    latin = (Font("DejaVuSans.ttf", Path(LATIN_FONT).read_bytes()),)
    with pytest.raises(FormatError, match="draws '再'"):
        sheet.png(CHINESE, Options(), latin)
    russian = dataclasses.replace(PLAIN, material="Алюминий, вторичный")
    with pytest.raises(FormatError, match="draws 'А'"):
        sheet.png(russian, Options())
    other = dataclasses.replace(PLAIN, material="Алюминий, нторичный")
    assert sheet.png(russian, Options(), latin) != sheet.png(other, Options(), latin)
    assert read(picture(sheet.png(russian, Options(), latin))) == [LOT]


def test_chinese_is_drawn_with_a_font_of_this_machine() -> None:
    found = chinese()
    other = dataclasses.replace(CHINESE, material="再生铜锭")
    drawn = sheet.png(CHINESE, Options(lang="zh"), found)
    assert read(picture(drawn)) == [LOT]
    assert drawn != sheet.png(other, Options(lang="zh"), found)


def test_accents_need_no_font_of_the_machine() -> None:
    label = dataclasses.replace(PLAIN, material="Aluminium recyclé – à 60 % ≥ …")
    with pytest.raises(FormatError):
        sheet.png(label, Options())
    accented = dataclasses.replace(PLAIN, material="Aluminium recyclé – fût")
    assert read(picture(sheet.png(accented, Options(), installed.find()))) == [LOT]


@pytest.mark.parametrize("content", [None, b"no font"])
def test_a_named_font_that_cannot_be_read_is_refused_by_its_setting(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "font.ttf"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("REMELT_FONT", str(path))
    with pytest.raises(LedgerError) as refused:
        installed.find()
    assert refused.value.code == "SETTING_INVALID"
    assert refused.value.field == "REMELT_FONT"
    assert "font.ttf" in refused.value.message
