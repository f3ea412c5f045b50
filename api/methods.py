"""Which methods an address takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Scope


def flat(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """Every route, those of included routers too."""
    for route in routes:
        # Newer frameworks keep an included router as it is, older ones copy its routes.
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from flat(included.routes)
        elif isinstance(route, APIRoute):
            yield route


def allowed(routes: Iterable[BaseRoute], scope: Scope) -> str:
    """The value of `Allow`: every method of the request's address, not of one route only."""
    found: set[str] = set()
    for route in flat(routes):
        if route.matches(scope)[0] is not Match.NONE:
            found |= route.methods or set()
    # Routes that are there a second time, below a prefix, do not know it; all of them are read.
    found = found or {"GET"}
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))
