"""/openapi.json, made of the routes, the schemas of answers, and what is true of all addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api import deps, methods
from api.openapi import answers, events, examples
from api.openapi.events import Schema, ref

PROBLEM: Final = "application/problem+json"
DESCRIPTION: Final = """\
A recycled-metal traceability ledger. Events go in through `POST /v1/events`; everything else reads.
Every refusal is `application/problem+json` with a stable code; `GET /v1/errors` explains them all.
Masses are whole milligrams, percentages text, times that end in `_ms` UTC milliseconds.
"""

# Answers by operation: status -> schema; addresses that are not here answer as their route says.
ANSWERS: Final[dict[str, dict[int, str]]] = {
    "POST /v1/events": {200: "Tried", 201: "Accepted"},
    "POST /v1/events/batch": {200: "BatchAnswer"},
    "GET /v1/lots": {200: "Lots"},
    "GET /v1/entries": {200: "Entries"},
    "GET /v1/certificates": {200: "Certificates"},
    "GET /v1/sites": {200: "Sites"},
    "GET /v1/parties": {200: "Parties"},
    "GET /v1/sites/{site}": {200: "SiteItem"},
    "GET /v1/parties/{party}": {200: "PartyItem"},
    "GET /v1/entries/{n}": {200: "Entry"},
    "GET /v1/lots/{site}/{name}": {200: "Lot"},
    "GET /v1/lots/{site}/{name}/lineage": {200: "Lineage"},
    "GET /v1/certificates/{serial}": {200: "Certificate"},
    "GET /v1/certificates/{serial}/dossier": {200: "Dossier"},
    "GET /v1/log/keys": {200: "LogKeys"},
    "GET /v1/log/proof/inclusion": {200: "Inclusion"},
    "GET /v1/log/proof/consistency": {200: "Consistency"},
    "GET /healthz": {200: "Alive"},
    "GET /readyz": {200: "Ready"},
    "GET /v1/labels/stocks": {200: "Stocks"},
    "GET /v1/gtins": {200: "Gtins"},
    "GET /v1/gtins/{gtin}": {200: "Gtin"},
    "PUT /v1/gtins/{gtin}": {200: "Gtin", 201: "Gtin"},
    "DELETE /v1/gtins/{gtin}": {200: "Gtin"},
    "GET /v1/vocabulary": {200: "Vocabulary"},
    "GET /v1/vocabulary/{list}": {200: "WordList"},
    "GET /v1/errors": {200: "Errors"},
}
# Addresses that answer text.
TEXTS: Final = {
    "GET /metrics": "text/plain", "GET /v1/log/checkpoint": "text/plain",
    "GET /checkpoint": "text/plain", "GET /v1/log/proof/{n}.tlog-proof": "text/plain",
}  # fmt: skip
# Where a key helps and is not always needed.
EITHER: Final = frozenset(
    {"GET /metrics", "GET /tile/entries/{index}", "GET /v1/certificates/{serial}/dossier"}
)
# Addresses that answer 304 to `If-None-Match`.
KEPT: Final = frozenset(
    {
        "GET /v1/lots/{site}/{name}", "GET /v1/certificates/{serial}", "GET /v1/vocabulary",
        "GET /v1/vocabulary/{list}", "GET /v1/errors", "GET /checkpoint",
        "GET /tile/{level}/{index}", "GET /tile/entries/{index}",
    }
)  # fmt: skip
PAGED: Final = frozenset(
    f"GET /v1/{n}" for n in ("lots", "entries", "certificates", "sites", "parties")
)
_BODIES: Final[dict[str, Schema]] = {
    "POST /v1/events": {
        "application/json": {"schema": {"anyOf": [ref("Event"), ref("SignedStatement")]}}
    },
    "POST /v1/events/batch": {
        "application/x-ndjson": {
            "schema": {"type": "string", "description": "one event or statement on each line"}
        }
    },
}
_MEANINGS: Final = {
    200: "Done",
    201: "Recorded",
    304: "Not changed since the answer whose ETag was sent",
    400: "The body is not what it says it is",
    401: "No API key, or one that is not known",
    403: "This key or party may not do this",
    404: "There is no such thing",
    409: "Not in the present state of the log",
    413: "Too large",
    415: "Another media type is wanted",
    422: "A parameter, field or figure is not valid",
    429: "Too many requests; wait as long as Retry-After says",
    503: "Not now; wait as long as Retry-After says",
}
_REQUEST_ID: Final[Schema] = {
    "X-Request-ID": {
        "description": "by which the server's log names this request",
        "schema": {"type": "string"},
    }
}
_WAIT: Final[Schema] = {
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "string"}}
}
_HEADERS: Final[dict[int, Schema]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: _WAIT,
    503: _WAIT,
}
_LANGUAGE: Final[Schema] = {
    "name": "Accept-Language",
    "in": "header",
    "description": "`en` or `zh`: the language of names and of a problem's title",
    "schema": {"type": "string", "examples": ["zh-CN"]},
}
_IF_NONE_MATCH: Final[Schema] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "the ETag of an answer that is kept: 304 if it still holds",
    "schema": {"type": "string"},
}


def install(app: FastAPI) -> None:
    """Let the application describe itself with this document; it is made once."""
    made: list[dict[str, Any]] = []

    def describe() -> dict[str, Any]:
        if not made:
            made.append(build(app))
        return made[0]

    app.openapi = describe  # type: ignore[method-assign]


def build(app: FastAPI) -> dict[str, Any]:
    """The document of every address that the application has."""
    document = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )  # fmt: skip
    schemas = events.components() | answers.COMPONENTS
    document["components"] = {
        "schemas": dict(sorted(schemas.items())),
        "securitySchemes": {
            "ApiKey": {
                "type": "http",
                "scheme": "bearer",
                "description": "an API key, `rmk_…`; made with `remelt apikey new`",
            }
        },
    }
    for name, route in _operations(app.routes):
        method, _, path = name.partition(" ")
        if path in document["paths"]:  # a router may be out of the document as a whole
            _complete(document["paths"][path][method.lower()], name, route)
    examples.add(document)
    return document


def _operations(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, APIRoute]]:
    """Every operation that the document shows, as `GET /v1/lots`, with its route."""
    for route in methods.flat(routes):
        for method in sorted(route.methods or ()):
            if route.include_in_schema and method != "HEAD":
                yield f"{method} {route.path_format}", route


def _complete(operation: Schema, name: str, route: APIRoute) -> None:
    """What the framework cannot know of an operation."""
    operation["operationId"] = route.name
    keyed = _asks(route.dependant, deps.principal)
    either = name in EITHER
    operation["security"] = [{"ApiKey": []}] * (keyed or either) + [{}] * either
    if name in _BODIES:
        operation["requestBody"] = {"required": True, "content": _BODIES[name]}
    parameters = operation.setdefault("parameters", [])
    parameters += [_LANGUAGE, _IF_NONE_MATCH] if name in KEPT else []
    for parameter in parameters:
        parameter["schema"] = _plain(parameter["schema"])
    operation["responses"] = _responses(operation, name, keyed=keyed or either)


def _plain(schema: Schema) -> Schema:
    """A parameter's schema without null: what is not sent is absent."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    rest = {k: v for k, v in schema.items() if k not in ("anyOf", "title")}
    return {**rest, **kinds[0]}


def _asks(dependant: Dependant, call: object) -> bool:
    return any(d.call is call or _asks(d, call) for d in dependant.dependencies)


def _responses(operation: Schema, name: str, *, keyed: bool) -> Schema:
    """Answers in order of status: ours, the route's own, and the refusals that can come."""
    given = {int(s): r for s, r in operation["responses"].items() if s != "422"}
    for status, schema in ANSWERS.get(name, {}).items():
        given[status] = {"content": {"application/json": {"schema": ref(schema)}}}
    if name in TEXTS:
        given[200] = {"content": {TEXTS[name]: {"schema": {"type": "string"}}}}
    for status, answer in given.items():
        answer["description"] = _MEANINGS[status]
        if name in KEPT:
            answer["headers"] = {"ETag": {"schema": {"type": "string"}}}
        if name in PAGED:
            about = 'the next page, `rel="next"`; absent on the last'
            answer["headers"] = {"Link": {"description": about, "schema": {"type": "string"}}}
    if name in KEPT:
        tag = {"ETag": {"schema": {"type": "string"}}}
        given[304] = {"description": _MEANINGS[304], "headers": tag}
    for status in _refusals(operation, keyed=keyed):
        given[status] = {
            "description": _MEANINGS[status],
            "content": {PROBLEM: {"schema": ref("Problem")}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
    for answer in given.values():
        answer["headers"] = {**_REQUEST_ID, **answer.get("headers", {})}
    return {str(status): given[status] for status in sorted(given)}


def _refusals(operation: Schema, *, keyed: bool) -> list[int]:
    found = [422, 429, 503]
    found += [401, 403] if keyed else []
    asked = [parameter["in"] for parameter in operation["parameters"]]
    found += [404] if asked else []
    found += [400, 404, 409, 413, 415] if "requestBody" in operation else []
    return found
