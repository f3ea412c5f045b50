"""Steps 3 to 6 of a run: pool, close, attribute. No state is changed here."""

from __future__ import annotations

from typing import Any

from tests.oracle import words
from tests.oracle.quantity import part_of, part_of_up
from tests.oracle.refuse import Refused
from tests.oracle.state import NONE, Balance, Line, State, add, grams, take_lines

Wants = list[tuple[str, dict[str, Any]]]  # lot -> H2O, elements, OTHER; in the order of roles
Silent = list[tuple[int, set[str]]]  # OTHER of an input, addition or heel; what it mentions


def contents(dry: int, assay: dict[str, int]) -> dict[str, int]:
    """Milligrams of each assayed element."""
    return {element: part_of(dry, ppb) for element, ppb in assay.items()}


def assayed(item: dict[str, Any]) -> dict[str, Any]:
    """Water, elements and OTHER of an output or heel."""
    return parted(item["mass"], part_of_up(item["mass"], item.get("moisture", 0)), item)


def parted(wet: int, water: int, item: dict[str, Any]) -> dict[str, Any]:
    """The same where the water is known."""
    elements = contents(wet - water, item.get("assay", {}))
    return {"H2O": water, "elements": elements, "OTHER": wet - water - sum(elements.values())}


def split_addition(item: dict[str, Any]) -> Balance:
    """An addition's elements (UNK) and OTHER."""
    elements = contents(item["mass"], item.get("assay", {}))
    lines: Balance = {element: {("UNK", ""): amount} for element, amount in elements.items()}
    return add(lines, {"OTHER": {NONE: item["mass"] - sum(elements.values())}})


def in_role_order(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Product, byproduct, internal_scrap, residue; within a role by lot id."""
    return sorted(outputs, key=lambda o: (words.ROLE_ORDER.index(o["role"]), o["lot"]))


def attribute(pool: dict[Line, int], wants: list[tuple[str, int]]) -> dict[str, dict[Line, int]]:
    """Sequential largest remainder of one element; what is wanted sums to the pool."""
    left = dict(pool)
    result = {}
    for name, amount in wants:
        part = take_lines(left, amount)
        result[name] = part
        for line, milligrams in part.items():
            left[line] -= milligrams
    assert not any(left.values()), "rows and columns are exact"
    return result


def close(pool: Balance, wants: Wants) -> tuple[dict[str, int], Balance, dict[str, Balance]]:
    """Gain, loss and the lines of every output, element by element."""
    gain: dict[str, int] = {}
    loss: Balance = {}
    given: dict[str, Balance] = {name: {} for name, _ in wants}
    for element in sorted(set(pool) | {e for _, parts in wants for e in parts["elements"]}):
        lines = dict(pool.get(element, {}))
        asked = [(name, parts["elements"].get(element, 0)) for name, parts in wants]
        gap = sum(lines.values()) - sum(amount for _, amount in asked)
        if gap < 0:
            gain[element] = -gap
            lines["UNK", ""] = lines.get(("UNK", ""), 0) - gap
        shared = attribute(lines, [*asked, ("loss", max(gap, 0))])
        loss = add(loss, {element: shared.pop("loss")})
        for name, part in shared.items():
            given[name] = add(given[name], {element: part})
    return gain, loss, given


def check_gain(state: State, pool: Balance, gain: dict[str, int], silent: Silent) -> None:
    """Element by code point: is what came out beyond the pool allowed?"""
    tolerance = state.parameters["closure_tolerance"]
    beyond = {}
    for element in sorted(gain):
        over = gain[element] - part_of(grams(pool, element), tolerance)
        if over > 0:
            beyond[element] = over
            hidden = sum(other for other, mentions in silent if element not in mentions)
            if over > hidden:
                raise Refused("ELEMENT_GAIN_OUT_OF_TOLERANCE", "body.outputs", element)
    hidden = sum(other for other, mentions in silent if any(e not in mentions for e in beyond))
    if sum(beyond.values()) > hidden:
        raise Refused("ELEMENT_GAIN_OUT_OF_TOLERANCE", "body.outputs", "together")
