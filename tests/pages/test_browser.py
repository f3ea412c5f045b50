"""The pages in a phone's browser, 360 pixels wide, with JavaScript off."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.pages.conftest import Site

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 360, 780
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
GREEN, BROWN, RED = (21, 94, 55), (138, 75, 0), (163, 21, 21)
SLATE = (0x2B, 0x3F, 0x55)  # no green word over a certificate


@pytest.fixture(scope="session")
def browser() -> str:
    for name in NAMES:
        found = shutil.which(name)
        # A stub that only asks for another package is no browser.
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found
    pytest.skip(f"no browser on this machine: looked for {', '.join(NAMES)}")


def run(browser: str, profile: Path, *options: str, scripts: bool = False) -> str:
    preferences = {"profile": {"default_content_setting_values": {"javascript": 1 + (not scripts)}}}
    (profile / "Default").mkdir(parents=True)
    (profile / "Default" / "Preferences").write_text(json.dumps(preferences))
    command = [browser, *QUIET, f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}"]
    done = subprocess.run([*command, *options], capture_output=True, timeout=120, check=True)
    return done.stdout.decode("utf-8", "replace")


def address_of(site: Site, path: str) -> str:
    return f"{str(site.client.base_url).rstrip('/')}{path}"


def screenshot(browser: str, address: str, folder: Path) -> Image.Image:
    """What a phone shows of a page, with JavaScript off."""
    shot = folder / "page.png"
    run(browser, folder / "profile", f"--screenshot={shot}", address)
    image = Image.open(shot).convert("RGB")
    assert image.size == (WIDTH, HEIGHT)
    return image


def share(image: Image.Image, colour: tuple[int, int, int]) -> int:
    """How many per mille of the picture have this colour."""
    pixels = image.tobytes()
    triples = (pixels[i : i + 3] for i in range(0, len(pixels), 3))
    return 1000 * sum(triple == bytes(colour) for triple in triples) // (WIDTH * HEIGHT)


CASES = [
    ("HB01/CERT", GREEN), ("HB01/A", BROWN), ("HB01/WIDE", GREEN), ("CERT", SLATE),
    ("REVOKED", RED), ("DRAWN", BROWN), ("/L/HB01/CERT/0000000000", RED), ("/C/ABCDEFGHJKMN", RED),
]  # fmt: skip


def path_of(site: Site, name: str) -> str:
    serials = {name: f"/C/{serial}" for name, serial in site.week.serials.items()}
    return {**site.week.labels, **serials}.get(name, name)


@pytest.mark.parametrize(("name", "colour"), CASES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_is_drawn_without_javascript_in_the_colour_of_its_verdict(
    browser: str, site: Site, tmp_path: Path, name: str, colour: tuple[int, int, int], language: str
) -> None:
    address = address_of(site, f"{path_of(site, name)}?lang={language}")
    image = screenshot(browser, address, tmp_path)
    assert share(image, colour) > 40, "the verdict's box"
    assert all(share(image, other) < 10 for other in {GREEN, SLATE, BROWN, RED} - {colour})
    assert 300 < share(image, (255, 255, 255)) < 950, "neither blank nor covered"


def test_the_browser_of_these_tests_runs_no_scripts(browser: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<body bgcolor=white><script>document.body.bgColor='black'</script>")
    assert share(screenshot(browser, page.as_uri(), tmp_path), (255, 255, 255)) == 1000


def test_a_page_is_no_wider_than_the_phone(browser: str, site: Site, tmp_path: Path) -> None:
    """Measured by a script that the test adds to a copy of the page."""
    measure = (
        "<script>document.documentElement.dataset.width=[document.documentElement.scrollWidth,"
        "...[...document.querySelectorAll('body *')].map(e=>Math.ceil("
        "e.getBoundingClientRect().right))].reduce((a,b)=>Math.max(a,b))</script>"
    )
    for number, path in enumerate(site.every_page()):
        for language in ("en", "zh"):
            mark = "&" if "?" in path else "?"
            source = site.get(f"{path}{mark}lang={language}").text
            style = re.findall(r'<link rel="stylesheet" href="([^"]*)">', source)[0]
            css = f"<style>{site.get(style).text}</style>"
            source = source.replace("<details", "<details open").replace("</head>", f"{css}</head>")
            copy = tmp_path / f"{number}-{language}.html"
            copy.write_text(source.replace("</body>", f"{measure}</body>"), encoding="utf-8")
    # Beside one another in frames as wide as a phone: one browser run for all of them.
    frames = "".join(
        f'<iframe src="{copy.name}" width="{WIDTH}" height="{HEIGHT}"></iframe>'
        for copy in sorted(tmp_path.glob("*.html"))
    )
    assert frames.count("<iframe") == 2 * len(site.every_page())
    collect = (
        "<script>onload=()=>{document.body.dataset.widths=[...document.querySelectorAll('iframe')]"
        ".map(f=>f.src.split('/').pop()+'='+f.contentDocument.documentElement.dataset.width)}"
        "</script>"
    )
    whole = tmp_path / "all.html"
    whole.write_text(f"<style>iframe{{border:0}}</style><body>{frames}{collect}")
    files = "--allow-file-access-from-files"
    dump = run(browser, tmp_path / "profile", files, "--dump-dom", whole.as_uri(), scripts=True)
    widths = re.findall(r'data-widths="([^"]*)"', dump)[0].split(",")
    assert len(widths) == 2 * len(site.every_page())
    assert [found for found in widths if int(found.partition("=")[2]) > WIDTH] == []


def test_the_document_a_browser_builds_has_the_words_and_no_script(
    browser: str, site: Site, tmp_path: Path
) -> None:
    address = address_of(site, f"{site.certificate('CERT')}?lang=zh")
    dump = run(browser, tmp_path / "profile", "--dump-dom", address)
    assert "<script" not in dump
    assert "逐项核验结果" in dump
    assert "消费后" in dump


def test_a_page_fits_on_one_sheet_of_paper(browser: str, site: Site, tmp_path: Path) -> None:
    address = address_of(site, f"{site.certificate('CERT')}?lang=en")
    printed = tmp_path / "page.pdf"
    run(browser, tmp_path / "profile", f"--print-to-pdf={printed}", address)
    assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) == 1
