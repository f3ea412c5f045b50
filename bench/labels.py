"""How much dirt a label bears: every stock and format, printed, damaged and read by a decoder.

    python -m bench.labels            a table of what was read, in percent
    python -m bench.labels --trials 20 --stock l4731

Damages are physical, in millimetres of the printed label, or in degrees; a camera looks at the
label from where a module is six of its pixels.
"""

from __future__ import annotations

import argparse
import base64
import io
import math
import random
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pypdfium2
import zxingcpp
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from labels import sheet, stock
from labels.label import DOTS
from labels.sheet import Label, Options

PIXELS_PER_MODULE = 6
GROUND = 150  # the grey of the metal that the label sticks on
FORMATS = ("png", "pdf", "zpl")
LABEL = Label(
    "HTTPS://DEMO.REMELT.EXAMPLE/L/HB01/INGOT-1/0123456789",
    *("HB01/INGOT-1", "18.7 t", "HB01/H-0312", "", "Aluminium ingot, AlSi9Cu3"),
    *("at least 50.00 % of the Al certified, WXAG-2FVZ-5MKR", "2026-03-02"),
)


@dataclass(frozen=True)
class Shot:
    """A label before a camera: grey levels, pixels per mm, and where its symbol is, in pixels."""

    image: Image.Image
    scale: float
    symbol: tuple[int, int, int, int]  # without the quiet zone
    module: float


def printed(form: str, label: Label, options: Options) -> Image.Image:
    """One label as its printer would put it on paper, a pixel to a dot."""
    if form == "png":
        return Image.open(io.BytesIO(sheet.png(label, options))).convert("L")
    if form == "zpl":
        return graphic(sheet.zpl([label], options)).convert("L")
    size = stock.STOCKS[options.stock]
    scale = DOTS[options.dpi] / 100_000
    document = pypdfium2.PdfDocument(sheet.pdf([label], options))
    page = document[0].render(scale=scale * 25_400 / 72).to_pil().convert("L")
    left, top = stock.corner(size, options.skip, stock.Trim())
    ends = (left, top, left + size.width_um, top + size.height_um)
    return page.crop(tuple(round(end * scale) for end in ends))


def graphic(text: str) -> Image.Image:
    """The picture in a ^GF field, as a printer's firmware unpacks it."""
    found = re.search(r"\^GFA,(\d+),(\d+),(\d+),:Z64:([^:]+):", text)
    assert found is not None
    row = int(found[3])
    size = (row * 8, int(found[2]) // row)
    bits = Image.frombytes("1", size, zlib.decompress(base64.b64decode(found[4])))
    width = re.search(r"\^PW(\d+)", text)
    assert width is not None
    return ImageChops.invert(bits.convert("L")).crop((0, 0, int(width[1]), size[1]))


def shot(image: Image.Image, label: Label, options: Options) -> Shot:
    """The label on metal, seen by a camera."""
    drawn = sheet.arranged(label, options)
    zoom = PIXELS_PER_MODULE / drawn.module
    size = (round(image.width * zoom), round(image.height * zoom))
    seen = image.resize(size, Image.Resampling.LANCZOS)
    edge = 6 * PIXELS_PER_MODULE
    ground = Image.new("L", (seen.width + 2 * edge, seen.height + 2 * edge), GROUND)
    ground.paste(seen, (edge, edge))
    left, top = edge + round(drawn.x * zoom), edge + round(drawn.y * zoom)
    side = len(drawn.symbol.modules) * PIXELS_PER_MODULE
    scale = DOTS[options.dpi] / 100 * zoom
    return Shot(ground, scale, (left, top, left + side, top + side), PIXELS_PER_MODULE)


Damage = Callable[[Shot, random.Random], Image.Image]


def blur(mm: float) -> Damage:
    return lambda s, r: s.image.filter(ImageFilter.GaussianBlur(mm * s.scale))


def turn(degrees: float) -> Damage:
    bicubic = Image.Resampling.BICUBIC
    return lambda s, r: s.image.rotate(degrees, bicubic, expand=True, fillcolor=GROUND)


def fade(shot: Shot, rng: random.Random) -> Image.Image:
    """Sun-bleached thermal paper in bad light: 50 grey levels from ink to paper, and noise."""
    size = shot.image.size
    noise = Image.frombytes("L", size, rng.randbytes(size[0] * size[1]))
    faded = shot.image.point(lambda level: 100 + level * 50 // 255)
    return ImageChops.add(faded, noise.point(lambda level: level // 12))


def scratch(finders: bool) -> Damage:
    """A scratch to the paper and a black smear, 0.2 mm wide, from side to side of the symbol.

    finders: they may cross the finder patterns too, without which no decoder finds the symbol.
    """

    def scratched(shot: Shot, rng: random.Random) -> Image.Image:
        image = shot.image.copy()
        draw = ImageDraw.Draw(image)
        left, top, right, bottom = shot.symbol
        clear = 0 if finders else 9 * shot.module
        for level in (240, 20):
            heights = [rng.uniform(top + clear, bottom - clear) for _ in range(2)]
            ends = (left, heights[0], right, heights[1])
            draw.line(ends, fill=level, width=max(1, round(0.2 * shot.scale)))
        return image

    return scratched


def dead_dot(shot: Shot, rng: random.Random) -> Image.Image:
    """A burnt-out element of the print head: a white line of 0.125 mm all along the label."""
    image = shot.image.copy()
    at = rng.uniform(shot.symbol[0], shot.symbol[2])
    width = max(1, round(0.125 * shot.scale))
    ImageDraw.Draw(image).line((at, 0, at, image.height), fill=245, width=width)
    return image


def stain(share: float, finders: bool) -> Damage:
    """A black blot of a share of the symbol's area; finders: it may lie on a finder pattern too."""

    def blot(shot: Shot, rng: random.Random) -> Image.Image:
        image = shot.image.copy()
        left, top, right, bottom = shot.symbol
        radius = ((right - left) ** 2 * share / 3.1416) ** 0.5
        clear = 0 if finders else 9 * shot.module + radius
        x = rng.uniform(left + clear, right - (radius if clear else 0))
        y = rng.uniform(top + clear, bottom - (radius if clear else 0))
        ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=30)
        return image

    return blot


def tilt(degrees: float) -> Damage:
    """Seen from the side: turned about its upright axis, from eight sides of the symbol away."""

    def turned(shot: Shot, rng: random.Random) -> Image.Image:
        width, height = shot.image.size
        left, _, right, _ = shot.symbol
        angle = math.radians(rng.choice((-1, 1)) * degrees)
        sine, cosine = math.sin(angle), math.cos(angle)
        away, x0, y0 = 8 * (right - left), (left + right) / 2, height / 2
        scale = away * cosine + x0 * sine
        # Where on the label the ray through a pixel arrives, as Pillow wants it.
        across = ((away - x0 * sine) / scale, 0.0, x0 * (scale - away) / scale)
        down = (-y0 * sine / scale, away * cosine / scale, y0 * (scale - away * cosine) / scale)
        coefficients = (*across, *down, -sine / scale, 0.0)
        return shot.image.transform(
            (width, height),
            Image.Transform.PERSPECTIVE,
            coefficients,
            Image.Resampling.BICUBIC,
            fillcolor=GROUND,
        )

    return turned


DAMAGES: dict[str, Damage] = {
    "none": lambda s, r: s.image,
    "blur": blur(0.1),
    "turn 3°": turn(3),
    "turn 7°": turn(7),
    "turn 17°": turn(17),
    "fade": fade,
    "dead dot": dead_dot,
    "tilt 30°": tilt(30),
    "scratch": scratch(finders=False),
    "stain 3 %": stain(0.03, finders=False),
    "scratch any": scratch(finders=True),
    "stain any": stain(0.03, finders=True),
}


def is_read(shot: Shot, damage: str, payload: str, seed: object) -> bool:
    rng = random.Random(f"{damage} {seed}")
    image = DAMAGES[damage](shot, rng)
    return [found.text for found in zxingcpp.read_barcodes(image)] == [payload]


def rates(name: str, trials: int) -> Iterator[tuple[str, int, int]]:
    """For each damage: what was read of what was tried, over all formats and both print heads."""
    shots = [
        shot(printed(form, LABEL, options), LABEL, options)
        for dpi in (203, 300)
        for form in FORMATS
        for options in [Options(stock=name, dpi=dpi, form="graphics")]
    ]
    for damage in DAMAGES:
        tried = [is_read(s, damage, LABEL.payload, t) for s in shots for t in range(trials)]
        yield damage, sum(tried), len(tried)


def main() -> None:
    parser = argparse.ArgumentParser(description="what a decoder reads of damaged labels")
    parser.add_argument("--trials", type=int, default=5, help="per stock, format and print head")
    parser.add_argument("--stock", choices=stock.STOCKS, help="this stock only")
    arguments = parser.parse_args()
    names = [arguments.stock] if arguments.stock else list(stock.STOCKS)
    modules = "  ".join(f"{damage:>{max(9, len(damage))}}" for damage in DAMAGES)
    print(f"{'stock':8} {'203 dpi':>10} {'300 dpi':>10}  {modules}")
    for name in names:
        sizes = []
        for dpi in (203, 300):
            drawn = sheet.arranged(LABEL, Options(stock=name, dpi=dpi))
            sizes.append(f"{drawn.symbol.correction} {drawn.module * 100 / DOTS[dpi]:.3f} mm")
        found = [
            f"{100 * read / tried:{max(9, len(damage))}.1f}"
            for damage, read, tried in rates(name, arguments.trials)
        ]
        print(f"{name:8} {sizes[0]:>10} {sizes[1]:>10}  {'  '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
