"""Logging in and out, as browsers do it; and what must not work."""

from __future__ import annotations

import re
import time
import urllib.parse
from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import apikeys, people, sessions
from ledger.apikeys import SCOPES
from tests.http.door import refused
from tests.pages import html_text, shop
from tests.pages.conftest import LANGUAGES, Site, read
from tests.pages.people import PASSWORD, Person, form, forms

Make = Callable[..., Person]
_numbers = iter(range(1, 10_000))


@pytest.fixture(scope="module")
def name(site: Site) -> str:
    return people.add(site.week.ledger, "lin", shop.HUAIBEI, ["read"], PASSWORD)


@pytest.fixture
def somebody(site: Site, name: str) -> Iterator[Make]:
    """A browser each, at an address of its own: failures of one test do not slow down another."""
    made: list[Person] = []

    def one(language: str = "en", address: str = "") -> Person:
        here = address or f"198.51.{next(_numbers)}.1"
        made.append(Person(str(site.client.base_url).rstrip("/"), here, language))
        return made[-1]

    yield one
    for person in made:
        person.client.close()


def logged_in(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and 'action="/logout"' in answer.text


def test_a_person_logs_in_and_out(somebody: Make, name: str) -> None:
    person = somebody()
    answer = person.log_in(" LIN ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/my")
    assert logged_in(person.get("/my/account"))
    assert read(person.get("/my/account")).has(
        "lin", shop.HUAIBEI, "read what the party has a part"
    )
    answer = person.send("/my/account", "/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "remelt" not in person.client.cookies
    assert person.get("/my/account").headers["location"].startswith("/login?next=")


def test_the_cookie_is_for_this_host_and_hidden_from_scripts(somebody: Make) -> None:
    plain = somebody().log_in("lin").headers.get_list("set-cookie")[0]
    assert re.fullmatch(r"remelt=[a-z2-7]{52}; HttpOnly; Path=/; SameSite=lax", plain)
    person = somebody()
    sent = form(person.get("/login").text, "/login").filled(name="lin", password=PASSWORD)
    tls = {"Origin": str(person.client.base_url).replace("http:", "https:").rstrip("/")}
    answer = person.client.post("/login", data=sent, headers=tls)
    secure = answer.headers.get_list("set-cookie")[0]
    assert re.fullmatch(
        r"__Host-remelt=[a-z2-7]{52}; HttpOnly; Path=/; SameSite=lax; Secure", secure
    )


def test_an_api_key_logs_in_and_takes_its_sessions_with_it(site: Site, somebody: Make) -> None:
    text = apikeys.create(site.week.ledger, shop.CHUZHOU, ["read"], "office")
    person, key_id = somebody(), text.split("_")[1]
    page = person.get("/login").text
    sent = {**form(page, "/login").filled(), "key": f" {text} ", "name": "", "password": ""}
    assert person.client.post("/login", data=sent).status_code == 303
    assert read(person.get("/my/account")).has(f"{key_id} for {shop.CHUZHOU}", f"API key {key_id}")
    assert "/my/account" not in [f.action for f in forms(person.get("/my/account").text)]
    apikeys.revoke(site.week.ledger, key_id)
    time.sleep(1.05)
    assert not logged_in(person.get("/my/account"))
    assert person.client.post("/login", data=sent).status_code in (401, 403)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_does_not_fit_is_told_at_its_field_without_saying_which_half(
    somebody: Make, language: str
) -> None:
    person = somebody(language)
    told = set()
    for who, password in (("lin", "wrong"), ("nobody", PASSWORD), ("<b>lin", "x" * 256)):
        answer = person.log_in(who, password)
        assert answer.status_code == 401
        page = read(answer)
        assert page.values("html", "lang") == [{"en": "en", "zh": "zh-Hans"}[language]]
        assert "#name" in page.values("a", "href")
        assert who in page.values("input", "value")
        assert password not in answer.text
        told.add(re.sub("value=.*?>", "", answer.text))
    assert len(told) == 1, "the same words for a wrong name and a wrong password"
    assert {"en": "do not fit", "zh": "用户名与密码不符"}[language] in answer.text


def test_a_session_that_was_there_before_is_not_the_one_of_the_log_in(somebody: Make) -> None:
    person = somebody()
    person.log_in("lin")
    first = person.client.cookies["remelt"]
    assert person.client.post("/login", data=form(person.get("/login").text, "/login").filled(
        name="lin", password=PASSWORD)).status_code == 303  # fmt: skip
    assert person.client.cookies["remelt"] != first
    thief = somebody()
    thief.client.cookies.set("remelt", first)
    assert not logged_in(thief.get("/my/account"))
    victim = somebody()
    planted = {"Cookie": f"remelt={'a' * 52}; remelt-form={'b' * 52}"}
    sent = {"name": "lin", "password": PASSWORD, "csrf": sessions.csrf("b" * 52)}
    answer = victim.client.post("/login", data=sent, headers=planted)
    assert answer.status_code == 303
    assert "a" * 52 not in str(answer.headers)


def test_logging_out_everywhere_ends_every_session_within_a_second(somebody: Make) -> None:
    here, there = somebody(), somebody()
    here.log_in("lin")
    there.log_in("lin")
    kept = here.client.cookies["remelt"]
    here.client.post("/logout", data={"csrf": here.csrf, "everywhere": "1"})
    time.sleep(1.05)
    assert not logged_in(there.get("/my/account"))
    here.client.cookies.set("remelt", kept)
    assert not logged_in(here.get("/my/account"))


def test_a_new_password_needs_the_old_one_and_logs_others_out(site: Site, somebody: Make) -> None:
    people.add(site.week.ledger, "mei", shop.HUAIBEI, list(SCOPES), PASSWORD)
    mei, other = somebody(), somebody()
    mei.log_in("mei")
    other.log_in("mei")
    new = "eine andere 密码 2026"
    for present, wanted, said in (
        ("wrong", new, "not the present password"),
        (PASSWORD, "short", "too short"),
        (PASSWORD, "mei mei mei mei!", "too easy"),
    ):
        answer = mei.send("/my/account", "/my/account", password=present, new=wanted)
        assert answer.status_code in (401, 422)
        assert read(answer).has(said)
        assert f'"{wanted}"' not in answer.text
    answer = mei.send("/my/account", "/my/account", password=PASSWORD, new=new)
    assert answer.headers["location"] == "/my/account?done=1"
    assert read(mei.get("/my/account?done=1")).has("The password is changed.")
    time.sleep(1.05)
    assert not logged_in(other.get("/my/account"))
    assert logged_in(mei.get("/my/account"))
    assert somebody().log_in("mei").status_code == 401
    assert somebody().log_in("mei", new).status_code == 303


# Forgery.


def test_a_form_of_another_site_does_nothing(somebody: Make) -> None:
    person = somebody()
    sent = form(person.get("/login").text, "/login").filled(name="lin", password=PASSWORD)
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        answer = person.client.post("/login", data=sent, headers={"Origin": origin})
        assert answer.status_code == 403
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert person.client.post("/login", data=sent, headers=headers).status_code == 403
    for csrf in ("", "0" * 32, "é"):
        assert person.client.post("/login", data={**sent, "csrf": csrf}).status_code == 403
    assert person.client.post("/login", data=sent).status_code == 303
    for path in ("/logout", "/my/account"):
        assert person.client.post(path, data={"csrf": sent["csrf"]}).status_code == 403
        foreign = {"Origin": "https://evil.example"}
        answer = person.client.post(path, data={"csrf": person.csrf}, headers=foreign)
        assert answer.status_code == 403
    assert logged_in(person.get("/my/account"))


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/my/account?x=1", "/my/account?x=1"), ("/L/HB01/A/0", "/L/HB01/A/0"), ("/", "/"),
        ("//evil.example", "/my"), ("/\\evil.example", "/my"), ("https://evil.example", "/my"),
        ("javascript:alert(1)", "/my"), ("/my\r\nSet-Cookie: a=b", "/my"), ("/" + "a" * 999, "/my"),
        ("/\tevil", "/my"), ("", "/my"), ("/é", "/my"),
    ],
)  # fmt: skip
def test_after_the_log_in_only_own_addresses_follow(somebody: Make, wanted: str, path: str) -> None:
    person = somebody()
    page = person.get("/login", params={"next": wanted}).text
    sent = form(page, "/login").filled(name="lin", password=PASSWORD)
    assert sent["next"] == [path if wanted == path else ""]
    assert person.client.post("/login", data={**sent, "next": wanted}).headers["location"] == path


def test_over_plain_http_from_elsewhere_nothing_is_asked_for(somebody: Make) -> None:
    person = somebody()
    elsewhere = {"Host": "yard.example:8731", "Origin": "http://yard.example:8731"}
    page = person.get("/login", headers=elsewhere)
    assert page.status_code == 403
    assert read(page).has("A password would travel readable by anybody on the way.")
    assert "password" not in html_text.read(page.text).values("input", "type")
    answer = person.client.post("/login", data={"name": "lin"}, headers=elsewhere)
    assert answer.status_code == 403
    tls = {"Host": "yard.example", "X-Forwarded-Proto": "https"}
    assert person.get("/login", headers=tls).status_code == 200


def test_the_api_takes_a_session_for_reading_and_for_writing_with_its_token(
    site: Site, somebody: Make
) -> None:
    person = somebody()
    person.log_in("lin")
    json = {"Accept": "application/json"}
    assert person.client.get("/v1/lots/HB01/CERT", headers=json).status_code == 200
    job = {"labels": [{"lot": "HB01/CERT"}], "format": "zpl"}
    token = {"X-CSRF-Token": person.csrf}
    foreign = {"Origin": "https://evil.example"}
    for headers in ({}, {"X-CSRF-Token": "0" * 32}, {**token, **foreign}):
        answer = person.client.post("/v1/labels", json=job, headers={**json, **headers})
        refused(answer, "CSRF_FAILED")
    made = person.client.post("/v1/labels", json=job, headers={**json, **token})
    assert (made.status_code, made.content[:3]) == (200, b"^XA")
    key = apikeys.create(site.week.ledger, shop.CHUZHOU, ["read"], "")
    headers = {**json, "Authorization": f"Bearer {key}"}
    answer = person.client.get("/v1/lots/HB01/A", headers=headers)
    refused(answer, "PERMISSION_DENIED")  # of the key's party, whoever is logged in
    headers["Authorization"] += "x"
    refused(person.client.get("/v1/lots/HB01/CERT", headers=headers), "AUTH_REQUIRED")


def test_who_may_read_nothing_is_led_to_the_account(site: Site, somebody: Make) -> None:
    people.add(site.week.ledger, "gate", shop.HUAIBEI, ["record"], PASSWORD)
    person = somebody()
    assert person.log_in("gate").headers["location"] == "/my/account"
    assert logged_in(person.get("/my/account"))


# Guessing.


def test_passwords_cannot_be_guessed_fast_and_nobody_is_locked_out(somebody: Make) -> None:
    thief = somebody()
    answers = [thief.log_in("lin", f"guess number {i}") for i in range(9)]
    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
    assert read(answers[-1]).has("Too many attempts.")
    assert thief.log_in("lin").status_code == 429, "the right one does not get through either"
    assert somebody().log_in("lin").status_code == 303, "but from elsewhere it does"


def test_one_address_cannot_try_many_names(somebody: Make) -> None:
    thief = somebody()
    answers = [thief.log_in(f"name{i}", "x") for i in range(25)]
    assert 429 in [answer.status_code for answer in answers]
    assert [answer.status_code for answer in answers[:20]] == [401] * 20


_NAMES = st.sampled_from(
    "q state site metal before lang csrf lots stock copies skip dpi offset_x pitch_y medium border "
    "reprint do next name password new lot key everywhere".split()
)
_VALUES = st.text(max_size=40) | st.sampled_from(
    ["HB01/CERT", "pdf", "1", "-1", "a4-3x8", "9" * 30]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(_NAMES, _VALUES), max_size=12))
def test_whatever_a_form_holds_is_answered_and_never_a_fault(
    fuzzer: Person, fields: list[tuple[str, str]]
) -> None:
    query = urllib.parse.urlencode(fields, errors="surrogatepass")
    token = urllib.parse.urlencode({"csrf": fuzzer.form_token})
    json = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/my", "/my/certificates", "/my/print", "/login"):
        assert fuzzer.get(f"{path}?{query}").status_code < 500, path
    answer = fuzzer.client.post("/my/print", content=f"{token}&{query}".encode(), headers=json)
    assert answer.status_code in (200, 422)
    # Without the token of this session, so that no example ends it.
    for path in ("/my/account", "/logout"):
        answer = fuzzer.client.post(path, content=query.encode(), headers=json)
        assert answer.status_code == 403


@pytest.fixture
def fuzzer(somebody: Make) -> Person:
    person = somebody()
    person.log_in("lin")
    person.form_token = person.csrf
    return person


def test_strange_forms_are_refused_and_never_a_fault(somebody: Make) -> None:
    person = somebody()
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (
        b"", b"\xff\xfe\x00", b"name=%00&password=%ff", b"a" * 200_000, b"x&" * 3_000, b"csrf=%F0",
        b"name=" + b"%F0%9F%A7%B1" * 500, b"{}", b"name=a&name=b&csrf=c&csrf=d", b"next=//x",
    ):  # fmt: skip
        for path in ("/login", "/logout", "/my/account"):
            answer = person.client.post(path, content=body, headers=form_type)
            assert 300 <= answer.status_code < 500, (path, body[:20], answer.status_code)
            assert answer.headers["content-type"].startswith("text/html") or answer.is_redirect
    assert person.client.post("/login", json={"name": "lin"}).status_code == 415
    person.client.cookies.clear()
    for cookie in (b'remelt-form="\\;,=\xff', b"remelt=;;=", b"=", b"remelt=" + b"x" * 5_000):
        headers = {b"cookie": cookie, b"accept": b"text/html"}
        assert person.client.get("/login", headers=headers).status_code == 200
        assert person.client.get("/my/account", headers=headers).status_code == 303
