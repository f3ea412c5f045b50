"""Reading the documents: fenced blocks, tables, and excerpts against what was printed."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CHANGELOG.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))


@functools.cache
def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, *infos: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page whose info string is one of `infos`: (info, text) in order."""
    found = re.findall(r"^```(\w[^\n]*)\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL)
    return [(info, text) for info, text in found if info in infos]


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, without their heads."""
    section = re.split(rf"^#+ {re.escape(heading)}$", read(page), flags=re.MULTILINE)[1]
    section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
    cells = [
        [c.strip() for c in line.strip("|").split(" | ")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return [row for row in cells[1:] if not set("".join(row)) <= set("-:|")]


def unprinted(excerpt: str, output: str) -> list[str]:
    """Lines of an excerpt that a run did not print. A line may end in ` ...`."""
    known = [normal(line) for line in output.splitlines()]
    return [
        line
        for line in map(normal, excerpt.splitlines())
        if not any(
            k.startswith(line[:-3].rstrip()) if line.endswith("...") else k == line for k in known
        )
    ]


def normal(line: str) -> str:
    """A line without what differs from run to run: serials, times, sizes."""
    line = re.sub(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b", "SERIAL", line.rstrip())
    line = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", line)
    return re.sub(r" +[\d,]+ bytes|\d+ of \d+ entries", "COUNT", line)


def json_in(said: str) -> Any:
    """The JSON of an output whose other lines are not."""
    start = re.search(r"^[{]", said, re.MULTILINE)
    assert start is not None, said
    return json.JSONDecoder().raw_decode(said, start.start())[0]


def other_shape(shown: Any, got: Any, path: str) -> Iterator[str]:
    """Where two JSON values differ in names and types; the name ".." stands for any."""
    if isinstance(shown, dict) and isinstance(got, dict):
        if ".." in shown:
            return
        for name in {*shown, *got}:
            if name not in shown or name not in got:
                yield f"{path}.{name}"
            else:
                yield from other_shape(shown[name], got[name], f"{path}.{name}")
    elif isinstance(shown, list) and isinstance(got, list):
        for i, (a, b) in enumerate(zip(shown, got, strict=False)):
            yield from other_shape(a, b, f"{path}[{i}]")
    elif None not in (shown, got) and type(shown) is not type(got):
        yield path
