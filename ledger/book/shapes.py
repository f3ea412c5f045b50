"""The shape of every kind of event's body, as tables (EVENTS.md section 2).

A new kind of event is one class in bodies.py, one shape and one row of `SHAPES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ledger.book import assay, jose, mass, serial, shape, vocabulary, zones
from ledger.book.bodies import (
    Addition,
    Arrival,
    AssayRecorded,
    CertificateIssued,
    CertificateRevoked,
    Deduction,
    Heel,
    Input,
    KeyAdded,
    KeyRevoked,
    LogOpened,
    LotArrived,
    LotDispatched,
    LotReceived,
    LotReturned,
    Material,
    Output,
    Partner,
    PartyRegistered,
    PolicySet,
    Restated,
    RunFinalized,
    RunRecorded,
    Scope,
    ScrapDeclared,
    SiteRegistered,
)
from ledger.book.shape import Field, Shape, invalid, listed, nested, pattern, word
from ledger.errors import FormatError

PARTY = pattern(r"[A-Z][A-Z0-9-]{1,23}", "a party id such as HUAIBEI-AL")
SITE = pattern(r"[A-Z][A-Z0-9]{1,11}", "a site id such as HB01")
NAMED = pattern(r"[A-Z][A-Z0-9]{1,11}/[A-Z0-9][A-Z0-9-]{0,19}", "<site>/<name>, e.g. HB01/A-1")
SCOPE = pattern(r"[A-Z0-9][A-Z0-9-]{0,19}", "a scope id such as CAST")
SITE_SCOPE = pattern(r"[A-Z][A-Z0-9]{1,11}/[A-Z0-9][A-Z0-9-]{0,19}", "<site>/<scope>")
EQUIPMENT = pattern(r"[A-Z0-9][A-Z0-9-]{0,14}", "an equipment id such as F1")
COUNTRY = pattern(r"[A-Z]{2}", "an ISO 3166 country code such as CN")
REGION = pattern(r"[A-Z]{2}-[A-Z0-9]{1,3}", "an ISO 3166-2 code such as CN-AH")
_ZONE_SHAPE = pattern(r"[A-Za-z0-9_+/-]{1,64}", "an IANA time zone such as Asia/Shanghai")
_ZONE_WORD = word(zones.ZONES)
SHA256 = pattern(r"[0-9a-f]{64}", "64 lower-case hex digits")
CODE = pattern(
    r"[A-Za-z0-9](?:[A-Za-z0-9 ._/:#()+-]{0,38}[A-Za-z0-9.#)+])?", "a code, up to 40 characters"
)
HS = pattern(r"[0-9]{4}(?:\.?[0-9]{2}){0,3}", "an HS code such as 7602")
KID = pattern(jose.KID.pattern, "an RFC 7638 thumbprint")
JWS = pattern(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", "a compact JWS")


def _once(names: Iterable[str], path: str, what: str = "lot") -> None:
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            raise invalid(f"{path}[{i}]", name, f"each {what} once")
        seen.add(name)


def _mass(value: Any, path: str) -> int:
    return mass.parse_mass(value, path)


def _mass_or_zero(value: Any, path: str) -> int:
    return mass.parse_mass(value, path, zero=True)


def _mass_or(special: str) -> shape.Parser:
    return lambda value, path: None if value == special else mass.parse_mass(value, path)


def _map(parse: shape.Parser, most: int = 16) -> shape.Parser:
    name_of = pattern(r"[a-z][a-z0-9_]{0,31}", "a lower-case name")

    def parse_map(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise invalid(path, value, f"an object of at most {most} names")
        for name in value:
            name_of(name, shape.join(path, name))
        return {name: parse(value[name], shape.join(path, name)) for name in value}

    return parse_map


def _class_word(allowed: tuple[str, ...]) -> shape.Parser:
    known = word(vocabulary.ORIGINS)

    def parse_class(value: Any, path: str) -> str:
        name: str = known(value, path)
        if name not in allowed:
            raise FormatError(
                "CLASS_CHANGE_FORBIDDEN",
                f"{path}: {name} cannot be given or claimed here",
                field=path,
                value=name,
                hint=f"one of {', '.join(allowed)}",
            )
        return name

    return parse_class


# Partners: a party (with a site when goods go there), or {"external": true, "country"?}.


def _partner(*, site: bool = False, country: bool = True) -> shape.Parser:
    party_names = ("party", "site") if site else ("party",)
    external_names = ("external", "country") if country else ("external",)

    def needs(value: Mapping[str, Any]) -> tuple[str, ...]:
        if "external" in value:
            return ()
        return tuple(name for name in party_names if name not in value)

    def joins(members: dict[str, Any], path: str) -> None:
        if "external" in members and any(name in members for name in party_names):
            raise invalid(path, "party and external", "either a party or external")
        if "country" in members and "external" not in members:
            raise invalid(path, "country", "country with external only")

    fields = (
        Field("party", PARTY, required=False),
        Field("site", SITE, required=False),
        Field("external", shape.constant_true, required=False),
        Field("country", COUNTRY, required=False),
    )
    known = tuple(f for f in fields if f.name in (*party_names, *external_names))
    return nested(Shape(Partner, known, needs, joins))


GRADE = Shape(dict, (Field("scheme", word(vocabulary.GRADE_SCHEMES)), Field("code", CODE)))
MATERIAL = Shape(
    Material,
    (
        Field("metal", word(vocabulary.METALS)),
        Field("form", word(vocabulary.FORMS)),
        Field("grade", nested(GRADE), required=False),
        Field("hs", HS, required=False),
    ),
)

# Parameters of the log (EVENTS.md section 2, policy_set): ppb, mg, words.
_EVIDENCE_TYPES = listed(word(vocabulary.EVIDENCE_TYPES), most=16)
EVIDENCE_PARAMETER = Shape(
    dict,
    tuple(Field(name, _EVIDENCE_TYPES, required=False) for name in ("POST", "PRE", "BMW", "PRIM")),
)
PARAMETERS = Shape(
    dict,
    (
        Field("closure_tolerance", mass.parse_share, required=False),
        Field("scale_tolerance", mass.parse_share, required=False),
        Field("accepted_limit", mass.parse_share, required=False),
        Field("split_minimum", _mass_or_zero, required=False),
        Field("strict", shape.boolean, required=False),
        Field("same_process", word(("plant", "scope")), required=False),
        Field("evidence", nested(EVIDENCE_PARAMETER), required=False),
    ),
)
_TABLES = _map(SHA256, most=64)


def _key_needs(value: Mapping[str, Any]) -> tuple[str, ...]:
    return ("proof",) if value.get("custody") == "self" and "proof" not in value else ()


def _key_fields(*, trial: bool) -> tuple[Field, ...]:
    return (
        Field("key", jose.parse_jwk, required=not trial),
        Field("custody", word(vocabulary.CUSTODIES)),
        Field("proof", JWS, required=False),
    )


def _party_shape(*, trial: bool) -> Shape:
    return Shape(
        PartyRegistered,
        (
            Field("party", PARTY),
            Field("country", COUNTRY),
            Field("roles", listed(word(vocabulary.PARTY_ROLES))),
            Field("identifiers", _map(CODE), required=False),
            *_key_fields(trial=trial),
            Field("share", word(vocabulary.SHARES)),
        ),
        None if trial else _key_needs,
    )


def _key_shape(*, trial: bool) -> Shape:
    return Shape(
        KeyAdded,
        (Field("party", PARTY), *_key_fields(trial=trial), Field("label", CODE, required=False)),
        None if trial else _key_needs,
    )


_GEO = Shape(
    dict,
    (
        Field("lat_e7", shape.integer(-900_000_000, 900_000_000)),
        Field("lon_e7", shape.integer(-1_800_000_000, 1_800_000_000)),
    ),
)
_SITE = Shape(
    SiteRegistered,
    (
        Field("party", PARTY),
        Field("site", SITE),
        Field("type", CODE),
        Field("country", COUNTRY),
        Field("region", REGION, required=False),
        Field(
            "scopes",
            listed(
                nested(
                    Shape(
                        Scope, (Field("id", SCOPE), Field("level", word(vocabulary.SCOPE_LEVELS)))
                    )
                )
            ),
        ),
        Field("equipment", listed(EQUIPMENT), required=False),
        Field("zone", lambda value, path: _ZONE_WORD(_ZONE_SHAPE(value, path), path)),
        Field("geo", nested(_GEO), required=False),
    ),
)


# lot_received: `mass`, or `gross` and `tare` with deductions; net is what counts.

_DEDUCTION = Shape(
    Deduction, (Field("mass", _mass), Field("reason", word(vocabulary.DEDUCTION_REASONS)))
)


def _received_needs(value: Mapping[str, Any]) -> tuple[str, ...]:
    if "mass" in value:
        return ()
    if "gross" not in value and "tare" not in value:
        return ("mass",)
    return tuple(name for name in ("gross", "tare") if name not in value)


def _received_joins(members: dict[str, Any], path: str) -> None:
    scale = [name for name in ("gross", "tare", "deductions") if name in members]
    if "mass" in members and scale:
        raise invalid(
            f"{path}.mass", "mass", f"either mass, or gross and tare, not also {scale[0]}"
        )
    if "mass" not in members:
        deducted = sum(d.mass for d in members.get("deductions", ()))
        net = members["gross"] - members["tare"] - deducted
        if net <= 0:
            raise invalid(f"{path}.gross", net, "more than tare and deductions together")
        members["mass"] = net


def _received(**members: Any) -> LotReceived:
    for name in ("gross", "tare", "deductions"):
        members.pop(name, None)
    return LotReceived(source=members.pop("from"), **members)


_RECEIVED = Shape(
    _received,
    (
        Field("lot", NAMED),
        Field("from", _partner()),
        Field("material", nested(MATERIAL)),
        Field("mass", _mass, required=False),
        Field("gross", _mass, required=False),
        Field("tare", _mass_or_zero, required=False),
        Field("deductions", listed(nested(_DEDUCTION), most=16), required=False),
        Field("moisture", mass.parse_share, required=False),
        Field("assay", assay.parse_assay, required=False),
        Field("assay_grade", word(vocabulary.ASSAY_GRADES), required=False),
        Field("origin", assay.parse_origin, required=False),
        Field("ticket", CODE, required=False),
        Field("ticket_part", shape.integer(0, 10**6), required=False),
    ),
    _received_needs,
    _received_joins,
)

# run_recorded

_INPUT = Shape(Input, (Field("lot", NAMED), Field("mass", _mass_or("all"))))
_ADDITION = Shape(
    Addition,
    (Field("name", CODE), Field("mass", _mass), Field("assay", assay.parse_assay, required=False)),
)
_OUTPUT_FIELDS = (
    Field("moisture", mass.parse_share, required=False),
    Field("assay", assay.parse_assay, required=False),
    Field("assay_grade", word(vocabulary.ASSAY_GRADES), required=False),
    Field("material", nested(MATERIAL), required=False),
)


def _output_shape(parse_mass: shape.Parser) -> Shape:
    head = (Field("lot", NAMED), Field("role", word(vocabulary.OUTPUT_ROLES)))
    return Shape(Output, (*head, Field("mass", parse_mass), *_OUTPUT_FIELDS))


_OUTPUT = _output_shape(_mass_or("rest"))
_HEEL = Shape(
    Heel,
    (Field("mass", _mass), Field("assay", assay.parse_assay, required=False)),
)
_ENERGY = Shape(dict, (Field("carrier", CODE), Field("wh", shape.integer(0, mass.MASS_MAX_MG))))


def _run_needs(value: Mapping[str, Any]) -> tuple[str, ...]:
    step = value.get("step")
    furnace = isinstance(step, str) and step in vocabulary.FURNACE
    return ("equipment",) if furnace and "equipment" not in value else ()


def _run_joins(members: dict[str, Any], path: str) -> None:
    step, inputs, outputs = members["step"], members["inputs"], members["outputs"]
    _once((i.lot for i in inputs), f"{path}.inputs")
    _once((o.lot for o in outputs), f"{path}.outputs")
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


_RUN = Shape(
    RunRecorded,
    (
        Field("run", NAMED),
        Field("step", word(sorted(vocabulary.STEPS), "STEP_UNKNOWN")),
        Field("scope", SCOPE),
        Field("equipment", EQUIPMENT, required=False),
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
        Field("lot", NAMED),
        Field("assay", assay.parse_assay),
        Field("moisture", mass.parse_share, required=False),
    ),
)
_ARRIVAL = Shape(
    Arrival,
    (
        Field("lot", NAMED),
        Field("mass", _mass),
        Field("difference", word(("accepted",)), required=False),
    ),
)


def _declared(**members: Any) -> ScrapDeclared:
    return ScrapDeclared(class_=members.pop("class"), **members)


def _amount(value: Any, path: str) -> str | tuple[str, int]:
    if value == "all":
        return "all"
    if isinstance(value, str) and value.endswith(("%", "ppm", "ppb")):
        kind, amount = "share", mass.parse_share(value, path)
    else:
        kind, amount = "mass", mass.parse_mass(value, path, zero=True)
    if amount == 0:
        raise invalid(path, value, 'more than nothing: "all", a mass or a percentage')
    return kind, amount


def _certificate_joins(members: dict[str, Any], path: str) -> None:
    _named_once(members, path)
    _once(members["classes"], f"{path}.classes", "class")
    if members["amount"] == "all" and len(members["lots"]) != 1:
        raise invalid(f"{path}.amount", "all", "a mass or percentage when several lots are named")


def _named_once(members: dict[str, Any], path: str) -> None:
    _once(members.get("lots", ()), f"{path}.lots")


def _lots_once(members: dict[str, Any], path: str) -> None:
    _once((restated.lot for restated in members["outputs"]), f"{path}.outputs")


def _arrivals_once(members: dict[str, Any], path: str) -> None:
    _once((arrival.lot for arrival in members["lots"]), f"{path}.lots")


_LOTS = listed(NAMED, least=1)

SHAPES: Final[dict[str, Shape]] = {
    "log_opened": Shape(
        LogOpened,
        (
            Field("origin", pattern(r"[!-*,-~]{1,255}", "a log origin without spaces or '+'")),
            Field("log_key", pattern(r"[!-~]{1,600}", "a verifier key (vkey)")),
            Field("operator", PARTY),
            Field("operator_key", jose.parse_jwk),
            Field("rules", shape.integer(1, 1)),
            Field("parameters", nested(PARAMETERS)),
            Field("tables", _TABLES),
        ),
    ),
    "policy_set": Shape(
        PolicySet, (Field("parameters", nested(PARAMETERS)), Field("tables", _TABLES))
    ),
    "party_registered": _party_shape(trial=False),
    "key_added": _key_shape(trial=False),
    "key_revoked": Shape(
        KeyRevoked,
        (Field("party", PARTY), Field("kid", KID), Field("reason", word(vocabulary.KEY_REASONS))),
    ),
    "site_registered": _SITE,
    "lot_received": _RECEIVED,
    "assay_recorded": Shape(
        AssayRecorded,
        (
            Field("lot", NAMED),
            Field("assay", assay.parse_assay),
            Field("moisture", mass.parse_share, required=False),
            Field("method", CODE, required=False),
            Field("sample", CODE, required=False),
            Field("grade", word(vocabulary.ASSAY_GRADES)),
        ),
    ),
    "run_recorded": _RUN,
    "run_finalized": Shape(
        RunFinalized,
        (Field("run", NAMED), Field("outputs", listed(nested(_RESTATED), least=1))),
        joins=_lots_once,
    ),
    "scrap_declared": Shape(
        _declared,
        (
            Field("lot", NAMED),
            Field("class", _class_word(vocabulary.SCRAP_CLASSES)),
            Field("from_scope", SITE_SCOPE),
            Field("process", CODE),
        ),
    ),
    "lot_dispatched": Shape(
        LotDispatched,
        (
            Field("consignment", NAMED),
            Field("lots", _LOTS),
            Field("to", _partner(site=True)),
            Field("mode", word(vocabulary.TRANSPORT_MODES), required=False),
        ),
        joins=_named_once,
    ),
    "lot_returned": Shape(
        LotReturned, (Field("consignment", NAMED), Field("lots", _LOTS)), joins=_named_once
    ),
    "lot_arrived": Shape(
        LotArrived,
        (Field("consignment", NAMED), Field("lots", listed(nested(_ARRIVAL), least=1))),
        joins=_arrivals_once,
    ),
    "certificate_issued": Shape(
        CertificateIssued,
        (
            Field("lots", _LOTS),
            Field(
                "substance",
                lambda value, path: assay.parse_element(shape.text(value, path), path),
            ),
            Field("method", word(vocabulary.METHODS, "METHOD_UNKNOWN")),
            Field("classes", listed(word(vocabulary.CLAIMABLE), least=1)),
            Field("amount", _amount),
            Field("holder", _partner(country=False), required=False),
            Field("valid_until", shape.date, required=False),
        ),
        joins=_certificate_joins,
    ),
    "certificate_revoked": Shape(
        CertificateRevoked,
        (
            Field("serial", serial.parse),
            Field("reason", word(vocabulary.REVOCATION_REASONS)),
            Field("lots", _LOTS, required=False),
            Field("consent", JWS, required=False),
        ),
        joins=_named_once,
    ),
}

# A dry run needs no keys (EVENTS.md section 10).
TRIAL_SHAPES: Final[dict[str, Shape]] = SHAPES | {
    "party_registered": _party_shape(trial=True),
    "key_added": _key_shape(trial=True),
}
