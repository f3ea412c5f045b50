"""People at the pages: a browser without JavaScript, as far as forms and cookies go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

PASSWORD = "four words in a row"


@dataclass
class Form:
    action: str = ""
    method: str = "get"
    fields: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, **values: Any) -> dict[str, Any]:
        """What the form sends with these values; what it does not have cannot be sent."""
        known = {name for name, _ in self.fields}
        assert set(values) <= known, (values, known)
        sent: dict[str, Any] = {}
        for name, value in self.fields:
            sent.setdefault(name, []).append(value)
        return sent | values


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.filling = ""  # the select or textarea that is open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get")))
        elif tag in ("input", "select", "textarea") and self.forms and "name" in found:
            unchosen = found.get("type") in ("checkbox", "radio") and "checked" not in found
            if not unchosen:
                self.forms[-1].fields.append((found["name"], found.get("value", "")))
            self.filling = "" if tag == "input" else tag
        elif tag == "option" and self.filling:
            name, _ = self.forms[-1].fields[-1]
            if "selected" in found or self.filling == "select":
                self.forms[-1].fields[-1] = (name, found["value"])
                self.filling = "option"  # the first one counts, unless another is selected

    def handle_data(self, data: str) -> None:
        if self.filling == "textarea":
            name, before = self.forms[-1].fields[-1]
            self.forms[-1].fields[-1] = (name, before + data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self.filling = ""


def forms(text: str) -> list[Form]:
    parser = _Forms()
    parser.feed(text)
    return parser.forms


def form(text: str, action: str, method: str = "post") -> Form:
    return next(f for f in forms(text) if f.action == action and f.method == method)


class Person:
    """Somebody with a browser of their own, at an address of their own."""

    form_token = ""  # what forms of the session carry, where it was looked up

    def __init__(self, base_url: str, address: str = "", language: str = "en") -> None:
        headers = {"Accept": "text/html,*/*", "Accept-Language": language, "Origin": base_url}
        if address:
            headers["X-Forwarded-For"] = address
        self.client = httpx.Client(base_url=base_url, headers=headers, timeout=60)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(path, **more)

    def send(self, page: str, action: str, **values: Any) -> httpx.Response:
        """Open a page and send one of its forms."""
        return self.client.post(action, data=form(self.get(page).text, action).filled(**values))

    def log_in(self, name: str, password: str = PASSWORD, page: str = "/login") -> httpx.Response:
        return self.send(page, "/login", name=name, password=password)

    @property
    def csrf(self) -> str:
        found: str = re.findall('name="csrf" value="([0-9a-f]{32})"', self.get("/my/account").text)[
            0
        ]
        return found
