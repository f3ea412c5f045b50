"""Labels as a phone sees them: the codes in pictures, in rendered pages, in printer commands."""

from __future__ import annotations

import io
import re
from urllib.parse import urlsplit

import httpx
import pypdfium2  # type: ignore[import-untyped]
import zxingcpp
from PIL import Image

DPI = 300


def codes(image: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(image.convert("L"))]


def of_png(data: bytes) -> list[str]:
    return codes(Image.open(io.BytesIO(data)))


def of_pdf(data: bytes) -> list[list[str]]:
    """The codes of each page."""
    document = pypdfium2.PdfDocument(data)
    try:
        return [codes(page.render(scale=DPI / 72).to_pil()) for page in document]
    finally:
        document.close()


def text_of_pdf(data: bytes) -> str:
    document = pypdfium2.PdfDocument(data)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


def of_zpl(text: str) -> list[str]:
    """What the QR fields of printer commands hold."""
    return re.findall(r"\^BQ[^^]*(?:\^FH_?)?\^FDQ?[HQML],A([^^]*)\^FS", text)


def path(code: str) -> str:
    """Where a scanned address leads on the server under test."""
    parts = urlsplit(code)
    assert parts.scheme.upper() == "HTTPS"
    return parts.path + (f"?{parts.query}" if parts.query else "")


def follow(client: httpx.Client, code: str) -> httpx.Response:
    """The page behind a scanned code, one redirect at most."""
    answer = client.get(path(code), headers={"Accept": "text/html"})
    if answer.is_redirect:
        answer = client.get(answer.headers["location"])
    assert not answer.is_redirect, "a chain of redirects"
    return answer
