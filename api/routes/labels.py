"""Labels of lots and certificates: pictures, sheets, printer files, tables of fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from api import deps, label_files, label_texts
from api.deps import LedgerDep, PrincipalDep
from labels import label as checks
from labels import sheet
from ledger import reports
from ledger.apikeys import Principal
from ledger.book import encoding, shape, shapes
from ledger.book import serial as serials
from ledger.book.shape import Field, Shape
from ledger.errors import FormatError
from ledger.service import Ledger

router = APIRouter(prefix="/v1", tags=["labels"], dependencies=[Depends(deps.known_parameters)])

BODY_MAX_BYTES: Final = 1024 * 1024
Kind = Literal["png", "svg", "pdf", "zpl", "csv"]
Lang = Literal["en", "zh"]


def _content(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The media types of an answer, for the description of the interface."""
    form = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": {label_files.MEDIA_TYPES[kind]: form for kind in kinds}}}


_Mm = Annotated[
    str,
    Query(
        description="millimetres, at most three decimals, such as 0.4 or -1.25",
        json_schema_extra={"pattern": label_files.MM_PATTERN},
    ),
]


def _options(
    stock: str = "100x50",
    copies: int = 1,
    skip: int = 0,
    dpi: int = 300,
    offset_x: _Mm = "0",
    offset_y: _Mm = "0",
    pitch_x: _Mm = "0",
    pitch_y: _Mm = "0",
    border: bool = False,
    reprint: bool = False,
    medium: str = "",
    form: str = "native",
    lang: Lang = "en",
) -> sheet.Options:
    """How labels are printed; GET /v1/labels/stocks lists the stocks."""
    return label_files.options(
        stock=stock,
        copies=copies,
        skip=skip,
        dpi=dpi,
        offset_x=offset_x,
        offset_y=offset_y,
        pitch_x=pitch_x,
        pitch_y=pitch_y,
        border=border,
        reprint=reprint,
        medium=medium,
        form=form,
        lang=lang,
    )


def _wanted(
    gtin: bool = False, battery_code: str = "", damaged: bool = False, lang: Lang = "en"
) -> label_texts.Wanted:
    return label_texts.Wanted(lang, gtin, battery_code, damaged)


OptionsDep = Annotated[sheet.Options, Depends(_options)]
WantedDep = Annotated[label_texts.Wanted, Depends(_wanted)]


@router.get("/labels/stocks")
def read_stocks() -> dict[str, Any]:
    """The label stocks: names, sheets and cells, in µm."""
    return {"stocks": label_files.stocks()}


@router.get("/labels/test-page.pdf", response_class=Response, responses=_content("pdf"))
def read_test_page(who: PrincipalDep, options: OptionsDep) -> Response:
    """A page to hold against a sheet of labels, with rulers to read the trim from."""
    deps.need(who, "read")
    return _file(label_files.test_page(options), f"test-page-{options.stock}", "pdf")


@router.get(
    "/lots/{site}/{name}/label.{kind}",
    response_class=Response,
    responses=_content(*label_files.MEDIA_TYPES),
)
def read_lot_label(
    ledger: LedgerDep,
    who: PrincipalDep,
    site: str,
    name: str,
    kind: Kind,
    options: OptionsDep,
    wanted: WantedDep,
) -> Response:
    """The label of a lot, for the parties of its events and for auditors."""
    lot = str(shapes.NAMED(f"{site}/{name}", "lot"))
    made = label_texts.of_lot(ledger, _lot_view(ledger, who, lot), wanted)
    return _one(made, options, lot, kind)


@router.get(
    "/certificates/{serial}/label.{kind}",
    response_class=Response,
    responses=_content(*label_files.MEDIA_TYPES),
)
def read_certificate_label(
    ledger: LedgerDep, who: PrincipalDep, serial: str, kind: Kind, options: OptionsDep
) -> Response:
    """The label of a certificate, for its issuer and holder and for auditors."""
    view = _certificate_view(ledger, who, serial)
    made = label_texts.of_certificate(ledger, view, options.lang)
    return _one(made, options, view["serial"], kind)


@dataclass(frozen=True, slots=True)
class _Row:
    """One lot or certificate of a print job."""

    lot: str = ""
    serial: str = ""
    copies: int = 1
    gtin: bool = False
    battery_code: str = ""
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    labels: tuple[_Row, ...]
    format: str = "pdf"
    options: dict[str, Any] | None = None


def _lot_or_serial(members: shape.Members, path: str) -> None:
    if ("lot" in members) == ("serial" in members):
        raise shape.invalid(path, sorted(members), "either lot or serial")


_COPIES: Final = shape.integer(1, checks.LABELS_MAX)
_ROW: Final = Shape(
    _Row,
    (
        Field("lot", shapes.NAMED, required=False),
        Field("serial", shape.text, required=False),
        Field("copies", _COPIES, required=False),
        Field("gtin", shape.boolean, required=False),
        Field("battery_code", shape.text, required=False),
        Field("damaged", shape.boolean, required=False),
    ),
    joins=_lot_or_serial,
)
_PRINTING: Final = Shape(
    dict,
    (
        Field("stock", shape.text, required=False),
        Field("skip", shape.integer(0, checks.LABELS_MAX), required=False),
        Field("dpi", shape.integer(1, 10_000), required=False),
        *(Field(name, shape.text, required=False) for name in label_files.TRIM),
        Field("border", shape.boolean, required=False),
        Field("reprint", shape.boolean, required=False),
        Field("medium", shape.text, required=False),
        Field("form", shape.text, required=False),
        Field("lang", shape.word(("en", "zh")), required=False),
    ),
)
_JOB: Final = Shape(
    _Job,
    (
        Field(
            "labels",
            shape.listed(shape.nested(_ROW), least=1, most=checks.LABELS_MAX),
        ),
        Field("format", shape.word(("pdf", "zpl", "csv")), required=False),
        Field("options", shape.nested(_PRINTING), required=False),
    ),
)
_JOB_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["labels"],
    "properties": {
        "format": {"enum": ["pdf", "zpl", "csv"], "default": "pdf"},
        "labels": {
            "type": "array",
            "minItems": 1,
            "maxItems": checks.LABELS_MAX,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "lot": {"type": "string"},
                    "serial": {"type": "string"},
                    "copies": {"type": "integer", "minimum": 1, "maximum": checks.LABELS_MAX},
                    "gtin": {"type": "boolean"},
                    "battery_code": {"type": "string"},
                    "damaged": {"type": "boolean"},
                },
                "oneOf": [{"required": ["lot"]}, {"required": ["serial"]}],
            },
        },
        "options": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "stock": {"type": "string"},
                "skip": {"type": "integer", "minimum": 0},
                "dpi": {"type": "integer"},
                **{
                    name: {"type": "string", "pattern": label_files.MM_PATTERN}
                    for name in label_files.TRIM
                },
                "border": {"type": "boolean"},
                "reprint": {"type": "boolean"},
                "medium": {"type": "string"},
                "form": {"type": "string"},
                "lang": {"enum": ["en", "zh"]},
            },
        },
    },
}
_JOB_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _JOB_SCHEMA}},
    }
}


async def _body(request: Request) -> bytes:
    return await deps.body(request, "application/json", BODY_MAX_BYTES)


@router.post(
    "/labels",
    response_class=Response,
    responses=_content("pdf", "zpl", "csv"),
    openapi_extra=_JOB_BODY,
)
def print_labels(
    request: Request, ledger: LedgerDep, who: PrincipalDep, data: Annotated[bytes, Depends(_body)]
) -> Response:
    """The labels of many lots and certificates in one file, each as often as its row says."""
    job: _Job = shape.decode(encoding.decode_object(data), "", _JOB)
    given = job.options or {}
    options = label_files.options(**given)
    total = sum(row.copies for row in job.labels)
    if total > checks.LABELS_MAX:
        raise FormatError(
            "PARAMETER_INVALID",
            f"labels: {total} with their copies, at most {checks.LABELS_MAX} in one document",
            field="labels",
            value=total,
            hint="divide the list",
        )
    deps.spend(request, who, total)
    made = []
    for i, row in enumerate(job.labels):
        made += [_of_row(ledger, who, row, i, options.lang)] * row.copies
    return _file(label_files.render(job.format, made, options), "labels", job.format)


def _of_row(ledger: Ledger, who: Principal, row: _Row, i: int, lang: str) -> sheet.Label:
    if row.serial:
        view = _certificate_view(ledger, who, row.serial, f"labels[{i}].serial")
        return label_texts.of_certificate(ledger, view, lang)
    wanted = label_texts.Wanted(lang, row.gtin, row.battery_code, row.damaged)
    return label_texts.of_lot(ledger, _lot_view(ledger, who, row.lot), wanted)


def _lot_view(ledger: Ledger, who: Principal, lot: str) -> dict[str, Any]:
    view = reports.lot_view(ledger, lot)
    deps.need_one_of(who, reports.concerned(ledger, view["entries"]))
    return view


def _certificate_view(
    ledger: Ledger, who: Principal, text: str, field: str = "serial"
) -> dict[str, Any]:
    plain = serials.parse(text.replace("-", "").upper(), field)
    view = reports.certificate_view(ledger, plain)
    deps.need_one_of(who, reports.concerned(ledger, view["entries"]))
    return view


def _one(made: sheet.Label, options: sheet.Options, named: str, kind: str) -> Response:
    answer = _file(label_files.render(kind, [made], options), named, kind)
    missing = label_files.left_out([made], options) if kind != "csv" else ()
    if missing:
        answer.headers["Remelt-Left-Out"] = ", ".join(missing)
    return answer


def _file(data: bytes, named: str, kind: str) -> Response:
    place = "attachment" if kind in ("zpl", "csv") else "inline"
    name = label_files.file_name(named, kind)
    return Response(
        data,
        media_type=label_files.MEDIA_TYPES[kind],
        headers={"Content-Disposition": f'{place}; filename="{name}"'},
    )
