"""The pages as a server process sends them, over a ledger on disk."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import replace
from pathlib import Path

import pytest

from api.pages import certificate as certificate_page
from api.pages import verdicts
from api.pages.reader import Reader
from ledger import dossiers, reports
from ledger.certificate import policy, verdict, verify
from tests import harness
from tests.pages import html_text, shop
from tests.pages.conftest import LANGUAGES, Site, read

LIMIT_BYTES = 30_000
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def asked(site: Site, path: str, language: str = "en", status: int = 200) -> html_text.Page:
    answer = site.get(path, language)
    assert answer.status_code == status, answer.text
    return read(answer)


# The lot.


def test_a_lots_page_says_valid_and_what_to_compare(site: Site) -> None:
    page = asked(site, site.week.labels["HB01/CERT"])
    assert page.has("VALID LABEL", "Compare with the tag")
    assert page.has("Lot\nHB01/CERT", "Heat\nHB01/H-CERT", "Mass\n18.7 t now")
    assert page.has("Material\naluminium slab, AA 3105", "Made\n2026-03-06, HUAIBEI-AL")
    assert page.has("The lot lies at site HB01; last entry 2026-03-06.")


def test_a_lots_page_says_where_the_metal_comes_from_and_what_is_left(site: Site) -> None:
    page = asked(site, site.week.labels["HB01/CERT"])
    assert page.has("aluminium (Al) 96.80 % of the mass")
    assert page.has("post-consumerat least 48.26 %8.736 t", "pre-consumerat least 30.72 %5.561 t")
    assert page.has("primary21.01 %3.803 t", "2 other elements", "silicon (Si): 1.50 % of the mass")
    assert page.has("48.26 % of this lot’s aluminium (8.736 t)")
    assert page.has("Still free: 5.561 t pre-consumer aluminium")
    assert f"/C/{site.week.serials['CERT']}" in page.values("a", "href")


def test_a_used_up_lot_warns_that_the_label_was_copied(site: Site) -> None:
    page = asked(site, site.week.labels["HB01/A"])
    assert page.has("VALID LABEL, LOT USED UP")
    assert page.has("This lot was consumed on 2026-03-06 in run HB01/H-NOBODY. Metal that carries")
    assert page.has("10 t at the end, 70 t when made")
    assert "Still free" not in page.text
    chinese = asked(site, site.week.labels["HB01/A"], "zh")
    assert chinese.has("标签有效，批次已用完", "在工序 HB01/H-NOBODY 中全部用完")


def test_a_lot_that_left_is_shown_as_it_left(site: Site) -> None:
    page = asked(site, site.week.labels["HB01/LEFT"])
    assert page.has("The lot left this log on 2026-03-06, consignment HB01/C-1")
    assert page.has("Mass\n18.7 t when it left", "post-consumerat least 48.26 %8.736 t")
    assert page.has("48.26 % of this lot’s aluminium (8.736 t)")


def test_a_lot_on_the_road_or_in_other_hands_says_so(site: Site) -> None:
    road = asked(site, site.week.labels["HB01/ROAD"])
    assert road.has("on the road since 2026-03-06, consignment HB01/C-3", "12.48 t now")
    drawn = asked(site, site.week.labels["HB01/DRAWN"])
    assert drawn.has("The lot lies at site CZ01", "9.7 t now, 18.7 t when made", "DRAWN")


def test_a_lot_without_assay_or_with_a_provisional_one_says_so(site: Site) -> None:
    plain = asked(site, site.week.labels["HB01/PLAIN"])
    assert plain.has("No assay: no element can be claimed.", "No certificate names this lot.")
    assert plain.has("Still free: nothing that could be claimed")
    assert asked(site, site.week.labels["HB01/PROVISIONAL"]).has("The assay is provisional")


def test_a_lot_with_many_certificates_and_elements_is_cut_and_says_how_much(site: Site) -> None:
    page = asked(site, site.week.labels["HB01/MANY"])
    assert len([href for href in page.values("a", "href") if href.startswith("/C/")]) == 8
    assert page.has("and 4 more", "Still free: 6 t post-consumer copper")
    assert asked(site, site.week.labels["HB01/WIDE"]).has("117 other elements", "and 77 more")


@pytest.mark.parametrize(
    "path",
    [
        "/L/HB01/CERT/0000000000",
        "/L/HB01/NOTHING/0123456789",
        "/L/HB01/CERT",
        "/L/HB01/CERT/",
        "/L/HB01/CERT/G0",
        "/L/",
        "/L",
        "/l/x",
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_label_is_not_valid_and_shows_nothing_of_the_lot(
    site: Site, path: str, language: str
) -> None:
    page = asked(site, path, language, 404)
    wanted = {"en": ("NOT VALID", "What to do", "Do not accept the metal on this label")}
    wanted["zh"] = ("无效", "怎么办", "请勿凭此标签收货")
    assert page.has(*wanted[language])
    assert not re.search(r"48\.26|18\.7|HUAIBEI|H-CERT|/C/", page.text)


def test_a_label_in_small_letters_is_the_same_label(site: Site) -> None:
    path = site.week.labels["HB01/CERT"]
    assert site.get(path.lower()).text == site.get(path).text
    assert site.get(path + "/").text == site.get(path).text


# The certificate.


def test_a_certificate_says_what_it_claims_and_what_it_holds(site: Site) -> None:
    page = asked(site, site.certificate("CERT"))
    assert page.has("VALID", "By this log’s record: not revoked, in date, metal still held.")
    assert page.has(
        "At least 48.26 % of the aluminium, 46.71 % of the mass, is post-consumer.",
        "Held now\n8.736 t of 8.736 t claimed",
        "Lots\nHB01/CERT",
        "Issued\n2026-03-06, HUAIBEI-AL",
        "Valid until\nno last day",
        "Method\nby batch (iso14021-batch)",
    )


def test_every_verdict_line_speaks_for_itself(site: Site) -> None:
    page = asked(site, site.certificate("CERT"))
    size = site.client.get("/readyz").json()["size"]
    assert page.has(
        f"In the log:\nyes, entry 21, log size {size}. Seen by no witness.",
        "Arithmetic:\nrecomputed, ",
        " entries. Proven at least 47.57 % (stated 48.26 %). The rest stands on entries",
        "Not spent twice:\nnot shown by an auditing witness; the operator says so.",
        f"Not revoked:\nthe operator says so, as of log size {size}.",
        "Made out to:\nCHUZHOU-STRIP",
        "On whose word:\n8.736 t of the claim: HUAIBEI-AL 8.611 t, 124.8 kg not shown (counts as",
        "8.611 t HUAIBEI-AL (key held by the operator, waste note, weigh ticket)",
        "This page is the operator’s word. The dossier and remelt verify check it without us.",
    )
    marks = [value for value in page.values("dt", "class") if value]
    assert marks == ["ok", "open", "open", "open", "ok", "open"]


def test_the_verdict_of_the_page_is_the_verdict_on_the_dossier_it_offers(site: Site) -> None:
    page = asked(site, site.certificate("CERT"))
    (link,) = [href for href in page.values("a", "href") if href.endswith("/dossier")]
    trusted = policy.parse(reports.policy_file(site.week.ledger))
    found = verify.verify(site.client.get(link).content, trusted, lot="HB01/CERT")
    assert found.status == 0
    assert found.arithmetic is not None
    assert page.has(f"at least {found.arithmetic.proven} % (stated {found.arithmetic.stated} %)")


def test_a_revoked_certificate_says_so_in_both_places(site: Site) -> None:
    page = asked(site, site.certificate("REVOKED"))
    assert page.has("REVOKED", "Withdrawn by its issuer. Do not rely on it.")
    assert page.has("Not revoked:\nrevoked by entry 23. Reason: an error.")
    assert page.has("It claimed at least 78.98 % of the aluminium")
    assert page.has("post-consumer: 48.26 %, 8.736 t", "pre-consumer: 30.72 %, 5.561 t")
    chinese = asked(site, site.certificate("REVOKED"), "zh")
    assert chinese.has("已撤销", "未撤销：\n已撤销，见第 23 条。原因：出错。", "消费后：48.26%")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("EXPIRED", ("EXPIRED", "Its last day was 2026-04-30.", "Valid until\n2026-04-30")),
        ("DISPUTED", ("DISPUTED", "A later assay took grams away", "14.03 t of 14.29 t claimed")),
        ("DRAWN", ("DRAWN", "Another company has used metal", "4.531 t of 8.736 t claimed")),
        ("LEFT", ("VALID", "Made out to:\na firm outside this log, whose name is not in it.")),
        ("NOBODY", ("VALID", "Made out to:\nnobody: check online before you rely on it.")),
    ],
)
def test_the_status_is_told_in_words(site: Site, name: str, lines: tuple[str, ...]) -> None:
    page = asked(site, site.certificate(name))
    assert page.has(*lines)
    assert page.has("It claimed at least") == (lines[0] != "VALID")


def test_a_serial_is_taken_with_hyphens_and_in_small_letters(site: Site) -> None:
    path = site.certificate("CERT")
    plain = path.removeprefix("/C/")
    printed = "-".join(plain[i : i + 4] for i in (0, 4, 8))
    for other in (f"/C/{printed}", f"/c/{plain.lower()}", f"/C/{printed.lower()}/"):
        assert site.get(other).text == site.get(path).text


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/C/ABCD-EFGH-JKMN", "its last digit does not fit the others"),
        ("/C/000000000000", "This log has no certificate with this number."),
        ("/C/ABCD", "has 12 digits and letters"),
        ("/C/", "has 12 digits and letters"),
        ("/C", "has 12 digits and letters"),
        ("/C/ABCDEFGHJKMN/x", "has 12 digits and letters"),
    ],
)
def test_an_unknown_number_is_told_what_is_wrong_with_it(
    site: Site, path: str, reason: str
) -> None:
    assert asked(site, path, "en", 404).has("NOT VALID", reason, "Do not rely on it")
    assert asked(site, path, "zh", 404).has("无效", "请勿采信")


def test_a_certificate_whose_dossier_does_not_hold_is_not_called_valid(site: Site) -> None:
    ledger, number = site.week.ledger, site.week.serials["CERT"]
    view = reports.certificate_view(ledger, number)
    data = dossiers.make(ledger, number).replace(b'"HB01/CERT":{', b'"HB01/CERF":{', 1)
    found = verify.verify(data, policy.parse(reports.policy_file(ledger)), serial=number)
    shown = certificate_page.page(view, found, Reader("en"))
    assert (shown["headline"], shown["tone"]) == ("CHECK FAILED", "bad")
    assert shown["claim"].startswith("It claimed")
    assert "Refused at step 4: PROOF_INVALID." in shown["why"]
    assert [line.said for _, line in shown["lines"]].count("not reached.") == 3


def test_a_certificate_says_who_saw_the_log_and_who_audited_it(site: Site) -> None:
    ledger, number = site.week.ledger, site.week.serials["CERT"]
    trusted = policy.parse(reports.policy_file(ledger))
    found = verify.verify(dossiers.make(ledger, number), trusted, serial=number)
    cosigned = (verdict.Cosigned("anhui", True, 1_772_409_600), verdict.Cosigned("w1", False, 9))
    seen = verdict.Seen(cosigned, 3, 1, 1_772_409_600, 1_772_409_600)
    view = reports.certificate_view(ledger, number)
    for language, told in (("en", "Seen by 2 of 4 witnesses, latest 2026-03-02 "), ("zh", "4 个")):
        shown = certificate_page.page(view, replace(found, seen=seen), Reader(language))
        in_log, arithmetic, once = [line for _, line in shown["lines"]][:3]
        assert told in in_log.said.striptags()
        assert "anhui" in arithmetic.said.striptags()
        assert "anhui" in once.said.striptags()
        assert once.tone == "ok"
    assert found.seen is not None
    lines = certificate_page.page(view, found, Reader("en"))["lines"]
    assert [line.tone for _, line in lines][2] == "open"


def test_witnesses_the_operator_asks_are_counted_and_nothing_is_refused_for_want_of_them(
    site: Site, tmp_path: Path
) -> None:
    ledger, number = site.week.ledger, site.week.serials["CERT"]
    key = harness.witness("w1").cosigner.vkey
    (tmp_path / "witnesses.txt").write_text(f"witness w1 {key} http://127.0.0.1:9\n", "utf-8")
    asking = replace(ledger, settings=replace(ledger.settings, data=tmp_path))
    found = verdicts.check(asking, number, [10**6])  # nobody asked for it as of that entry
    assert found is not None
    assert (found.status, found.seen) == (0, verdict.Seen((), 1))


def test_a_certificate_that_could_not_be_checked_now_says_so(site: Site) -> None:
    view = reports.certificate_view(site.week.ledger, site.week.serials["CERT"])
    assert certificate_page.page(view, None, Reader("en"))["lines"] == []


def test_a_certificate_on_many_lots_names_some_and_counts_the_rest(site: Site) -> None:
    view = reports.certificate_view(site.week.ledger, site.week.serials["CERT"])
    many = {**view, "lots": [f"HB01/L-{number}" for number in range(1500)]}
    facts = certificate_page.page(many, None, Reader("en"))["facts"]
    assert "and 1488 more" in facts[0][1]
    assert len(facts[0][1]) < 1000


# The first page.


def test_the_first_page_says_what_this_log_is_and_shows_its_keys(site: Site) -> None:
    page = asked(site, "/")
    assert page.has("Check a label or certificate", f"Log\n{shop.ORIGIN}", "Operator\nOPERATOR")
    assert page.has(reports.policy_file(site.week.ledger).decode().split()[1])
    assert asked(site, "/", "zh").has("核验标签或证书", "这是什么账本")


def test_what_is_typed_leads_to_the_page(site: Site) -> None:
    number = site.week.serials["CERT"]
    answer = site.get(f"/?q={number.lower()}&lang=zh")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/C/{number}?lang=zh")
    label = site.week.labels["HB01/CERT"]
    assert site.get(f"/?q={label.removeprefix('/L/')}").headers["location"] == label
    scanned = urllib.parse.quote(f"HTTPS://DEMO.REMELT.EXAMPLE{label}")
    assert site.get(f"/?q={scanned}").headers["location"] == label


def test_what_cannot_be_read_stays_in_the_field_with_the_reason_beside_it(site: Site) -> None:
    page = asked(site, "/?q=%22%3E%3Cb%3Ex", status=400)
    assert page.has("This is neither a certificate’s number nor a label.")
    assert page.values("input", "value") == ['"><b>x']
    assert page.values("input", "aria-describedby") == ["examples wrong"]
    assert asked(site, "/?q=HB01/CERT", status=400).has("Type the 10 digits and letters after")


# Every page.


def test_every_page_is_small_self_contained_and_without_scripts(site: Site) -> None:
    for path in site.every_page():
        for language in LANGUAGES:
            answer = site.get(path, language)
            page = read(answer)
            (style,) = page.values("link", "href")[1:]
            whole = len(answer.content) + len(site.get(style).content)
            assert whole <= LIMIT_BYTES, path
            assert answer.headers["content-security-policy"] == CSP
            tags = {tag for tag, _ in page.tags}
            assert not tags & {"script", "style", "img", "iframe", "object", "embed", "font"}, path
            for tag, attributes in page.tags:
                assert not any(name.startswith("on") or name == "style" for name in attributes)
                for name in ("src", "href", "action"):
                    address = attributes.get(name) or ""
                    assert address.startswith(("/", "?", "data:image/svg+xml,")) or not address, tag
                    assert not address.startswith("//")


def test_every_page_names_its_language_has_one_heading_and_offers_the_other_language(
    site: Site,
) -> None:
    for path in site.every_page():
        for language, tag in (("en", "en"), ("zh", "zh-Hans")):
            answer = site.get(path, language)
            page = read(answer)
            assert page.values("html", "lang") == [tag]
            assert answer.headers["content-language"] == tag
            assert "Accept-Language" in answer.headers["vary"]
            assert [name for name, _ in page.tags].count("h1") == 1
            other = {"en": "?lang=zh", "zh": "?lang=en"}[language]
            assert other in page.values("a", "href")


def test_no_page_leaves_words_of_the_other_language_on_it(site: Site) -> None:
    chinese = re.compile("[\u4e00-\u9fff]+")
    codes = set("https demo remelt example anhui verify batch hello".split())
    for path in site.every_page():
        assert set(chinese.findall(read(site.get(path, "en")).text)) <= {"中文"}, path
        text = read(site.get(path, "zh")).text
        text = re.sub(r"(?m)^(log|operator|quorum) .*$", "", text)  # the keys
        assert set(re.findall(r"\b[a-z]{4,}\b", text)) <= codes, path


def test_the_language_asked_for_by_name_wins_and_stays_in_links(site: Site) -> None:
    page = asked(site, site.week.labels["HB01/CERT"] + "?lang=zh", "en")
    assert page.values("html", "lang") == ["zh-Hans"]
    assert f"/C/{site.week.serials['CERT']}?lang=zh" in page.values("a", "href")
    assert "/?lang=zh" in page.values("a", "href")
    plain = asked(site, site.week.labels["HB01/CERT"], "zh")
    assert f"/C/{site.week.serials['CERT']}" in plain.values("a", "href")


def test_a_head_request_is_answered_like_a_get_without_the_page(site: Site) -> None:
    for path in ("/", site.week.labels["HB01/CERT"], site.certificate("CERT")):
        answer = site.client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_the_style_sheet_may_be_kept_for_ever_and_changes_its_name_with_its_content(
    site: Site,
) -> None:
    style = asked(site, "/").values("link", "href")[1]
    answer = site.get(style)
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    assert site.get("/static/page.0000000000.css").status_code == 404


def test_a_page_is_quick_once_its_certificate_was_verified(site: Site) -> None:
    path = site.certificate("CERT")
    site.get(path)
    elapsed = min(site.get(path).elapsed.total_seconds() for _ in range(5))
    assert elapsed < 0.2
