"""Labels that lay in a yard: what a decoder must still read, on every stock, with fixed seeds."""

from __future__ import annotations

import functools

import pytest

from bench import labels as bench
from labels.label import DOTS
from labels.sheet import Options, arranged
from labels.stock import STOCKS

# L4778 and L6009 have the cells of L4736, 8160 those of 5160.
NAMES = [name for name in STOCKS if name not in ("l4778", "l6009", "8160")]
ALWAYS = ("none", "blur", "turn 3°", "turn 7°", "turn 17°", "fade", "tilt 30°", "stain 3 %")
# A scratch of 0.2 mm is most of a module where that has only 0.25 mm.
LARGE = ("dead dot", "scratch")
LARGE_MODULE_UM = 500


@functools.lru_cache(maxsize=128)
def shot(name: str, form: str, dpi: int) -> bench.Shot:
    options = Options(stock=name, dpi=dpi, form="graphics")
    return bench.shot(bench.printed(form, bench.LABEL, options), bench.LABEL, options)


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("form", bench.FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_label_is_read(name: str, form: str, dpi: int) -> None:
    seen = shot(name, form, dpi)
    module_um = arranged(bench.LABEL, Options(stock=name, dpi=dpi)).module * 100_000 // DOTS[dpi]
    damages = ALWAYS + (LARGE if module_um >= LARGE_MODULE_UM else ())
    lost = [
        damage
        for damage in damages
        if not bench.is_read(seen, damage, bench.LABEL.payload, f"{name} {dpi}")
    ]
    assert not lost


def test_a_symbol_without_its_quiet_zone_or_half_covered_is_not_read() -> None:
    # That the damages are real: a label can be lost.
    seen = shot("l4736", "png", 203)
    image = seen.image.copy()
    left, top, right, bottom = seen.symbol
    image.paste(0, (left, top, (left + right) // 2, bottom))
    covered = bench.Shot(image, seen.scale, seen.symbol, seen.module)
    assert not bench.is_read(covered, "none", bench.LABEL.payload, 0)
