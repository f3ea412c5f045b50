"""Pages as HTTP answers: templates, headers, and the style sheet they share."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.pages import words
from api.pages.reader import Reader
from api.shield import PAGE_CSP
from ledger.service import Ledger

_HERE: Final = Path(__file__).parent.parent
_TYPES: Final = {"css": "text/css", "js": "text/javascript"}


def _named(name: str) -> tuple[str, bytes, str]:
    """A file under a name that changes with its content, and its type."""
    data = (_HERE / "static" / name).read_bytes()
    stem, _, ending = name.partition(".")
    return f"{stem}.{hashlib.sha256(data).hexdigest()[:10]}.{ending}", data, _TYPES[ending]


_FILES: Final = {name: _named(name) for name in ("page.css", "people.css", "people.js")}
STATIC: Final = {named: (data, kind) for named, data, kind in _FILES.values()}
_PAGES: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEADERS: Final = {
    "Content-Security-Policy": PAGE_CSP,
    "Cache-Control": "no-cache",
    "Vary": "Accept-Language",
}
_SHOWN_MAX: Final = 80


def page(
    template: str, ledger: Ledger, who: Reader, shown: dict[str, Any], status: int = 200
) -> Response:
    other = next(language for language in words.LANGUAGES if language != who.language)
    html = _PAGES.get_template(template).render(
        **{"address": "", "other_href": "", **shown},
        t=who.say,
        who=who,
        tag=words.TAGS[who.language],
        other=other,
        other_tag=words.TAGS[other],
        suffix=suffix(who),
        css=_FILES["page.css"][0],
        people_css=_FILES["people.css"][0],
        people_js=_FILES["people.js"][0],
        origin=ledger.origin,
        host=ledger.host,
    )
    headers = {**_HEADERS, "Content-Language": words.TAGS[who.language]}
    if status == 503:
        headers["Retry-After"] = "60"
    return Response(html, status_code=status, media_type="text/html", headers=headers)


def not_valid(
    ledger: Ledger, who: Reader, asked: str, reason: str, *steps: str, status: int = 404
) -> Response:
    """The page of a label or number that this log does not know; it tells nothing of the log."""
    shown = {
        "asked": seen(asked),
        "reason": who.say(reason),
        "steps": [who.say(step, origin=ledger.origin) for step in steps],
    }
    return page("not_valid.html", ledger, who, shown, status)


def suffix(who: Reader) -> str:
    """What keeps the language in links, if it was asked for by name."""
    return f"?lang={who.language}" if who.chosen else ""


def seen(text: str, most: int = _SHOWN_MAX) -> str:
    """What was asked for, as far as it can be shown: no control characters, nothing long."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:most])
