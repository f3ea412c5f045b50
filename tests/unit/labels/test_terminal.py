"""The symbol in a terminal, read back by a scanner that knows nothing of ours."""

from __future__ import annotations

import pytest
import zxingcpp
from PIL import Image

from labels import payload, qr

LOT = payload.lot_payload("demo.remelt.example", "HB01/INGOT-1", bytes(range(32)))
CERTIFICATE = payload.certificate_payload("m.example.c", "ABCD-EFGH-JKMY")
LOCAL = payload.lot_payload("127.0.0.1:8731", "HB01/DROSS-1", bytes(range(32)))


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("text", [LOT, CERTIFICATE, LOCAL])
def test_a_terminal_shows_the_symbol_on_dark_and_on_light_ground(text: str, dark: bool) -> None:
    rows = qr.terminal(text, dark=dark).splitlines()
    side = len(rows[0])
    assert {len(row) for row in rows} == {side}
    assert len(rows) == (side + 1) // 2
    ground, ink = (0, 255) if dark else (255, 0)
    image = Image.new("L", (side, len(rows) * 2), ground)
    for y, row in enumerate(rows):
        for x, char in enumerate(row):
            upper, lower = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}[char]
            image.putpixel((x, 2 * y), ink if upper else ground)
            image.putpixel((x, 2 * y + 1), ink if lower else ground)
    found = zxingcpp.read_barcodes(image.resize((side * 6, len(rows) * 12)), try_invert=False)
    assert [one.text for one in found] == [text]
