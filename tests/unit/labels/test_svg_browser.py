"""The SVG of every stock in a real browser, which prints what it shows."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator

import pytest
import zxingcpp
from PIL import Image, ImageChops
from playwright.sync_api import Browser, sync_playwright

from labels import sheet
from labels.label import DOTS
from labels.sheet import Label, Options
from labels.stock import STOCKS
from tests.pages.test_browser import NAMES, QUIET

pytestmark = pytest.mark.browser

LOT = "HTTPS://DEMO.REMELT.EXAMPLE/L/HB01/INGOT-1/0123456789"
PLAIN = Label(
    *(LOT, "HB01/INGOT-1", "18.7 t", "HB01/H-0312", "", "Aluminium ingot, AlSi9Cu3"),
    *("at least 50.00 % of the Al certified", "2026-03-02"),
)
SCALE = 4  # pixels of the screen to a CSS pixel, of which there are 96 to the inch
PER_MM = 96 * SCALE / 25.4


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser on this machine: looked for {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


def seen(chromium: Browser, svg: str) -> Image.Image:
    page = chromium.new_page(device_scale_factor=SCALE, viewport={"width": 700, "height": 700})
    page.set_content(f'<body style="margin:0">{svg}')
    picture = page.locator("svg").screenshot()
    page.close()
    return Image.open(io.BytesIO(picture)).convert("L")


@pytest.mark.parametrize("name", STOCKS)
def test_a_browser_shows_the_label_at_its_true_size_and_the_code_is_read(
    name: str, chromium: Browser
) -> None:
    size, options = STOCKS[name], Options(stock=name, reprint=True)
    image = seen(chromium, sheet.svg(PLAIN, options))
    # A picture of an element ends on whole CSS pixels, of 0.26 mm.
    assert abs(image.width / PER_MM - size.width_um / 1000) < 0.27
    assert abs(image.height / PER_MM - size.height_um / 1000) < 0.27
    [found] = zxingcpp.read_barcodes(image)
    assert found.text == LOT
    drawn = sheet.arranged(PLAIN, options)
    dot = 100 / DOTS[options.dpi] * PER_MM
    left, right = drawn.x * dot, (drawn.x + len(drawn.symbol.modules) * drawn.module) * dot
    assert abs(found.position.top_left.x - left) < 0.2 * PER_MM
    assert abs(found.position.top_right.x - right) < 0.2 * PER_MM


@pytest.mark.parametrize("name", ["100x50", "50x25", "l4731"])
def test_texts_are_seen_and_stay_in_their_boxes_in_the_browsers_own_font(
    name: str, chromium: Browser
) -> None:
    options = Options(stock=name)
    image = ImageChops.invert(seen(chromium, sheet.svg(PLAIN, options)))
    drawn = sheet.arranged(PLAIN, options)
    dot = 100 / DOTS[options.dpi] * PER_MM
    side = (drawn.x + len(drawn.symbol.modules) * drawn.module) * dot
    for line in drawn.lines:
        left, top, right, bottom = (round(end * dot) for end in line.box)
        ink = image.crop((left, top, right, bottom)).point(lambda level: 255 * (level > 100))
        box = ink.getbbox()
        assert box is not None, line.text
        assert box[2] - box[0] > 0.8 * (right - left), line.text
        if line.y * dot < side:
            # Nothing to the right of where the text must end.
            beyond = image.crop((right + 2, top, image.width, bottom))
            assert beyond.getbbox() is None, line.text
