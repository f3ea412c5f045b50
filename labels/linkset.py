"""Linksets (RFC 9264): what else there is to know of the thing whose address was scanned.

Names of links are full addresses of the GS1 Web Vocabulary: GS1's schema for linksets and UNTP's
stricter one take those, and no names such as gs1:dpp. Sources: RFC 9264; GS1-Conformant resolver
standard 1.2.0; UNTP 0.7.0, identity resolver.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ledger.errors import RuleError

VOCABULARY: Final = "https://ref.gs1.org/voc/"
PREFIX: Final = "gs1:"
MEDIA_TYPE: Final = "application/linkset+json"
CONTEXT: Final = "https://ref.gs1.org/standards/resolver/linkset-context"
DEFAULT: Final = "defaultLink"


@dataclass(frozen=True, slots=True)
class Link:
    """A link; kind: a term of the GS1 Web Vocabulary; languages: of what it leads to."""

    kind: str
    href: str
    title: str
    type: str
    languages: tuple[str, ...] = ()


def document(anchor: str, links: Iterable[Link], description: str = "") -> dict[str, Any]:
    """The linkset of one anchor. description: what GS1's schema asks for and RFC 9264 has not."""
    context: dict[str, Any] = {"anchor": anchor}
    if description:
        context["itemDescription"] = description
    for link in links:
        target: dict[str, Any] = {"href": link.href, "title": link.title, "type": link.type}
        if link.languages:
            target["hreflang"] = list(link.languages)
        context.setdefault(VOCABULARY + link.kind, []).append(target)
    return {"linkset": [context]}


def choose(links: Iterable[Link], asked: str, language: str) -> Link:
    """The link of a kind, in the reader's language if there is one; asked: gs1:dpp, its full
    address, or dpp; "" for the default. Raises RuleError NOT_FOUND naming the kinds there are.
    """
    kind = asked.removeprefix(VOCABULARY).removeprefix(PREFIX) or DEFAULT
    links = list(links)
    found = [link for link in links if link.kind == kind]
    if not found:
        known = dict.fromkeys(f"{PREFIX}{link.kind}" for link in links)
        raise RuleError(
            "NOT_FOUND",
            f"linkType: no {asked[:80]!r} here",
            field="linkType",
            value=asked,
            hint=f"there are {', '.join(known)}, and linkset for all of them",
        )
    return next((link for link in found if language in link.languages), found[0])
