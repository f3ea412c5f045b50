"""Shapes of runs and of their later assays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.book import assay, mass, shape, vocabulary
from ledger.book.bodies import (
    Addition,
    Heel,
    Input,
    Output,
    Restated,
    RunFinalized,
    RunRecorded,
)
from ledger.book.shape import Field, Shape, invalid, listed, nested, word
from ledger.book.shapes import fields

# run_recorded

_INPUT = Shape(Input, (Field("lot", fields.NAMED), Field("mass", fields.mass_or("all"))))
_ADDITION = Shape(
    Addition,
    (
        Field("name", fields.CODE),
        Field("mass", fields.positive_mass),
        Field("assay", assay.parse_assay, required=False),
    ),
)
_OUTPUT_FIELDS = (
    Field("moisture", mass.parse_share, required=False),
    Field("assay", assay.parse_assay, required=False),
    Field("assay_grade", word(vocabulary.ASSAY_GRADES), required=False),
    Field("material", nested(fields.MATERIAL), required=False),
)


def _output_shape(parse_mass: shape.Parser) -> Shape:
    head = (Field("lot", fields.NAMED), Field("role", word(vocabulary.OUTPUT_ROLES)))
    return Shape(Output, (*head, Field("mass", parse_mass), *_OUTPUT_FIELDS))


_OUTPUT = _output_shape(fields.mass_or("rest"))
_HEEL = Shape(
    Heel,
    (Field("mass", fields.positive_mass), Field("assay", assay.parse_assay, required=False)),
)
_ENERGY = Shape(
    dict, (Field("carrier", fields.CODE), Field("wh", shape.integer(0, mass.MASS_MAX_MG)))
)


def _run_needs(value: Mapping[str, Any]) -> tuple[str, ...]:
    step = value.get("step")
    furnace = isinstance(step, str) and step in vocabulary.FURNACE
    return ("equipment",) if furnace and "equipment" not in value else ()


def _run_joins(members: dict[str, Any], path: str) -> None:
    step, inputs, outputs = members["step"], members["inputs"], members["outputs"]
    fields.once((i.lot for i in inputs), f"{path}.inputs")
    fields.once((o.lot for o in outputs), f"{path}.outputs")
    if step not in vocabulary.FURNACE and "heel" in members:
        raise invalid(f"{path}.heel", step, "a heel in a furnace step only")
    if step in vocabulary.INHERITING:
        _inheriting_joins(members, path)
        return
    for i, output in enumerate(outputs):
        if output.mass is None:
            raise invalid(f"{path}.outputs[{i}].mass", "rest", f"a mass in {step}")


def _inheriting_joins(members: dict[str, Any], path: str) -> None:
    step, inputs, outputs = members["step"], members["inputs"], members["outputs"]
    if "additions" in members:
        raise invalid(f"{path}.additions", step, "no additions in a step that inherits")
    taken = {lot.lot for lot in inputs}
    for i, output in enumerate(outputs):
        if step == "STORE" and output.lot in taken:
            raise invalid(f"{path}.outputs[{i}].lot", output.lot, "another lot than the inputs")
        if output.assay is not None or output.moisture:
            raise invalid(f"{path}.outputs[{i}].assay", step, "no assay: the output inherits")
    if not inputs or (step == "SPLIT" and len(inputs) != 1):
        raise invalid(f"{path}.inputs", len(inputs), "one input" if step == "SPLIT" else "inputs")
    if not outputs or (step == "MERGE" and len(outputs) != 1):
        raise invalid(
            f"{path}.outputs", len(outputs), "one output" if step == "MERGE" else "outputs"
        )
    if sum(output.mass is None for output in outputs) > 1:
        raise invalid(f"{path}.outputs", "rest", "at most one output that weighs the rest")


RUN_RECORDED = Shape(
    RunRecorded,
    (
        Field("run", fields.NAMED),
        Field("step", word(sorted(vocabulary.STEPS), "STEP_UNKNOWN")),
        Field("scope", fields.SCOPE),
        Field("equipment", fields.EQUIPMENT, required=False),
        Field("inputs", listed(nested(_INPUT))),
        Field("additions", listed(nested(_ADDITION)), required=False),
        Field("outputs", listed(nested(_OUTPUT))),
        Field("heel", nested(_HEEL), required=False),
        Field("energy", listed(nested(_ENERGY)), required=False),
    ),
    _run_needs,
    _run_joins,
)
_RESTATED = Shape(
    Restated,
    (
        Field("lot", fields.NAMED),
        Field("assay", assay.parse_assay),
        Field("moisture", mass.parse_share, required=False),
    ),
)


def _outputs_once(members: dict[str, Any], path: str) -> None:
    fields.once((restated.lot for restated in members["outputs"]), f"{path}.outputs")


RUN_FINALIZED = Shape(
    RunFinalized,
    (Field("run", fields.NAMED), Field("outputs", listed(nested(_RESTATED), least=1))),
    joins=_outputs_once,
)
