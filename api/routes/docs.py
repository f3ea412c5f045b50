"""The description of this interface: for machines, and as pages of Swagger UI. Nothing is fetched
from elsewhere, and no script stands in a page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import fastapi_offline
import orjson
from fastapi import APIRouter, Request, Response

from api import etags
from ledger.errors import RuleError

router = APIRouter(include_in_schema=False)

_UI: Final = Path(fastapi_offline.__file__).parent / "static"
_OURS: Final = Path(__file__).parent.parent / "static"
FILES: Final = {
    "swagger-ui-bundle.js": (_UI, "text/javascript; charset=utf-8"),
    "swagger-ui.css": (_UI, "text/css; charset=utf-8"),
    "favicon.png": (_UI, "image/png"),
    "docs.js": (_OURS, "text/javascript; charset=utf-8"),
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Remelt: the HTTP interface</title>
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<main id="swagger-ui"><noscript>This page needs JavaScript; the same is in
<a href="/openapi.json">/openapi.json</a>.</noscript></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/docs.js"></script>
</body>
</html>
"""


@router.get("/openapi.json")
def describe(request: Request) -> Response:
    data = orjson.dumps(request.app.openapi())
    return etags.answer(request, data, cache="public, no-cache", vary="Accept-Encoding")


@router.get("/docs")
def show() -> Response:
    return Response(_PAGE, media_type="text/html")


@router.get("/docs/{name}")
def read_file(request: Request, name: str) -> Response:
    if name not in FILES:
        raise RuleError("NOT_FOUND", f"GET {request.url.path[:200]}", field="path", value=name[:80])
    where, media_type = FILES[name]
    cache_for = "public, max-age=86400"
    return etags.answer(request, _read(where / name), media_type, cache=cache_for, vary="Accept")


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()
