"""ZPL, read by a printer of our own: fields, escapes, graphics, and the symbol of ^BQ."""

from __future__ import annotations

import base64
import dataclasses
import re
import zlib
from dataclasses import dataclass

import pytest
import qrcode  # type: ignore[import-untyped]
import zxingcpp
from PIL import Image, ImageChops, ImageDraw
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData  # type: ignore[import-untyped]

from bench import labels as bench
from labels import fonts, sheet, zpl
from labels.label import DOTS
from labels.sheet import Label, Options
from labels.stock import STOCKS
from ledger import fonts as installed
from ledger.errors import FormatError

LOT = "HTTPS://DEMO.REMELT.EXAMPLE/L/HB01/INGOT-1/0123456789"
LINK = "https://id.gs1.org/01/09506000134352/10/ab1?3103=001250"
PLAIN = Label(
    *(LOT, "HB01/INGOT-1", "18.7 t", "HB01/H-0312", "", "Aluminium ingot, AlSi9Cu3"),
    *("48.26 % post-consumer", "2026-03-02"),
)
LEVELS = {
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
}
COMMAND = re.compile(r"\^([A-Z@][A-Z0-9@])([^^]*)")


@dataclass(frozen=True)
class Field:
    """What lies between ^FO or ^FT and ^FS."""

    x: int
    y: int
    commands: dict[str, str]
    data: str


def fields(text: str) -> list[Field]:
    """The fields of a format, hexadecimal escapes resolved as ^FH_ asks."""
    found = []
    for part in text.replace("\n", "").split("^FS")[:-1]:
        commands: dict[str, str] = dict(COMMAND.findall(part))
        place = commands.get("FO") or commands.get("FT") or "0,0"
        x, y = (int(n) for n in place.split(","))
        data = commands.get("FD", "")
        if commands.get("FH", "") == "_":
            data = re.sub("_([0-9A-F]{2})", lambda hit: chr(int(hit[1], 16)), data)
        found.append(Field(x, y, commands, data))
    return found


def symbol_of(field: Field) -> Image.Image:
    """What a printer draws for ^BQ: model 2, manual input, one mode."""
    _, model, magnification, level = field.commands["BQ"].split(",")
    assert model == "2"
    switches, _, data = field.data.partition(",")
    assert switches == f"{level}M"
    if data[0] == "A":
        drawn, mode = data[1:], MODE_ALPHA_NUM
    else:
        assert data[0] == "B"
        drawn, mode = data[5:], MODE_8BIT_BYTE
        assert int(data[1:5]) == len(drawn)
    code = qrcode.QRCode(error_correction=LEVELS[level], border=0)
    code.add_data(QRData(drawn.encode(), mode=mode))
    code.make(fit=True)
    side, dots = len(code.modules), int(magnification)
    image = Image.new("L", (side, side), 255)
    image.putdata([0 if dark else 255 for row in code.modules for dark in row])
    return image.resize((side * dots, side * dots), Image.Resampling.NEAREST)


def print_native(text: str) -> Image.Image:
    """A label as a printer draws it; texts as boxes of the height they are asked in."""
    size = [int(re.findall(rf"\^{name}(\d+)", text)[0]) for name in ("PW", "LL")]
    paper = Image.new("L", (size[0], size[1]), 255)
    draw = ImageDraw.Draw(paper)
    for field in fields(text):
        if "BQ" in field.commands:
            sunk = int(field.commands["BY"].split(",")[2])  # as printers do
            paper.paste(symbol_of(field), (field.x, field.y + sunk))
        elif "A0" in field.commands:
            _, height, _ = field.commands["A0"].split(",")
            # The condensed font of the printer is narrower than ours: half its height on average.
            width = len(field.data) * int(height) // 2
            draw.rectangle((field.x, field.y - int(height) * 3 // 4, field.x + width, field.y))
    return paper


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("name", STOCKS)
def test_the_symbol_that_the_printer_draws_is_read_and_is_as_large_as_planned(
    name: str, dpi: int
) -> None:
    text = sheet.zpl([PLAIN], Options(name, dpi=dpi))
    drawn = sheet.arranged(PLAIN, Options(name, dpi=dpi), module_max=zpl.MODULE_MAX)
    code = next(field for field in fields(text) if "BQ" in field.commands)
    image = symbol_of(code)
    assert image.width == len(drawn.symbol.modules) * drawn.module
    assert (code.x, code.y) == (drawn.x, drawn.y - 1)
    assert 1 <= drawn.module <= 10
    assert code.data == f"{drawn.symbol.correction}M,A{LOT}"
    paper = print_native(text)
    assert [found.text for found in zxingcpp.read_barcodes(paper)] == [LOT]


@pytest.mark.parametrize("name", STOCKS)
def test_the_size_is_told_in_dots_of_the_print_head(name: str) -> None:
    for dpi in (203, 300):
        text = sheet.zpl([PLAIN], Options(name, dpi=dpi, copies=7))
        stock = STOCKS[name]
        assert f"^PW{stock.width_um * DOTS[dpi] // 100_000}^" in text
        assert f"^LL{stock.height_um * DOTS[dpi] // 100_000}^" in text
        assert text.startswith("^XA")
        assert text.rstrip().endswith("^PQ7^XZ")


def test_small_letters_go_byte_for_byte_with_their_count() -> None:
    text = sheet.zpl([dataclasses.replace(PLAIN, payload=LINK)], Options())
    code = next(field for field in fields(text) if "BQ" in field.commands)
    assert code.data == f"QM,B{len(LINK):04}{LINK}"
    assert [found.text for found in zxingcpp.read_barcodes(print_native(text))] == [LINK]


def test_command_characters_in_a_text_stay_text() -> None:
    evil = "5^FS^XZ~JA100_5E%"
    label = dataclasses.replace(PLAIN, material=evil)
    text = sheet.zpl([label], Options("100x150"))
    assert "~" not in text
    assert text.count("^XZ") == 1
    assert evil in [field.data for field in fields(text)]


def test_the_texts_of_a_label_are_all_there() -> None:
    text = sheet.zpl([PLAIN], Options("100x150", reprint=True))
    shown = [field.data for field in fields(text) if "A0" in field.commands]
    drawn = sheet.arranged(PLAIN, Options("100x150", reprint=True), module_max=10)
    assert shown == [line.text for line in drawn.lines if line.text.isascii()]
    reverse = next(field for field in fields(text) if field.data == "REPRINT")
    assert "FR" in reverse.commands


def test_what_is_not_ascii_goes_as_a_graphic_and_the_rest_as_text() -> None:
    known = installed.find()
    if not any(fonts.draws(font, "炉") for font in known):
        pytest.skip("no Chinese font on this machine")
    label = dataclasses.replace(PLAIN, material="再生铝锭")
    text = sheet.zpl([label], Options(lang="zh", reprint=True), known)
    assert text.isascii()
    assert text.count("^GFA") == 3  # the heat with its caption, the material, the mark of a reprint
    for field in fields(text):
        if "GF" in field.commands:
            picture = unpacked(field)
            assert ImageChops.invert(picture).getbbox() is not None
    assert [found.text for found in zxingcpp.read_barcodes(print_native(text))] == [LOT]


def unpacked(field: Field) -> Image.Image:
    kind, sent, size, row, data = field.commands["GF"].split(",", 4)
    assert kind == "A"
    assert sent == size
    _, name, encoded, check = data.split(":")
    assert name == "Z64"
    assert int(check, 16) == crc_ccitt(encoded.encode())
    bits = zlib.decompress(base64.b64decode(encoded))
    assert len(bits) == int(size)
    image = Image.frombytes("1", (int(row) * 8, int(size) // int(row)), bits)
    return ImageChops.invert(image.convert("L"))


def crc_ccitt(data: bytes) -> int:
    """CRC-16 with the polynomial 0x1021 from 0, bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def test_the_check_of_a_graphic_is_the_crc_that_printers_use() -> None:
    # The check value of CRC-16/XMODEM; labels of Zebra's own software bear the same check.
    assert crc_ccitt(b"123456789") == 0x31C3


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("name", STOCKS)
def test_a_label_sent_as_graphics_is_the_png_dot_for_dot(name: str, dpi: int) -> None:
    options = Options(name, dpi=dpi, form="graphics")
    text = sheet.zpl([PLAIN], options)
    [field] = fields(text)
    unpacked(field)
    image = bench.graphic(text)
    same = bench.printed("png", PLAIN, options)
    assert ImageChops.difference(image, same).getbbox() is None
    assert [found.text for found in zxingcpp.read_barcodes(image)] == [LOT]
    assert len(text) < 20_000


def test_several_labels_are_several_formats() -> None:
    other = dataclasses.replace(PLAIN, payload=LOT[:-1] + "0")
    text = sheet.zpl([PLAIN, other], Options(copies=2, border=True))
    assert text.count("^XA") == text.count("^XZ") == text.count("^PQ2") == 2
    assert text.count("^FO0,0^GB1181,590,1^FS") == 2


@pytest.mark.parametrize("form", ["native", "graphics"])
def test_trim_moves_the_print_and_sets_nothing_that_lasts(form: str) -> None:
    options = Options(form=form, offset_x_um=1_000, offset_y_um=-500)
    texts = [sheet.zpl([PLAIN], each) for each in (Options(form=form), options)]
    assert not re.search(r"\^(LT|LS|JU|MM|PR|MD|MN)", texts[1])
    papers = [
        print_native(text) if form == "native" else bench.graphic(text).convert("L")
        for text in texts
    ]
    found = [zxingcpp.read_barcodes(paper)[0] for paper in papers]
    assert [one.text for one in found] == [LOT, LOT]
    first, second = (one.position.top_left for one in found)
    assert abs(second.x - first.x - 11) <= 1  # 1 mm at 300 dpi
    assert abs(second.y - first.y + 6) <= 1


@pytest.mark.parametrize("form", ["native", "graphics"])
@pytest.mark.parametrize("field", ["offset_x_um", "offset_y_um"])
def test_a_shift_that_would_lose_part_of_the_label_is_refused(form: str, field: str) -> None:
    for um in (-5_000, 20_000):
        options = Options(form=form, **{field: um})  # type: ignore[arg-type]
        with pytest.raises(FormatError) as refused:
            sheet.zpl([PLAIN], options)
        assert refused.value.field == field
        assert refused.value.code == "PARAMETER_INVALID"
        assert refused.value.value == um
        assert "on this label" in refused.value.message


def test_the_symbol_is_not_lowered_by_what_others_left_in_the_printer() -> None:
    text = sheet.zpl([PLAIN], Options())
    assert text.index("^BY2,3,1") < text.index("^BQ")
