"""Lots declared scrap that went back to the site they were declared from, by way of a friend.

The rules cannot see it when a friend's furnace lies between; a reader of this list can.
Source: docs/events.md section 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.book import state


def find(
    edges: Iterable[tuple[str, str, int]], objects: Mapping[str, tuple[int, state.State]]
) -> tuple[str, ...]:
    """What came back, in words, each once.

    edges: (child lot, parent lot, entry). objects: the states of a whole log.
    """
    children: dict[str, set[str]] = {}
    for child, parent, _ in edges:
        children.setdefault(parent, set()).add(child)
    walks = []
    for key, (_, value) in sorted(objects.items()):
        if not isinstance(value, state.Lot):
            continue
        for mark in value.marks:
            if mark.startswith("declared:"):
                site = mark.removeprefix("declared:").partition("/")[0]
                walks += _returns(children, key.removeprefix("lot:"), site)
    return tuple(dict.fromkeys(walks))


def _returns(children: dict[str, set[str]], lot: str, site: str) -> list[str]:
    """Where metal of a lot crosses back: the site made something of what others had made of it."""
    own = f"{site}/"
    seen, todo, found = {lot}, [lot], []
    while todo:
        parent = todo.pop()
        for child in sorted(children.get(parent, ())):
            if child.startswith(own) and not parent.startswith(own):
                found.append(f"{lot} declared scrap of {site} came back as {child}")
            if child not in seen:
                seen.add(child)
                todo.append(child)
    return found
