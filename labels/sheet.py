"""Labels, drawn: one function per format, all from the same label and options.

fonts: what the caller found on the machine (ledger/fonts.py), tried in order for texts that the
built-in font cannot draw. Every refusal is a FormatError that names the field.
"""

from __future__ import annotations

from collections.abc import Sequence

from labels import content, layout, raster, rulers, vector
from labels import fonts as letters
from labels import pdf as pages
from labels import stock as stocks
from labels import zpl as zebra
from labels.fonts import Font as Font
from labels.label import DOTS, check_count, check_label, check_options
from labels.label import Label as Label
from labels.label import Options as Options
from labels.layout import Layout


def png(label: Label, options: Options, fonts: Sequence[Font] = ()) -> bytes:
    """One label at its true size, black and white."""
    drawn = arranged(label, options, fonts)
    return raster.png(raster.image(drawn, fonts, options.border), options.dpi)


def svg(label: Label, options: Options, fonts: Sequence[Font] = ()) -> str:
    """One label in true millimetres, text as text; nothing is fetched from anywhere."""
    drawn = arranged(label, options, fonts)
    stock = stocks.STOCKS[options.stock]
    return vector.svg(drawn, stock, label.lot or label.payload, label.payload, options.border)


def pdf(labels: Sequence[Label], options: Options, fonts: Sequence[Font] = ()) -> bytes:
    """Sheets of labels, each label `copies` times, from the first cell that is not used."""
    check_count(labels, options)
    stock, trim = check_options(options), _trim(options)
    page = pages.Page(stock, labels[0].lot or labels[0].payload)
    names: dict[Label, str] = {}
    for label in labels:
        if label not in names:
            names[label] = f"label{len(names)}"
            drawn = arranged(label, options, fonts)
            pages.form(page, names[label], drawn, DOTS[options.dpi], fonts)
    each = [names[label] for label in labels for _ in range(options.copies)]
    for at, name in enumerate(each, options.skip):
        if at > options.skip and at % stock.cells == 0:
            page.canvas.showPage()
        place = stocks.corner(stock, at % stock.cells, trim)
        pages.stamp(page, name, stock, *place)
        if options.border:
            pages.outline(page, stock, *place)
    return page.bytes()


def zpl(labels: Sequence[Label], options: Options, fonts: Sequence[Font] = ()) -> str:
    """ZPL II, one format per label; ASCII only."""
    check_count(labels, options)
    cell = layout.cell_of(check_options(options), options.dpi)
    shift_um = (options.offset_x_um, options.offset_y_um)
    right, down = (cell.of(um) for um in shift_um)
    formats = []
    for label in labels:
        if options.form == "native":
            drawn = arranged(label, options, fonts, zebra.MODULE_MAX)
            drawn = layout.moved(drawn, *shift_um, cell)
            fields = zebra.native(drawn, label.payload, fonts)
            fields += [zebra.border(cell, right, down)] if options.border else []
        else:
            drawn = arranged(label, options, fonts)
            layout.moved(drawn, *shift_um, cell)  # refuses what would be lost
            picture = raster.image(drawn, fonts, options.border)
            fields = [zebra.graphic(zebra.pasted(picture, right, down))]
        formats.append(zebra.document(fields, cell, options))
    return "".join(formats)


def test_page(options: Options, fonts: Sequence[Font] = ()) -> bytes:  # noqa: PT028
    """A PDF page to hold against a sheet: outlines, crosses, and scales to read the trim from."""
    return rulers.page(check_options(options), _trim(options), options.lang, fonts)


def left_out(label: Label, options: Options, fonts: Sequence[Font] = ()) -> tuple[str, ...]:
    """The fields of the label for which the stock has no room, least important first."""
    return arranged(label, options, fonts).left_out


def arranged(
    label: Label, options: Options, fonts: Sequence[Font] = (), module_max: int = 1000
) -> Layout:
    """Where everything stands on this label, in dots."""
    stock = check_options(options)
    check_label(label)
    cell = layout.cell_of(stock, options.dpi, module_max)
    rows = content.rows(label, options, cell)
    code = label.code or label.payload
    content.check_drawable(rows, code, tuple(fonts))
    return layout.arrange(label.payload, code, rows, cell, letters.measure(fonts))


def _trim(options: Options) -> stocks.Trim:
    return stocks.Trim(
        *(options.offset_x_um, options.offset_y_um, options.pitch_x_um, options.pitch_y_um)
    )
