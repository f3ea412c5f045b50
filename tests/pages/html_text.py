"""An HTML page as its reader sees it, and the parts a test asks for."""

from __future__ import annotations

import html.parser
import re
from dataclasses import dataclass, field

_EMPTY = {"meta", "link", "input", "img", "br", "rect", "path"}
_BLOCK = {"p", "h1", "h2", "h3", "li", "dt", "dd", "tr", "title", "summary", "div"}


@dataclass
class Page:
    """text: one line per block. tags: every (tag, attributes). The page must be well formed."""

    text: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def has(self, *lines: str) -> bool:
        """Whether each of these stands in the text."""
        return all(line in self.text for line in lines)

    def values(self, tag: str, attribute: str) -> list[str]:
        return [shown.get(attribute) or "" for name, shown in self.tags if name == tag]


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page, self.open, self.parts = Page(), list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self.open.append(tag)
        if tag in _BLOCK:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"
        if tag in _BLOCK:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(re.sub(r"\s+", " ", data))


def read(source: str) -> Page:
    reader = _Reader()
    reader.feed(source)
    reader.close()
    assert not reader.open, f"never closed: {reader.open}"
    lines = (re.sub(r" +", " ", line).strip() for line in "".join(reader.parts).split("\n"))
    reader.page.text = "\n".join(line for line in lines if line)
    return reader.page
