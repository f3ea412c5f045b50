"""Closing a run: weights, gains within tolerance, and sequential attribution.

Source: docs/events.md sections 3.4 to 3.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ledger.book import assay, bodies, lines, mass, vocabulary
from ledger.book.rules.draft import Draft
from ledger.book.state import Part
from ledger.errors import RuleError

Made = Sequence[tuple[str, dict[str, int]]]  # lot -> grams per substance, in attribution order


def _not_closed(field: str, in_mg: int, out_mg: int, hint: str) -> RuleError:
    return RuleError(
        "MASS_NOT_CLOSED",
        f"{field}: {out_mg} mg come out of {in_mg} mg taken",
        field=field,
        value=out_mg,
        hint=hint,
    )


def inherited_weights(
    draft: Draft, body: bodies.RunRecorded, pool_mg: int, left_mg: int
) -> dict[str, int]:
    """lot -> wet mg of each output of SPLIT, MERGE, PACK or STORE; "rest" resolved.

    pool_mg: what was taken. left_mg: what stays on the inputs.
    Raises RuleError SPLIT_TOO_SMALL, then MASS_NOT_CLOSED.
    """
    known_mg = sum(output.mass or 0 for output in body.outputs)
    weights = {o.lot: pool_mg - known_mg if o.mass is None else o.mass for o in body.outputs}
    if body.step == "SPLIT":
        _check_split(draft, body, weights, left_mg)
    if sum(weights.values()) != pool_mg or min(weights.values()) <= 0:
        hint = 'what a lot inherits weighs what was taken, exactly; let one output weigh "rest"'
        raise _not_closed("body.outputs", pool_mg, known_mg, hint)
    return weights


def _check_split(
    draft: Draft, body: bodies.RunRecorded, weights: Mapping[str, int], left_mg: int
) -> None:
    minimum = draft.parameter("split_minimum")
    sizes = [(f"body.outputs[{i}].mass", weights[o.lot]) for i, o in enumerate(body.outputs)]
    for path, size_mg in (*sizes, ("body.inputs[0].mass", left_mg)):
        if 0 < size_mg < minimum:
            raise RuleError(
                "SPLIT_TOO_SMALL",
                f"{path}: the split makes or leaves {size_mg} mg, at least {minimum} mg or nothing",
                field=path,
                value=size_mg,
                hint="rounding must not distil pure lots out of crumbs; split coarser",
            )


def check_weight(draft: Draft, body: bodies.RunRecorded, pool_mg: int) -> None:
    """MASS_NOT_CLOSED where a mechanical step makes weight beyond the tolerance."""
    if body.step not in vocabulary.MECHANICAL:
        return
    out_mg = sum(output.mass or 0 for output in body.outputs)
    limit_mg = pool_mg + pool_mg * draft.parameter("closure_tolerance") // mass.PPB
    if out_mg > limit_mg:
        hint = f"sorting and cutting make no metal: at most {limit_mg} mg may come out"
        raise _not_closed("body.outputs", pool_mg, out_mg, hint)


def _elements(pool: lines.Balances, made: Made) -> list[str]:
    names = set(pool).union(*(grams for _, grams in made))
    return sorted(names - {assay.OTHER, assay.WATER})


def _out_mg(made: Made, substance: str) -> int:
    return sum(grams.get(substance, 0) for _, grams in made)


def gains(draft: Draft, pool: lines.Balances, parts: Sequence[Part], made: Made) -> dict[str, int]:
    """element -> mg that come from gain, all within tolerance.

    Raises RuleError ELEMENT_GAIN_OUT_OF_TOLERANCE, elements by code point.
    """
    gained = {}
    for element in _elements(pool, made):
        gain_mg = _out_mg(made, element) - lines.substance_mg(pool, element)
        if gain_mg > 0:
            gained[element] = gain_mg
    pooled = {element: lines.substance_mg(pool, element) for element in gained}
    check_gains(draft, gained, pooled, parts)
    return gained


def check_gains(
    draft: Draft, gained: Mapping[str, int], pooled: Mapping[str, int], parts: Sequence[Part]
) -> None:
    """Hold gains against the tolerance of their pools and the OTHER of silent parts.

    What is above the tolerance comes out of OTHER of parts that do not mention the element; over
    all elements it sums to at most the OTHER of the parts silent on at least one of them.
    """
    tolerance = draft.parameter("closure_tolerance")
    above: dict[str, int] = {}
    for element in sorted(gained):
        allowed_mg = pooled.get(element, 0) * tolerance // mass.PPB
        if gained[element] > allowed_mg:
            above[element] = gained[element] - allowed_mg
            silent_mg = _silent_mg(parts, (element,))
            if above[element] > silent_mg:
                raise _gain(element, gained[element], allowed_mg + silent_mg)
    shared_mg = _silent_mg(parts, above)
    if sum(above.values()) > shared_mg:
        raise _gain(" and ".join(above), sum(above.values()), shared_mg)


def _silent_mg(parts: Iterable[Part], elements: Iterable[str]) -> int:
    names = frozenset(elements)
    return sum(part.other_mg for part in parts if names.difference(part.mentions))


def _gain(element: str, gain_mg: int, allowed_mg: int) -> RuleError:
    return RuleError(
        "ELEMENT_GAIN_OUT_OF_TOLERANCE",
        f"body.outputs: {gain_mg} mg more {element} come out than went in, "
        f"at most {allowed_mg} mg may",
        field="body.outputs",
        value=element,
        hint=f"check masses and the {element} assays of inputs, additions and outputs",
    )


def distribute(
    draft: Draft, pool: lines.Balances, made: Made, gained: Mapping[str, int], place: str
) -> list[lines.Balances]:
    """The balances of each lot made, the rest booked to loss; gains come in as UNK.

    H2O and OTHER settle against ambient, each by itself. place: "<site>/<step>".
    """
    site = place.partition("/")[0]
    shares: list[lines.Balances] = [{} for _ in made]
    for element in _elements(pool, made):
        page = dict(pool.get(element, {}))
        if element in gained:
            draft.post(f"gain:{site}", element, "UNK", -gained[element])
            page["UNK"] = page.get("UNK", 0) + gained[element]
        wanted = [grams.get(element, 0) for _, grams in made]
        *taken, lost = lines.attribute(page, [*wanted, sum(page.values()) - sum(wanted)])
        for share, got in zip(shares, taken, strict=True):
            if got:
                share[element] = got
        draft.post_all(f"loss:{place}", {element: lost})
    for substance in (assay.OTHER, assay.WATER):
        for share, (_, grams) in zip(shares, made, strict=True):
            if grams.get(substance):
                share[substance] = {lines.UNCLASSED: grams[substance]}
        settled = lines.substance_mg(pool, substance) - _out_mg(made, substance)
        draft.post(f"ambient:{site}", substance, lines.UNCLASSED, settled)
    return shares
