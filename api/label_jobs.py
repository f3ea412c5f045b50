"""Print jobs: many lots and certificates in one file, as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from api import label_files
from labels import label as checks
from ledger.book import encoding, shape, shapes
from ledger.book.shape import Field, Shape
from ledger.errors import FormatError


@dataclass(frozen=True, slots=True)
class Row:
    """One lot or certificate of a print job."""

    lot: str = ""
    serial: str = ""
    copies: int = 1
    gtin: bool = False
    battery_code: str = ""
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    labels: tuple[Row, ...]
    format: str = "pdf"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(row.copies for row in self.labels)


def _lot_or_serial(members: shape.Members, path: str) -> None:
    if ("lot" in members) == ("serial" in members):
        raise shape.invalid(path, ", ".join(sorted(members)), "either lot or serial")
    of_lots = [name for name in ("gtin", "battery_code", "damaged") if members.get(name)]
    if "serial" in members and of_lots:
        name = shape.join(path, of_lots[0])
        raise shape.invalid(name, members[of_lots[0]], "no such thing on a certificate's label")


_COPIES: Final = shape.integer(1, checks.LABELS_MAX)
_ROW: Final = Shape(
    Row,
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
_PARSERS: Final = {"integer": shape.integer(-(2**31), 2**31), "boolean": shape.boolean}
_PRINTING: Final = Shape(
    dict,
    tuple(
        Field(name, _PARSERS.get(said["type"], shape.text), required=False)
        for name, said in label_files.SCHEMAS.items()
        if name != "copies"
    ),
)
_JOB: Final = Shape(
    Job,
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
                    "lot": {
                        "type": "string",
                        "pattern": "^[A-Z][A-Z0-9]{1,11}/[A-Z0-9][A-Z0-9-]{0,19}$",
                    },
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
            "properties": {n: s for n, s in label_files.SCHEMAS.items() if n != "copies"},
        },
    },
}
BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _JOB_SCHEMA}},
    }
}


def decode(data: bytes) -> Job:
    """The job of a request. Raises FormatError, also for more labels than one file may have."""
    job: Job = shape.decode(encoding.decode_object(data), "", _JOB)
    if job.total > checks.LABELS_MAX:
        raise FormatError(
            "PARAMETER_INVALID",
            f"labels: {job.total} with their copies, at most {checks.LABELS_MAX} in one document",
            field="labels",
            value=job.total,
            hint="divide the list",
        )
    return job
