"""Pages of people who are logged in: what they see, what they do not, and labels to print."""

from __future__ import annotations

import re
import urllib.parse
from io import BytesIO

import httpx
import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp

from ledger import reports
from tests.pages import html_text
from tests.pages.conftest import LANGUAGES, Site, read
from tests.pages.people import Person, form, forms
from tests.pages.test_pages import LIMIT_BYTES

People = dict[str, Person]
PAGES = ("/my", "/my/certificates", "/my/lots/HB01/CERT", "/my/print?lot=HB01/CERT", "/my/account")


def page(person: Person, path: str, status: int = 200) -> html_text.Page:
    answer = person.get(path)
    assert answer.status_code == status, answer.text[:500]
    return read(answer)


def lots_of(shown: html_text.Page) -> list[str]:
    return [value for value in shown.values("input", "value") if re.fullmatch(r"\w+/[\w-]+", value)]


# Who sees what.


def test_a_party_sees_its_own_lots_newest_first_and_nobody_elses(
    site: Site, persons: People
) -> None:
    ledger = site.week.ledger
    for name, party in (("boss", "HUAIBEI-AL"), ("buyer", "CHUZHOU-STRIP")):
        shown = lots_of(page(persons[name], "/my"))
        views = {lot: reports.lot_view(ledger, lot) for lot in shown}
        last = [view["entries"][-1] for view in views.values()]
        assert last == sorted(last, reverse=True)
        assert all(party in reports.concerned(ledger, view["entries"]) for view in views.values())
    assert lots_of(page(persons["buyer"], "/my")) == [
        "HB01/ROAD", "HB01/DRAWN", "CZ01/COIL", "HB01/CERT",
    ]  # fmt: skip


def test_an_auditor_sees_all_and_a_scale_house_nothing(persons: People) -> None:
    audited = lots_of(page(persons["auditor"], "/my"))
    assert {"CZ01/COIL", "HB01/ROAD", "HB01/PROVISIONAL"} <= set(audited)
    for path in PAGES[:4]:
        answer = persons["scale"].get(path)
        assert answer.status_code == 403
        assert read(answer).has("NOT ALLOWED", "SCOPE_REQUIRED")
    assert page(persons["scale"], "/my/account").has("record events")


def test_what_waits_is_told_first(persons: People) -> None:
    assert page(persons["buyer"], "/my").has(
        "What waits", "On the road to you: HB01/ROAD", "nothing can be certified: CZ01/COIL"
    )
    boss = page(persons["boss"], "/my")
    assert boss.has("HB01/PROVISIONAL", "HB01/DROSS-NOBODY", "and 2 more")
    assert not boss.has("On the road to you")
    assert not page(persons["buyer"], "/my?state=road").has("What waits")


@pytest.mark.parametrize(
    ("query", "lots"),
    [
        ("state=road", ["HB01/ROAD"]),
        ("site=CZ01", ["HB01/DRAWN", "CZ01/COIL"]),
        ("metal=aluminium&state=lying&site=HB01", ["HB01/CERT"]),
        ("q=coi", ["CZ01/COIL"]),
        ("q=RA", ["HB01/DRAWN"]),
        ("metal=copper", []),
        ("q=%25", []), ("q=_", []), ("q=%00", None), ("state=gone", None), ("site=X%00", []),
        ("before=0.x", []), ("before=x", None), ("before=-1.x", None), ("before=999999.", None),
        ("before=" + "9" * 40, None), ("q=" + "%F0%9F%A7%B1" * 90, []),
    ],
)  # fmt: skip
def test_lots_are_filtered_and_searched(
    persons: People, query: str, lots: list[str] | None
) -> None:
    everything = ["HB01/ROAD", "HB01/DRAWN", "CZ01/COIL", "HB01/CERT"]
    shown = page(persons["buyer"], f"/my?{query}")
    assert lots_of(shown) == (everything if lots is None else lots)
    assert shown.has("No lot fits.") == (lots == [])


def test_a_whole_name_or_number_leads_to_its_page(site: Site, persons: People) -> None:
    number = site.week.serials["CERT"]
    for text, path in (
        ("hb01/cert", "/my/lots/HB01/CERT"), (number.lower(), f"/C/{number}"),
        (f" {number[:4]}-{number[4:8]}-{number[8:]} ", f"/C/{number}"),
    ):  # fmt: skip
        answer = persons["buyer"].get("/my", params={"q": text})
        assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert persons["buyer"].get("/my", params={"q": "HB01/A"}).status_code == 200


def test_pages_follow_one_another_without_gap_or_repetition(site: Site, persons: People) -> None:
    seen: list[str] = []
    serials: list[str] = []
    for path, found, wanted in (("/my", seen, lots_of), ("/my/certificates", serials, _serials)):
        while path:
            shown = page(persons["auditor"], path)
            found += wanted(shown)
            older = [
                attributes["href"]
                for tag, attributes in shown.tags
                if tag == "a" and attributes.get("rel") == "next"
            ]
            path = urllib.parse.urljoin(path, older[0] or "") if older else ""
    assert len(seen) == len(set(seen))
    assert set(site.week.labels) <= set(seen)
    assert sorted(serials) == sorted(site.week.serials.values())


def _serials(shown: html_text.Page) -> list[str]:
    return [href.removeprefix("/C/") for href in shown.values("a", "href") if "/C/" in href]


def test_certificates_of_a_party(persons: People) -> None:
    shown = page(persons["buyer"], "/my/certificates")
    assert shown.has("DRAWN", "VALID", "at least 48.26 % of the aluminium", "CHUZHOU-STRIP")
    assert len(_serials(shown)) == 2


# A lot for its parties.


def test_a_lot_shows_what_happened_and_what_it_came_of(site: Site, persons: People) -> None:
    shown = page(persons["boss"], "/my/lots/HB01/CERT")
    assert shown.has("certificate issued", "run HB01/H-CERT", "HUAIBEI-AL", "What it came of")
    assert shown.has("2SX01/ROOFHB01/A", "1HB01/AHB01/CERT", "What it went into\nNo lot yet.")
    assert site.week.labels["HB01/CERT"] in shown.values("a", "href")
    forward = page(persons["boss"], "/my/lots/HB01/A")
    assert forward.has("1HB01/CERTHB01/A", "What it went into")
    assert page(persons["boss"], "/my/lots/HB01/A0").has("it was received", "waste note")


def test_events_of_others_are_not_told(persons: People) -> None:
    shown = page(persons["buyer"], "/my/lots/HB01/DRAWN")
    assert shown.has("an event in which you have no part", "dispatched", "arrived")
    assert not shown.has("H-DRAWN HUAIBEI")
    links = shown.values("a", "href")
    assert shown.has("HB01/A0", "CZ01/COIL")
    assert "/my/lots/CZ01/COIL" in links
    assert "/my/lots/HB01/A0" not in links, "it would lead nowhere"


@pytest.mark.parametrize(
    "lot", ["HB01/A", "HB01/NOTHING", "x/y", "HB01/%00", "%F0%9F%A7%B1/x", "HB01/" + "A" * 900]
)
def test_a_lot_of_others_is_not_there(persons: People, lot: str) -> None:
    answer = persons["buyer"].get(f"/my/lots/{lot}")
    assert answer.status_code == 404
    assert read(answer).has("NO SUCH PAGE")


# Labels to print.


def print_form(person: Person, *lots: str) -> dict[str, object]:
    path = "/my/print?" + urllib.parse.urlencode([("lot", lot) for lot in lots])
    return form(person.get(path).text, "/my/print").filled()


def send(person: Person, sent: dict[str, object], **values: object) -> httpx.Response:
    return person.client.post("/my/print", data={**sent, **values})


def test_chosen_lots_become_a_sheet_that_can_be_scanned(site: Site, persons: People) -> None:
    boss = persons["boss"]
    sent = print_form(boss, "HB01/CERT", "HB01/WIDE")
    sent = {**sent, "lots": "HB01/CERT\r\nhb01/wide", "stock": "a4-3x8", "copies": "2"}
    answer = send(boss, sent, skip="3", do="pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="labels.pdf"'
    sheet = pypdfium2.PdfDocument(BytesIO(answer.content))
    picture = sheet[0].render(scale=300 / 72).to_pil()
    read_codes = sorted(found.text for found in zxingcpp.read_barcodes(picture))
    path = {lot: site.week.labels[lot] for lot in ("HB01/CERT", "HB01/WIDE")}
    host = "HTTPS://DEMO.REMELT.EXAMPLE"
    assert read_codes == sorted(f"{host}{path[lot]}" for lot in path for _ in range(2))
    zpl = send(boss, sent, stock="100x50", skip="0", do="zpl")
    assert zpl.headers["content-type"] == "application/zpl"
    assert zpl.text.count("^XA") >= 2


def test_the_browser_remembers_the_printer_and_not_the_job(persons: People) -> None:
    boss = persons["boss"]
    sent = print_form(boss, "HB01/CERT")
    done = send(boss, sent, stock="l4736", dpi="203", offset_x="-0.4", copies="7", do="pdf",
                lots="HB01/CERT")  # fmt: skip
    assert done.status_code == 200
    again = print_form(boss, "HB01/WIDE")
    assert again["offset_x"] == ["-0.4"]
    assert again["copies"] == ["1"]
    shown = boss.get("/my/print").text
    assert 'value="l4736" selected' in shown
    assert 'value="203" selected' in shown


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("copies", "0", ("Copies:", "份数：")), ("copies", "x", ("Copies:", "份数：")),
        ("copies", "99999", ("Copies:", "份数：")), ("skip", "-1", ("Used cells:", "已用格数：")),
        ("skip", "24", ("less than the 24", "小于每张的 24 枚")),
        ("offset_x", "1e9", ("from -20 to 20", "-20 至 20 毫米")),
        ("pitch_y", "0.0001", ("from -2 to 2", "-2 至 2 毫米")),
        ("offset_y", "", ("Trim:", "微调：")), ("dpi", "72", ("Printer:", "打印机分辨率：")),
        ("stock", "a3", ("Label stock:", "标签规格：")), ("medium", "wood", ("Medium:", "材质：")),
        ("lots", "", ("choose at least one", "请至少选择一个")),
        ("lots", "HB01/NOTHING", ("HB01/NOTHING is no lot", "HB01/NOTHING 不是您参与的批次")),
        ("lots", "<b>\x00 \ud83e", ("is no lot", "不是您参与的批次")),
        ("lots", "A/B " * 1_001, None), ("lots", " ".join(f"A/{i}" for i in range(1_001)),
         ("at most 1000 at once", "一次最多 1000 个")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_printed_is_told_at_its_field(
    persons: People, field: str, value: str, said: tuple[str, str] | None, language: str
) -> None:
    boss = persons["boss"]
    sent = {**print_form(boss, "HB01/CERT"), "lots": "HB01/CERT", "stock": "a4-3x8"}
    data = urllib.parse.urlencode({**sent, field: value, "do": "pdf"}, True, errors="surrogatepass")
    headers = {"Accept-Language": language, "Content-Type": "application/x-www-form-urlencoded"}
    answer = boss.client.post("/my/print", content=data, headers=headers)
    assert answer.status_code == 422
    shown = read(answer)
    assert f"#{field}" in shown.values("a", "href")
    assert field in [attributes.get("id") for _, attributes in shown.tags]
    if said is not None:
        assert shown.has(said[LANGUAGES.index(language)])


def test_all_that_is_wrong_is_told_at_once(persons: People) -> None:
    sent = {**print_form(persons["boss"], "HB01/CERT"), "stock": "a4-3x8"}
    wrong = {"copies": "0", "skip": "24", "offset_x": "99", "medium": "wood", "lots": "X HB01/CERT"}
    answer = send(persons["boss"], sent, **wrong, do="zpl")
    links = read(answer).values("a", "href")
    assert {f"#{field}" for field in wrong} <= set(links)


def test_a_picture_of_the_label_is_had_with_the_session(persons: People) -> None:
    shown = page(persons["boss"], "/my/print?lot=HB01/CERT")
    (source,) = shown.values("img", "src")
    assert persons["boss"].get(source).headers["content-type"] == "image/png"
    assert persons["buyer"].get("/v1/lots/HB01/A/label.png").status_code == 403
    nobody = Person(str(persons["boss"].client.base_url), "203.0.113.99")
    assert nobody.get(source).headers["location"].startswith("/login?next=%2Fv1%2Flots%2FHB01")
    assert nobody.client.get(source, headers={"Accept": "*/*"}).status_code == 401
    nobody.client.close()


def test_a_print_job_needs_the_token_of_its_session(persons: People) -> None:
    sent = print_form(persons["boss"], "HB01/CERT")
    for csrf in ("", persons["buyer"].csrf):
        answer = send(persons["boss"], sent, csrf=csrf, do="pdf")
        assert answer.status_code == 403
        assert read(answer).has("NOT ALLOWED", "CSRF_FAILED")


# Every page.


def test_every_page_of_a_person_is_small_and_for_nobody_elses_eyes(persons: People) -> None:
    for name in ("boss", "auditor"):
        for path in PAGES:
            for language in LANGUAGES:
                answer = persons[name].get(path, headers={"Accept-Language": language})
                shown = read(answer)
                size = len(answer.content)
                for tag, attribute in (("link", "href"), ("script", "src")):
                    for link in shown.values(tag, attribute):
                        if link.startswith("/static/"):
                            size += len(persons[name].get(link).content)
                print(f"{name} {path} {language}: {size:,} bytes with style sheets and script")
                assert size <= LIMIT_BYTES, path
                assert answer.headers["cache-control"] == "private, no-store"
                assert "Cookie" in answer.headers["vary"]
                assert [tag for tag, _ in shown.tags].count("h1") == 1
                for _, attributes in shown.tags:
                    assert not any(key.startswith("on") or key == "style" for key in attributes)
                for found in forms(answer.text):
                    if found.method == "post":
                        assert "csrf" in [key for key, _ in found.fields]


def test_the_language_once_chosen_stays(site: Site, persons: People) -> None:
    buyer = persons["buyer"]
    assert page(buyer, "/my?lang=zh").values("html", "lang") == ["zh-Hans"]
    assert page(buyer, "/my/account").has("代表", "查看本企业参与的记录")
    shown = page(buyer, "/my?state=road&lang=zh")
    assert "?state=road&lang=en" in shown.values("a", "href")
    assert page(buyer, "/my?lang=en").values("html", "lang") == ["en"]
    assert page(buyer, "/my/account").values("html", "lang") == ["en"]
