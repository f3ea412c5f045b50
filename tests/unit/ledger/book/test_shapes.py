"""Bodies: every field of every kind, and what joins fields."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.book import events, shapes
from tests.unit.ledger.book.examples import (
    BODIES,
    EXTERNAL,
    OPTIONAL,
    Event,
    event,
    refusal,
    with_body,
    without,
)


@pytest.mark.parametrize("kind", shapes.SHAPES)
def test_every_kind_is_taken_with_all_its_fields(kind: str) -> None:
    decoded = events.decode(event(kind), signed=False)
    assert (decoded.kind, decoded.party) == (kind, "HUAIBEI-AL")
    assert events.decode(event(kind), signed=True).body == decoded.body


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, body in BODIES.items() for name in body]
)
def test_a_field_is_required_unless_the_page_marks_it(kind: str, name: str) -> None:
    changed = without(kind, name)
    if f"{kind}.{name}" in OPTIONAL:
        events.decode(changed, signed=False)
    else:
        assert refusal(changed) == ("FIELD_MISSING", f"body.{name}")


@pytest.mark.parametrize("kind", shapes.SHAPES)
def test_a_field_that_is_not_named_is_refused_everywhere(kind: str) -> None:
    assert refusal(with_body(kind, colour="red")) == ("FIELD_UNKNOWN", "body.colour")
    assert refusal(event(kind, colour="red")) == ("FIELD_UNKNOWN", "colour")


@pytest.mark.parametrize("kind", shapes.SHAPES)
def test_null_stands_for_no_field(kind: str) -> None:
    for name in BODIES[kind]:
        code, field = refusal(with_body(kind, **{name: None}))
        assert code == "FIELD_INVALID"
        assert field.startswith(f"body.{name}")


# What joins fields.

INGOT = BODIES["run_recorded"]["outputs"][0]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"run": "WH01/H-1"}, ("FIELD_INVALID", "body.run")),
        ({"outputs": [{**INGOT, "lot": "WH01/C"}]}, ("FIELD_INVALID", "body.outputs[0].lot")),
        ({"outputs": [INGOT, INGOT]}, ("FIELD_INVALID", "body.outputs[1]")),
        ({"outputs": [{**INGOT, "mass": "rest"}]}, ("FIELD_INVALID", "body.outputs[0].mass")),
        ({"outputs": [{**INGOT, "mass": "all"}]}, ("NUMBER_NOT_EXACT", "body.outputs[0].mass")),
        ({"outputs": [{**INGOT, "role": "loss"}]}, ("VOCABULARY_UNKNOWN", "body.outputs[0].role")),
        ({"step": "STAMP"}, ("FIELD_INVALID", "body.heel")),
        ({"step": "melt"}, ("STEP_UNKNOWN", "body.step")),
        ({"energy": [{"carrier": "gas", "wh": -1}]}, ("FIELD_INVALID", "body.energy[0].wh")),
    ],
)
def test_a_run_hangs_together(changes: Event, refused: tuple[str, str]) -> None:
    assert refusal(with_body("run_recorded", **changes)) == refused


def inheriting(step: str, inputs: int, masses: list[str], **more: Any) -> Event:
    taken = [{"lot": f"HB01/I{i}", "mass": "all"} for i in range(inputs)]
    made = [
        {"lot": f"HB01/O{i}", "role": "product", "mass": m, **more} for i, m in enumerate(masses)
    ]
    body = {"run": "HB01/R-1", "step": step, "scope": "CAST", "inputs": taken, "outputs": made}
    return event(body=body)


@pytest.mark.parametrize(
    ("step", "inputs", "masses", "field"),
    [
        ("SPLIT", 1, ["1 t", "rest"], None),
        ("SPLIT", 2, ["rest"], "body.inputs"),
        ("SPLIT", 0, ["rest"], "body.inputs"),
        ("SPLIT", 1, ["rest", "rest"], "body.outputs"),
        ("SPLIT", 1, [], "body.outputs"),
        ("MERGE", 3, ["rest"], None),
        ("MERGE", 3, ["1 t", "rest"], "body.outputs"),
        ("MERGE", 0, ["rest"], "body.inputs"),
        ("PACK", 2, ["1 t", "rest", "1 t"], None),
        ("STORE", 2, ["rest"], None),
    ],
)
def test_what_inherits_has_the_inputs_and_outputs_of_its_step(
    step: str, inputs: int, masses: list[str], field: str | None
) -> None:
    payload = inheriting(step, inputs, masses)
    if field is None:
        events.decode(payload, signed=False)
    else:
        assert refusal(payload) == ("FIELD_INVALID", field)


def test_what_inherits_takes_no_assays_moisture_additions_or_heel() -> None:
    with_assay = inheriting("SPLIT", 1, ["rest"], assay={"Al": "90 %"})
    assert refusal(with_assay) == ("FIELD_INVALID", "body.outputs[0].assay")
    assert refusal(inheriting("SPLIT", 1, ["rest"], moisture="1 %"))[0] == "FIELD_INVALID"
    for name, value in (("additions", []), ("heel", {"mass": "1 t"})):
        payload = inheriting("MERGE", 1, ["rest"])
        payload["body"][name] = value
        assert refusal(payload) == ("FIELD_INVALID", f"body.{name}")


def test_a_store_is_not_filled_from_itself() -> None:
    payload = inheriting("STORE", 1, ["rest"])
    payload["body"]["outputs"][0]["lot"] = "HB01/I0"
    assert refusal(payload) == ("FIELD_INVALID", "body.outputs[0].lot")


def received(**weights: Any) -> Event:
    made = without("lot_received", "gross", "tare", "deductions")
    made["body"].update(weights)
    return made


@pytest.mark.parametrize(
    ("weights", "net_mg"),
    [
        ({"mass": "10 t"}, 10_000_000_000),
        ({"gross": "12 t", "tare": "2 t"}, 10_000_000_000),
        ({"gross": "10 t", "tare": "0 t"}, 10_000_000_000),
        (
            {
                "gross": "12 t",
                "tare": "1.9 t",
                "deductions": [{"mass": "60 kg", "reason": "dirt"}] * 2,
            },
            9_980_000_000,
        ),
    ],
)
def test_a_receipt_weighs_net(weights: Event, net_mg: int) -> None:
    body: Any = events.decode(received(**weights), signed=False).body
    assert body.mass == net_mg


@pytest.mark.parametrize(
    ("weights", "refused"),
    [
        ({}, ("FIELD_MISSING", "body.mass")),
        ({"gross": "1 t"}, ("FIELD_MISSING", "body.tare")),
        ({"tare": "1 t"}, ("FIELD_MISSING", "body.gross")),
        ({"mass": "1 t", "gross": "2 t", "tare": "1 t"}, ("FIELD_INVALID", "body.mass")),
        ({"mass": "1 t", "deductions": []}, ("FIELD_INVALID", "body.mass")),
        ({"gross": "1 t", "tare": "1 t"}, ("FIELD_INVALID", "body.gross")),
        ({"gross": "1 t", "tare": "2 t"}, ("FIELD_INVALID", "body.gross")),
        ({"gross": "0 t", "tare": "0 t"}, ("FIELD_INVALID", "body.gross")),
        ({"mass": "0 t"}, ("FIELD_INVALID", "body.mass")),
    ],
)
def test_a_receipt_is_weighed_one_way_and_weighs_something(
    weights: Event, refused: tuple[str, str]
) -> None:
    assert refusal(received(**weights)) == refused


PARTNERS = {
    "from": "lot_received",
    "to": "lot_dispatched",
    "holder": "certificate_issued",
}


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("from", EXTERNAL, None),
        ("from", {"external": True, "country": "DE"}, None),
        ("from", {}, "FIELD_MISSING body.from.party"),
        ("from", {"external": False}, "FIELD_INVALID body.from.external"),
        ("from", {"external": True, "party": "CHEN"}, "FIELD_INVALID body.from"),
        ("from", {"party": "CHEN", "country": "DE"}, "FIELD_INVALID body.from"),
        ("from", {"party": "CHEN", "site": "HB01"}, "FIELD_UNKNOWN body.from.site"),
        ("from", {"external": True, "country": "de"}, "FIELD_INVALID body.from.country"),
        ("to", EXTERNAL, None),
        ("to", {"party": "WUHU"}, "FIELD_MISSING body.to.site"),
        ("to", {"site": "WH01"}, "FIELD_MISSING body.to.party"),
        ("holder", EXTERNAL, None),
        ("holder", {"external": True, "country": "DE"}, "FIELD_UNKNOWN body.holder.country"),
    ],
)
def test_a_partner_is_a_party_or_somebody_outside(
    name: str, value: Event, refused: str | None
) -> None:
    payload = with_body(PARTNERS[name], **{name: value})
    if refused is None:
        events.decode(payload, signed=False)
    else:
        assert " ".join(refusal(payload)) == refused


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"amount": "0 %"}, ("FIELD_INVALID", "body.amount")),
        ({"amount": 0}, ("FIELD_INVALID", "body.amount")),
        ({"amount": "101 %"}, ("FIELD_INVALID", "body.amount")),
        ({"amount": "rest"}, ("NUMBER_NOT_EXACT", "body.amount")),
        ({"amount": "5 lb"}, ("UNIT_UNKNOWN", "body.amount")),
        ({"lots": ["HB01/A", "HB01/B"]}, ("FIELD_INVALID", "body.amount")),
        ({"lots": ["HB01/A", "HB01/A"], "amount": 5}, ("FIELD_INVALID", "body.lots[1]")),
        ({"lots": []}, ("FIELD_INVALID", "body.lots")),
        ({"classes": []}, ("FIELD_INVALID", "body.classes")),
        ({"classes": ["POST", "POST"]}, ("FIELD_INVALID", "body.classes[1]")),
        ({"classes": ["PRIM"]}, ("VOCABULARY_UNKNOWN", "body.classes[0]")),
        ({"classes": ["UNK"]}, ("VOCABULARY_UNKNOWN", "body.classes[0]")),
        ({"substance": "OTHER"}, ("ELEMENT_UNKNOWN", "body.substance")),
        ({"method": "mass-balance"}, ("METHOD_UNKNOWN", "body.method")),
        ({"valid_until": "2027-02-29"}, ("TIME_INVALID", "body.valid_until")),
    ],
)
def test_a_certificate_hangs_together(changes: Event, refused: tuple[str, str]) -> None:
    assert refusal(with_body("certificate_issued", **changes)) == refused


@pytest.mark.parametrize(
    ("amount", "read"),
    [
        ("all", "all"),
        (5, ("mass", 5)),
        ("5 mg", ("mass", 5)),
        ("33.3 %", ("share", 333_000_000)),
        ("5 ppm", ("share", 5_000)),
        ("1 ppb", ("share", 1)),
        ("100 %", ("share", 10**9)),
    ],
)
def test_an_amount_is_all_a_mass_or_a_share(amount: object, read: object) -> None:
    body: Any = events.decode(with_body("certificate_issued", amount=amount), signed=False).body
    assert body.amount == read


@pytest.mark.parametrize("class_", ["POST", "PRIM", "UNK"])
def test_a_declaration_gives_birth_to_pre_consumer_scrap_only(class_: str) -> None:
    wrong = with_body("scrap_declared", **{"class": class_})
    assert refusal(wrong) == ("CLASS_CHANGE_FORBIDDEN", "body.class")
    assert refusal(with_body("scrap_declared", **{"class": "OLD"}))[0] == "VOCABULARY_UNKNOWN"


def test_a_key_held_by_its_party_comes_with_a_proof() -> None:
    for kind in ("party_registered", "key_added"):
        assert refusal(without(kind, "proof")) == ("FIELD_MISSING", "body.proof")
        custodial = without(kind, "proof")
        custodial["body"]["custody"] = "operator"
        events.decode(custodial, signed=False)
        events.decode(without(kind, "proof", "key"), signed=False, trial=True)


def test_a_lot_stands_once_in_a_list() -> None:
    twice = ["HB01/A", "HB01/A"]
    for kind in ("lot_dispatched", "lot_returned", "certificate_revoked"):
        assert refusal(with_body(kind, lots=twice)) == ("FIELD_INVALID", "body.lots[1]")
    arrival = BODIES["lot_arrived"]["lots"][0]
    assert refusal(with_body("lot_arrived", lots=[arrival] * 2)) == (
        "FIELD_INVALID",
        "body.lots[1]",
    )
    final = BODIES["run_finalized"]["outputs"][0]
    wrong = with_body("run_finalized", outputs=[final] * 2)
    assert refusal(wrong) == ("FIELD_INVALID", "body.outputs[1]")


NEW_NAMES = {
    "lot_received": "lot", "run_recorded": "run", "lot_dispatched": "consignment",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), NEW_NAMES.items())
def test_a_new_name_begins_with_the_site_it_is_made_at(kind: str, name: str) -> None:
    assert refusal(with_body(kind, **{name: "HB02/X"})) == ("FIELD_INVALID", f"body.{name}")
    events.decode(with_body(kind, **{name: "HB01/X"}), signed=False)


@pytest.mark.parametrize(
    "lot",
    [
        *("A", "HB01", "HB01/", "/A", "HB01/-A", "HB01/a", "hb01/A", "HB01/A B", "HB01/A/B"),
        *("HB01/" + "A" * 21, "H/A", "HB01/A@2", "HB01/Ä", "HB01/A\n", "1B01/A"),
    ],
)
def test_a_name_that_does_not_fit_a_gs1_batch_is_refused(lot: str) -> None:
    assert refusal(with_body("assay_recorded", lot=lot)) == ("FIELD_INVALID", "body.lot")
