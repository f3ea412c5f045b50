"""Nothing is said in one language only."""

from __future__ import annotations

import re
import string

import pytest

from api.pages import names, reader, words
from ledger.book import vocabulary
from tests.pages import shop

_SOURCES = [*(shop.ROOT / "api/pages").glob("*.py"), *(shop.ROOT / "api/templates").glob("*.html")]
_CHINESE = re.compile("[\u4e00-\u9fff]")
# Sentences made of numbers and names alone, and the name of the other language.
_SAME = {"element", "date_time", "percent", "origin_share", "made_out_to", "other_language", "n"}


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", words.WORDS)
def test_a_sentence_has_both_languages_with_the_same_placeholders_and_tags(key: str) -> None:
    english, chinese = words.WORDS[key]
    assert english or key == "space"
    assert _placeholders(english) == _placeholders(chinese)
    assert sorted(re.findall("<[^>]*>", english)) == sorted(re.findall("<[^>]*>", chinese))
    assert not _CHINESE.search(english) or key == "other_language"
    spoken = re.sub("{[^}]*}", "", english)
    if re.search("[a-z]{3}", spoken) and key not in _SAME:
        assert _CHINESE.search(chinese), chinese


def test_every_sentence_is_used_and_every_used_sentence_exists() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in _SOURCES if not path.name.startswith("words")
    )
    unused = [key for key in words.WORDS if f'"{key}"' not in sources]
    made = ("status_", "kind_", "scope_", "CSRF_", "print_", "wrong_")
    assert [key for key in unused if not key.startswith(made)] == []
    asked = set(re.findall(r"""(?:\bt|\.say)\(\s*"([^"]+)"\s*[,)]""", sources))
    assert len(asked) > 60
    assert asked - words.WORDS.keys() == set()


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (names.METALS, vocabulary.METALS),
        (names.FORMS, vocabulary.FORMS),
        (names.EVIDENCE, frozenset(vocabulary.EVIDENCE_TYPES)),
        (names.ORIGINS, frozenset(vocabulary.ORIGINS)),
        (names.REASONS, frozenset(vocabulary.REVOCATION_REASONS)),
        (names.METHODS, frozenset(vocabulary.METHODS)),
    ],
)
def test_every_word_of_the_book_has_a_name_in_both_languages(
    table: names.Names, codes: frozenset[str]
) -> None:
    assert table.keys() == codes
    for english, chinese in table.values():
        assert english
        assert not _CHINESE.search(english)
        assert _CHINESE.search(chinese)


def test_elements_have_their_symbol_and_one_chinese_character() -> None:
    assert names.ELEMENTS.keys() <= vocabulary.ELEMENTS
    assert {"Al", "Cu", "Pb", "Zn", "Ni", "Co", "Li", "Mn", "Au", "Te"} <= names.ELEMENTS.keys()
    assert {len(chinese) for _, chinese in names.ELEMENTS.values()} == {1}
    assert len({chinese for _, chinese in names.ELEMENTS.values()}) == len(names.ELEMENTS)


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
        (None, "de, zh-Hant;q=0.5, en;q=0.4", "zh"),
        (None, "zh;q=0, en;q=0.1", "en"),
        (None, "fr", "en"),
        (None, "zh;q=x;;,=,;q", "en"),
        (None, "*", "en"),
        ("zh", "en", "zh"),
        ("EN", "zh", "en"),
        ("klingon", "zh", "zh"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_browsers(
    wanted: str | None, accepted: str, language: str
) -> None:
    assert reader.choose(wanted, accepted) == language


def test_what_is_filled_in_is_escaped_and_what_we_wrote_is_not() -> None:
    said = words.say("en", "lies", site="<i>&", date="2026")
    assert "<b>&lt;i&gt;&amp;</b>" in said


def test_masses_for_reading_are_rounded_down_and_never_up() -> None:
    who = reader.Reader("en")
    shown = [
        who.about(mg).striptags()
        for mg in (8_736_999_999, 999_999_999, 1, 0, 24_980_000_000, 123_456_789_000_000)
    ]
    assert shown == ["8.736 t", "999.9 kg", "1 mg", "0 kg", "24.98 t", "123 400 t"]


def test_dates_are_those_of_the_zone_and_an_unknown_zone_is_utc() -> None:
    at_ms = 1_772_728_200_000  # 2026-03-05T16:30:00Z
    assert reader.Reader("en", zone="Asia/Shanghai").date(at_ms).striptags() == "2026-03-06"
    assert reader.Reader("zh", zone="Asia/Shanghai").date(at_ms).striptags() == "2026年3月6日"
    assert reader.Reader("en", zone="Mars/Crater").date(at_ms).striptags() == "2026-03-05"
    assert reader.Reader("en").date(10**18).striptags().startswith("9999")


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_from_its_ground_as_wcag_aa_asks() -> None:
    css = (shop.ROOT / "api/static/page.css").read_text()
    inks = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", css))
    link = re.findall(r"^a\{color:(#[0-9a-f]{6})\}", css, re.MULTILINE)
    assert {"ink", "soft", "ok", "warn", "bad"} <= inks.keys()
    assert len(link) == 1
    # White on the boxes is the same contrast as the box's colour on white.
    for name, colour in {**inks, "link": link[0]}.items():
        if name != "line":
            assert 1.05 / (_luminance(colour) + 0.05) >= 4.5, name
