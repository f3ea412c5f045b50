"""GET and POST /my/print: labels of chosen lots, looked at first, then as a file.

What a person prints with (stock, resolution, trim) is kept in the browser, since it belongs to the
printer beside it and not to the person.
"""

from __future__ import annotations

import urllib.parse
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from api import callers, label_files, label_texts
from api.pages import forms, typed, words
from api.pages.forms import Form
from api.pages.mine import lot_seen
from api.pages.reader import Reader
from api.pages.visit import ReadingDep, Visit
from labels import captions, sheet, stock
from labels.label import DOTS, LABELS_MAX
from ledger.errors import FormatError, LedgerError

router = APIRouter(include_in_schema=False)

FORMATS: Final = ("pdf", "zpl")
_COOKIE: Final = "remelt-print"
_COOKIE_S: Final = 365 * 24 * 3600
_KEPT: Final = ("stock", "dpi", "medium", *label_files.TRIM)
_NUMBERS: Final = ("copies", "skip", "dpi")
_START: Final = {
    "stock": "100x50", "dpi": "300", "medium": "", "copies": "1", "skip": "0", "border": "",
    "reprint": "", **dict.fromkeys(label_files.TRIM, "0"),
}  # fmt: skip


@router.api_route("/my/print", methods=["GET", "HEAD"])
def choose(found: ReadingDep) -> Response:
    form = forms.asked(found.request)
    kept = dict(urllib.parse.parse_qsl(found.request.cookies.get(_COOKIE, "")[:500]))
    values = _START | {name: kept[name] for name in _KEPT if name in kept}
    chosen = [typed.capitals(lot.strip()) for lot in form.every("lot") if lot.strip()]
    wrong = _wrong(found, chosen, values)[1] if chosen else []
    return _page(found, chosen, values, wrong, 422 if wrong else 200)


@router.post("/my/print")
def make(found: ReadingDep, form: Annotated[Form, Depends(forms.read)]) -> Response:
    """The page again with a picture of the first label, or the file."""
    found.check(form)
    values = {name: form.one(name)[:20] for name in _START}
    chosen = list(dict.fromkeys(typed.capitals(" ".join(form.every("lots"))).split()))
    labels, wrong = _wrong(found, chosen, values)
    kind = form.one("do")
    if wrong or kind not in FORMATS:
        return _page(found, chosen, values, wrong, 422 if wrong else 200)
    try:
        data = label_files.render(kind, labels, _options(values, found.who.language))
    except FormatError as error:
        return _page(found, chosen, values, [_said(found, values, error)], 422)
    name = label_files.file_name(chosen[0] if len(chosen) == 1 else "labels", kind)
    answer = Response(data, media_type=label_files.MEDIA_TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "private, no-store"
    _keep(found.request, answer, values)
    return answer


def _wrong(
    found: Visit, chosen: list[str], values: dict[str, str]
) -> tuple[list[sheet.Label], list[tuple[str, str]]]:
    """The labels, and (field, what is wrong with it) for everything that cannot be printed."""
    wrong, labels = _wrong_options(found, values), list[sheet.Label]()
    if not chosen:
        wrong.append(("lots", found.who.say("print_no_lots")))
    if len(chosen) > LABELS_MAX:
        wrong.append(("lots", found.who.say("print_too_many", most=LABELS_MAX)))
        return [], wrong
    for lot in chosen:
        try:
            view = lot_seen(found, lot)
        except LedgerError:
            wrong.append(("lots", found.who.say("print_unknown", lot=lot[:40])))
            continue
        wanted = label_texts.Wanted(found.who.language)
        labels.append(label_texts.of_lot(found.ledger, view, wanted))
    return labels, wrong[:10]


def _wrong_options(found: Visit, values: dict[str, str]) -> list[tuple[str, str]]:
    """Each field by itself, so that all that is wrong is told at once."""
    wrong, known = [], values["stock"] if values["stock"] in stock.STOCKS else _START["stock"]
    for name, value in values.items():
        try:
            _options({**_START, "stock": known, name: value}, found.who.language)
        except FormatError as error:
            wrong.append(_said(found, values, error))
    return wrong


def _options(values: dict[str, str], language: str) -> sheet.Options:
    """Raises FormatError."""
    numbers: dict[str, Any] = {}
    for name in _NUMBERS:
        text = values[name]
        if not (text.isascii() and text.isdigit() and len(text) < 6):
            raise FormatError("PARAMETER_INVALID", f"{name}: {text!r}", field=name, value=text)
        numbers[name] = int(text)
    marks = {name: bool(values[name]) for name in ("border", "reprint")}
    return label_files.options(**(values | numbers | marks), lang=language)


def _said(found: Visit, values: dict[str, str], error: FormatError) -> tuple[str, str]:
    """A refusal beside its field, in the reader's language."""
    field = error.field.removesuffix("_um")
    if field not in _START:
        return "lots", found.who.say("wrong_text", field=error.field)
    known = stock.STOCKS.get(values["stock"])
    key = "wrong_trim" if field in label_files.TRIM else f"wrong_{field}"
    most = label_files.TRIM[field] // 1000 if field in label_files.TRIM else LABELS_MAX
    return field, found.who.say(key, most=most, cells=known.cells if known else 1)


def _page(
    found: Visit,
    chosen: list[str],
    values: dict[str, str],
    wrong: list[tuple[str, str]],
    status: int,
) -> Response:
    who = found.who
    picture = ""
    if chosen and not wrong:
        asked = {name: values[name] for name in ("stock", "dpi", "medium", "border", "reprint")}
        query = {**{name: text for name, text in asked.items() if text}, "lang": who.language}
        picture = f"/v1/lots/{chosen[0]}/label.png?{urllib.parse.urlencode(query)}"
    at = words.LANGUAGES.index(who.language)
    shown = {
        "chosen": chosen,
        "values": values,
        "wrong": wrong,
        "fields": {field for field, _ in wrong},
        "stocks": [(name, _title(one, who), one.cells) for name, one in stock.STOCKS.items()],
        "media": [(code, said[at]) for code, said in captions.MEDIA.items()],
        "dots": [str(dpi) for dpi in DOTS],
        "trims": list(label_files.TRIM),
        "trim_wrong": any(field in label_files.TRIM for field, _ in wrong),
        "picture": picture,
    }
    answer = found.page("my_print.html", shown, status)
    if not wrong:
        _keep(found.request, answer, values)
    return answer


def _title(one: stock.Stock, who: Reader) -> str:
    """What a stock is called; makers and sizes are the same in every language."""
    title = one.title
    for english, chinese in _STOCK_WORDS if who.language == "zh" else ():
        title = title.replace(english, chinese)
    return title


_STOCK_WORDS: Final = (
    (" thermal", " 热敏纸"), ("hang tag, ", "吊牌 "), ("US Letter", "美国信纸"), (" in", " 英寸"),
    ("Avery", "Avery（艾利）"), (", ", "，"),
)  # fmt: skip


def _keep(request: Request, answer: Response, values: dict[str, str]) -> None:
    """Remember the printer in this browser."""
    kept = urllib.parse.urlencode({name: values[name] for name in _KEPT})
    answer.set_cookie(
        _COOKIE, kept, max_age=_COOKIE_S, httponly=True, samesite="lax", path="/my/print",
        secure=callers.is_secure(request),
    )  # fmt: skip
