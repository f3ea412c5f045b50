"""What else there is to know of a lot, as a linkset for programs and as links to follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi import Request, Response

from api.pages import lot as lot_page
from api.pages.reader import Reader
from labels import linkset
from labels.linkset import Link
from ledger.book import serial
from ledger.service import Ledger

# Anybody's page may read linksets: they say nothing that a scan does not.
OPEN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept, Accept-Language",
}
_ASKED: Final = ("linkset", "all")  # `all` is the name it had before GS1's standard 1.0
_TITLES: Final = {"en": "Page of the lot", "zh": "批次页面"}


def wanted(request: Request) -> bool:
    """Whether a program asks for the linkset rather than for a page."""
    accept = request.headers.get("accept", "")
    plain_json = "application/json" in accept and "text/html" not in accept
    asked = request.query_params.get("linkType", "")
    return asked in _ASKED or (not asked and (linkset.MEDIA_TYPE in accept or plain_json))


def links(ledger: Ledger, view: Mapping[str, Any]) -> list[Link]:
    """Every link of a lot; view: of `reports.lot_view`."""
    base = root(ledger)
    page = f"{base}/L/{view['lot']}/{view['fingerprint']}"
    found = [Link(linkset.DEFAULT, page, _TITLES["en"], "text/html", tuple(_TITLES))]
    for kind in ("pip", "dpp", "traceability"):
        found += [
            Link(kind, f"{page}?lang={language}", title, "text/html", (language,))
            for language, title in _TITLES.items()
        ]
    for certificate in view["certificates"]:
        number = certificate["serial"]
        title = f"Certificate {serial.printed(number)}"
        dossier = f"{base}/v1/certificates/{number}/dossier"
        found += [
            Link("certificationInfo", f"{base}/C/{number}", title, "text/html", tuple(_TITLES)),
            Link("certificationInfo", dossier, f"{title}, dossier", "application/json"),
        ]
    return found


def root(ledger: Ledger) -> str:
    """Where labels of this log lead."""
    return f"https://{ledger.host.lower()}"


def pointer(path: str) -> str:
    """The header that names the linkset of an address."""
    return f'<{path}?linkType=linkset>; rel="linkset"; type="{linkset.MEDIA_TYPE}"'


def described(view: Mapping[str, Any]) -> str:
    material = lot_page.material_line(view["material"], Reader("en")).striptags()
    return f"Lot {view['lot']}, {material}" if view["material"] else f"Lot {view['lot']}"


def answer(request: Request, anchor: str, found: list[Link], description: str = "") -> Response:
    accept = request.headers.get("accept", "")
    asked_json = "application/json" in accept and linkset.MEDIA_TYPE not in accept
    context = f'<{linkset.CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"'
    return Response(
        orjson.dumps(linkset.document(anchor, found, description)),
        media_type="application/json" if asked_json else linkset.MEDIA_TYPE,
        headers={**OPEN, "Link": f'{context}; type="application/ld+json"'},
    )
