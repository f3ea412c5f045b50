"""Every page in a real browser: axe finds nothing grave, the policy is kept, the way to a label."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.pages.conftest import LANGUAGES, Site
from tests.pages.people import PASSWORD, Person
from tests.pages.test_browser import NAMES, QUIET

pytestmark = pytest.mark.browser

GRAVE = ("serious", "critical")
# 360 px: a phone. 320 px: a desktop of 1280 at 400 %, as WCAG 1.4.10 asks.
WIDTHS = (320, 360, 1200)
OWN = (
    "/my", "/my?state=road", "/my?q=%25", "/my/certificates", "/my/lots/HB01/CERT",
    "/my/lots/HB01/A", "/my/print", "/my/print?lot=HB01/CERT", "/my/print?lot=X", "/my/account",
    "/my/lots/HB01/NOTHING",
)  # fmt: skip
# What a page writes about the policy into the window, before anything of it runs.
WATCH = (
    "window.violations = [];"
    "addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective))"
)
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser on this machine: looked for {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser, site: Site) -> Iterator[Open]:
    """Opens pages; afterwards none may have said anything against the policy, or broken."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def one(language: str = "en", person: Person | None = None, **options: Any) -> Page:
        context = chromium.new_context(
            base_url=str(site.client.base_url), locale=language, **options
        )
        contexts.append(context)
        if person is not None:
            token = person.client.cookies["remelt"]
            url = str(site.client.base_url)
            context.add_cookies([{"name": "remelt", "value": token, "url": url}])
        if options.get("java_script_enabled", True):
            context.add_init_script(WATCH)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console",
            lambda message: said.append(message.text) if "Security" in message.text else None,
        )
        return page

    yield one
    for context in contexts:
        context.close()
    assert said == []


def findings(page: Page) -> list[str]:
    """`serious color-contrast (2)` for everything that axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{one['impact']} {one['id']} ({len(one['nodes'])})" for one in found]


def paths(site: Site) -> list[str]:
    alike = {f"/C/{site.week.serials[f'MANY-{number}']}" for number in range(1, 12)}
    return [*(path for path in site.every_page() if path not in alike), "/login", "/nowhere"]


def look(page: Page, path: str, language: str) -> None:
    """Open a page, print what axe says, and hold it to the policy and the width."""
    mark = "&" if "?" in path else "?"
    page.goto(f"{path}{mark}lang={language}")
    for summary in page.query_selector_all("details:not([open]) > summary"):
        summary.click()
    found = findings(page)
    print(f"axe {path} {language}: {', '.join(found) or 'nothing'}")
    assert not [one for one in found if one.startswith(GRAVE)], path
    assert page.evaluate("violations") == [], path
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing_grave_on_a_public_page(site: Site, opened: Open, language: str) -> None:
    page = opened(language, viewport={"width": 360, "height": 800})
    for path in paths(site):
        look(page, path, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing_grave_on_a_page_of_a_person(
    persons: dict[str, Person], opened: Open, language: str
) -> None:
    for name in ("boss", "auditor"):
        page = opened(language, persons[name], viewport={"width": 360, "height": 800})
        for path in OWN if name == "boss" else OWN[:1]:
            look(page, path, language)


def test_axe_finds_nothing_grave_where_something_is_wrong(
    persons: dict[str, Person], opened: Open
) -> None:
    page = opened("zh")
    page.goto("/login?lang=zh")
    page.fill("#name", "boss")
    page.fill("#password", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem")
    assert page.evaluate("document.activeElement.id") == "problem", "told at once"
    assert page.title().startswith("有问题需要更正：")
    assert not [one for one in findings(page) if one.startswith(GRAVE)]
    page.click("#problem a")
    assert page.evaluate("document.activeElement.id") == "name", "the summary leads to the field"
    page = opened("en", persons["boss"])
    page.goto("/my/print?lot=HB01/CERT")
    page.fill("#copies", "0")
    page.click("button[value=pdf]")
    assert page.locator("#problem").is_visible()
    assert not [one for one in findings(page) if one.startswith(GRAVE)]


def test_printed_on_paper_a_list_has_its_lots_and_no_buttons(
    persons: dict[str, Person], opened: Open
) -> None:
    page = opened("en", persons["boss"])
    page.goto("/my")
    paper = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))
    printed = "".join(sheet.get_textpage().get_text_range() for sheet in paper)
    assert "HB01/CERT" in printed
    assert "Site" in printed
    for word in ("Log out", "Print labels", "Show", "Choose"):
        assert word not in printed


def test_the_description_of_the_interface_is_drawn_under_its_policy(opened: Open) -> None:
    """What axe finds there (contrast, buttons in buttons) is Swagger UI's own."""
    page = opened()
    page.goto("/docs")
    page.wait_for_selector(".opblock")
    assert page.evaluate("violations") == []
    print(f"axe /docs: {', '.join(findings(page))}")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_log_in_to_a_sheet_of_labels(
    persons: dict[str, Person], opened: Open, tmp_path: Path, *, scripts: bool, language: str
) -> None:
    page = opened(language, java_script_enabled=scripts, viewport={"width": 360, "height": 800})
    page.goto("/my?state=lying&site=HB01")
    assert "/login?next=" in page.url
    page.fill("#name", "boss")
    page.fill("#password", PASSWORD)
    page.click("form[action='/login'] button >> nth=0")
    assert page.url.endswith("/my?state=lying&site=HB01")
    if scripts:
        page.click("[data-choose-all]")
        assert page.locator("input[name=lot]:checked").count() > 10
        page.click("[data-choose-all]")
    else:
        assert page.locator("[data-choose-all]").is_hidden()
    for lot in ("HB01/CERT", "HB01/WIDE"):
        page.check(f"input[value='{lot}']")
    page.click("form[action='/my/print'] button >> nth=0")
    assert sorted(page.input_value("#lots").split()) == ["HB01/CERT", "HB01/WIDE"]
    picture = page.locator("figure img")
    before = picture.get_attribute("src")
    page.select_option("#stock", "70x140")
    if scripts:
        assert picture.get_attribute("src") != before, "the picture follows the form"
    with page.expect_navigation(wait_until="load"):
        page.click("button[value=show]")
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] < box["height"], "a hang tag is higher than wide"
    for kind, begins in (("pdf", b"%PDF-"), ("zpl", b"^XA")):
        page.select_option("#stock", "a4-2x4" if kind == "pdf" else "100x50")
        with page.expect_download() as download:
            page.click(f"button[value={kind}]")
        saved = tmp_path / download.value.suggested_filename
        download.value.save_as(saved)
        assert begins in saved.read_bytes()[:200]
    page.goto("/my/account")
    page.click("nav button")
    assert page.url.endswith("/login")
