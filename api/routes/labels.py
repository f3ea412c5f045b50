"""Labels of lots and certificates: pictures, sheets, printer files, tables of fields."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import deps, label_files, label_jobs, label_texts
from api.deps import LedgerDep, PrincipalDep
from labels import sheet
from ledger import reports
from ledger.apikeys import Principal
from ledger.book import serial as serials
from ledger.book import shapes
from ledger.service import Ledger

router = APIRouter(prefix="/v1", tags=["labels"], dependencies=[Depends(deps.known_parameters)])

BODY_MAX_BYTES: Final = 1024 * 1024
Kind = Literal["png", "svg", "pdf", "zpl", "csv"]
Lang = Literal["en", "zh"]


def _content(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The media types of an answer, for the description of the interface."""
    form = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": {label_files.MEDIA_TYPES[kind]: form for kind in kinds}}}


def _said(name: str) -> Any:
    """What the description of the interface says of an option."""
    return Query(json_schema_extra=label_files.SCHEMAS[name])


def _options(
    stock: Annotated[str, _said("stock")] = "100x50",
    copies: Annotated[int, _said("copies")] = 1,
    skip: Annotated[int, _said("skip")] = 0,
    dpi: Annotated[int, _said("dpi")] = 300,
    offset_x: Annotated[str, _said("offset_x")] = "0",
    offset_y: Annotated[str, _said("offset_y")] = "0",
    pitch_x: Annotated[str, _said("pitch_x")] = "0",
    pitch_y: Annotated[str, _said("pitch_y")] = "0",
    border: bool = False,
    reprint: bool = False,
    medium: Annotated[str, _said("medium")] = "",
    form: Annotated[str, _said("form")] = "native",
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
    deps.need_one_of(who, {who.party})
    return _file(label_files.test_page(options), f"test-page-{options.stock}", "pdf")


@router.get(
    "/lots/{site}/{name}/label.{kind}",
    response_class=Response,
    responses=_content(*label_files.MEDIA_TYPES),
)
def read_lot_label(
    ledger: LedgerDep,
    who: PrincipalDep,
    site: Annotated[str, Path(json_schema_extra={"pattern": "^[A-Z][A-Z0-9]{1,11}$"})],
    name: Annotated[str, Path(json_schema_extra={"pattern": "^[A-Z0-9][A-Z0-9-]{0,19}$"})],
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


async def _body(request: Request) -> bytes:
    return await deps.body(request, "application/json", BODY_MAX_BYTES)


@router.post(
    "/labels",
    response_class=Response,
    responses=_content("pdf", "zpl", "csv"),
    openapi_extra=label_jobs.BODY,
)
def print_labels(
    request: Request, ledger: LedgerDep, who: PrincipalDep, data: Annotated[bytes, Depends(_body)]
) -> Response:
    """The labels of many lots and certificates in one file, each as often as its row says."""
    job = label_jobs.decode(data)
    options = label_files.options(**job.options)
    deps.spend(request, who, job.total)
    made: dict[label_jobs.Row, sheet.Label] = {}
    for i, row in enumerate(job.labels):
        if row not in made:
            made[row] = _of_row(ledger, who, row, i, options.lang)
    each = [made[row] for row in job.labels for _ in range(row.copies)]
    return _file(label_files.render(job.format, each, options), "labels", job.format)


def _of_row(ledger: Ledger, who: Principal, row: label_jobs.Row, i: int, lang: str) -> sheet.Label:
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
