"""The body of every kind, field by field, in the order of the page."""

from __future__ import annotations

from typing import Any

from tests.oracle import readings, shapes, words
from tests.oracle.quantity import mass, mass_or_zero, share
from tests.oracle.refuse import Refused
from tests.oracle.shapes import Check, Fields, list_of, obj, shape_of, word

JWK = shape_of(
    [
        ("kty", True, word(["EC"])),
        ("crv", True, word(["P-256"])),
        ("x", True, shapes.matching("[A-Za-z0-9_-]{43}")),
        ("y", True, shapes.matching("[A-Za-z0-9_-]{43}")),
    ]
)
JWS = shapes.matching(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
MATERIAL = shape_of(
    [
        ("metal", True, word(words.METALS)),
        ("form", True, word(words.FORMS)),
        (
            "grade",
            False,
            shape_of([("scheme", True, word(words.SCHEMES)), ("code", True, shapes.code)]),
        ),
        ("hs", False, shapes.matching("[0-9]{4,10}")),
    ]
)


def mapping(check: Check, names: Check = shapes.text) -> Check:
    """An object whose names are data."""

    def decode(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused("FIELD_INVALID", path, "not an object")
        for name in value:
            names(name, shapes.under(path, name))
        return {name: check(value[name], shapes.under(path, name)) for name in value}

    return decode


PARAMETERS = shape_of(
    [
        ("closure_tolerance", False, share),
        ("scale_tolerance", False, share),
        ("accepted_limit", False, share),
        ("split_minimum", False, mass),
        ("strict", False, shapes.boolean),
        ("same_process", False, word(words.SAME_PROCESS)),
        (
            "evidence",
            False,
            mapping(list_of(word(words.EVIDENCE_TYPES)), word(words.EVIDENCED)),
        ),
    ]
)
TABLES = mapping(shapes.sha256)


def party_or_external(*, country: bool, with_site: bool = False) -> Check:
    """{party}, {party, site}, {external} or {external, country?}."""

    def decode(value: Any, path: str) -> dict[str, Any]:
        outside = isinstance(value, dict) and "external" in value
        fields: Fields = [("party", not outside, shapes.party)]
        if with_site:
            fields.append(("site", not outside, shapes.site))
        fields.append(("external", False, shapes.true))
        if country:
            fields.append(("country", False, shapes.country))
        found = obj(value, path, fields)
        if outside and ("party" in found or "site" in found):
            raise Refused("FIELD_INVALID", path, "both a party and external")
        if not outside and "country" in found:
            raise Refused("FIELD_UNKNOWN", shapes.under(path, "country"))
        return found

    return decode


def once(names: list[str], path: str) -> None:
    """A lot stands once in a list."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise Refused("FIELD_INVALID", f"{path}[{index}]", "named twice")


def once_if_words_do(found: dict[str, Any], path: str, names: list[str]) -> dict[str, Any]:
    """Hole 77: lists of words without repeats."""
    for name in names if readings.WORDS_STAND_ONCE else []:
        shown = [i["id"] if isinstance(i, dict) else i for i in found.get(name, [])]
        once(shown, f"{path}.{name}")
    return found


def log_opened(body: Any, path: str) -> dict[str, Any]:
    """Entry 0."""
    return obj(
        body,
        path,
        [
            ("origin", True, shapes.text),
            ("log_key", True, shapes.text),
            ("operator", True, shapes.party),
            ("operator_key", True, JWK),
            ("rules", True, shapes.text),
            ("parameters", True, PARAMETERS),
            ("tables", True, TABLES),
        ],
    )


def policy_set(body: Any, path: str) -> dict[str, Any]:
    """Parameters."""
    return obj(body, path, [("parameters", True, PARAMETERS), ("tables", True, TABLES)])


def party_registered(body: Any, path: str) -> dict[str, Any]:
    """A party; its key and proof may be left out in a trial."""
    found = obj(
        body,
        path,
        [
            ("party", True, shapes.party),
            ("country", True, shapes.country),
            ("roles", True, list_of(word(words.PARTY_ROLES), least=1)),
            ("identifiers", False, mapping(shapes.text)),
            ("key", False, JWK),
            ("custody", True, word(words.CUSTODY)),
            ("proof", False, JWS),
            ("share", True, word(words.SHARE)),
        ],
    )
    return once_if_words_do(found, path, ["roles"])


def key_added(body: Any, path: str) -> dict[str, Any]:
    """Another key."""
    return obj(
        body,
        path,
        [
            ("party", True, shapes.party),
            ("key", False, JWK),
            ("custody", True, word(words.CUSTODY)),
            ("proof", False, JWS),
            ("label", False, shapes.text),
        ],
    )


def key_revoked(body: Any, path: str) -> dict[str, Any]:
    """A key less."""
    return obj(
        body,
        path,
        [
            ("party", True, shapes.party),
            ("kid", True, shapes.matching("[A-Za-z0-9_-]{43}")),
            ("reason", True, word(words.KEY_REASONS)),
        ],
    )


def site_registered(body: Any, path: str) -> dict[str, Any]:
    """A site with scopes and equipment."""
    scope = shape_of([("id", True, shapes.scope), ("level", True, word(words.LEVELS))])
    geo = shape_of(
        [
            ("lat_e7", True, shapes.whole(-(90 * 10**7), 90 * 10**7)),
            ("lon_e7", True, shapes.whole(-(180 * 10**7), 180 * 10**7)),
        ]
    )
    found = obj(
        body,
        path,
        [
            ("site", True, shapes.site),
            ("party", True, shapes.party),
            ("type", True, shapes.code),
            ("country", True, shapes.country),
            ("region", False, shapes.matching("[A-Z]{2}-[A-Z0-9]{1,3}")),
            ("scopes", True, list_of(scope)),
            ("equipment", False, list_of(shapes.equipment)),
            ("zone", True, shapes.zone),
            ("geo", False, geo),
        ],
    )
    return once_if_words_do(found, path, ["scopes", "equipment"])


def lot_received(body: Any, path: str) -> dict[str, Any]:
    """A receipt, by mass or by gross, tare and deductions."""
    given = body if isinstance(body, dict) else {}
    weighed = "mass" not in given and any(n in given for n in ("gross", "tare", "deductions"))
    deduction = shape_of([("mass", True, mass), ("reason", True, word(words.DEDUCTIONS))])
    found = obj(
        body,
        path,
        [
            ("lot", True, shapes.site_name),
            ("from", True, party_or_external(country=True)),
            ("material", True, MATERIAL),
            ("mass", not weighed, mass),
            ("gross", weighed, mass),
            ("tare", weighed, mass_or_zero),
            ("deductions", False, list_of(deduction)),
            ("moisture", False, share),
            ("assay", False, shapes.assay),
            ("assay_grade", False, word(words.GRADES)),
            ("origin", False, shapes.origin),
            ("ticket", False, shapes.code),
            ("ticket_part", False, shapes.whole(1, 10**6)),
        ],
    )
    if not weighed and any(n in found for n in ("gross", "tare", "deductions")):
        raise Refused("FIELD_INVALID", f"{path}.mass", "mass beside gross and tare")
    if weighed:
        taken_off = sum(item["mass"] for item in found.get("deductions", []))
        found["mass"] = found["gross"] - found["tare"] - taken_off
        if found["mass"] <= 0:
            raise Refused("FIELD_INVALID", f"{path}.gross", "nothing is left")
    return found


def assay_recorded(body: Any, path: str) -> dict[str, Any]:
    """An assay of a received lot."""
    return obj(
        body,
        path,
        [
            ("lot", True, shapes.site_name),
            ("assay", True, shapes.assay),
            ("moisture", False, share),
            ("method", False, shapes.code),
            ("sample", False, shapes.code),
            ("grade", True, word(words.GRADES)),
        ],
    )


OUTPUT: Fields = [
    ("lot", True, shapes.site_name),
    ("role", True, word(words.OUTPUT_ROLES)),
    ("mass", True, shapes.rest_or_mass),
    ("moisture", False, share),
    ("assay", False, shapes.assay),
    ("assay_grade", False, word(words.GRADES)),
    ("material", False, MATERIAL),
]


def run_recorded(body: Any, path: str) -> dict[str, Any]:
    """A run."""
    furnace = isinstance(body, dict) and body.get("step") in list(words.FURNACE)
    addition = shape_of(
        [
            ("name", True, shapes.matching("[A-Za-z0-9_.-]{1,64}")),
            ("mass", True, mass),
            ("assay", False, shapes.assay),
        ]
    )
    least = 0 if furnace or readings.EMPTY_RUN_LISTS else 1
    taken = shape_of([("lot", True, shapes.site_name), ("mass", True, shapes.all_or_mass)])
    power = shape_of([("carrier", True, shapes.code), ("wh", True, shapes.counted)])
    found = obj(
        body,
        path,
        [
            ("run", True, shapes.site_name),
            ("step", True, word(words.STEPS, "STEP_UNKNOWN")),
            ("scope", True, shapes.scope),
            ("equipment", furnace, shapes.equipment),
            ("inputs", True, list_of(taken, least=least)),
            ("additions", False, list_of(addition)),
            ("outputs", True, list_of(shape_of(OUTPUT), least=least)),
            ("heel", False, shape_of([("mass", True, mass), ("assay", False, shapes.assay)])),
            ("energy", False, list_of(power)),
        ],
    )
    join_run(found, path)
    return found


def join_run(found: dict[str, Any], path: str) -> None:
    """What joins the fields of a run."""
    step = found["step"]
    once([item["lot"] for item in found["inputs"]], f"{path}.inputs")
    once([item["lot"] for item in found["outputs"]], f"{path}.outputs")
    if step == "SPLIT" and len(found["inputs"]) != 1:
        raise Refused("FIELD_INVALID", f"{path}.inputs", "a split has one input")
    if step == "MERGE" and len(found["outputs"]) != 1:
        raise Refused("FIELD_INVALID", f"{path}.outputs", "a merge has one output")
    if "heel" in found and step not in words.FURNACE:
        raise Refused("FIELD_INVALID", f"{path}.heel", "no furnace")
    rests = [i for i, item in enumerate(found["outputs"]) if item["mass"] == "rest"]
    allowed = 1 if step in words.INHERITING else 0
    if len(rests) > allowed:
        raise Refused("FIELD_INVALID", f"{path}.outputs[{rests[allowed]}].mass", "rest")
    if step not in words.INHERITING:
        return
    if "additions" in found:
        raise Refused("FIELD_INVALID", f"{path}.additions", "inheriting step")
    for index, item in enumerate(found["outputs"]):
        for name in ("moisture", "assay", "assay_grade"):
            if name in item:
                raise Refused("FIELD_INVALID", f"{path}.outputs[{index}].{name}", "inherits")
        if step == "STORE" and item["lot"] in [taken["lot"] for taken in found["inputs"]]:
            raise Refused("FIELD_INVALID", f"{path}.outputs[{index}].lot", "store into itself")


def run_finalized(body: Any, path: str) -> dict[str, Any]:
    """Later assays of a run's outputs."""
    output = shape_of(
        [
            ("lot", True, shapes.site_name),
            ("assay", True, shapes.assay),
            ("moisture", False, share),
        ]
    )
    found = obj(
        body,
        path,
        [("run", True, shapes.site_name), ("outputs", True, list_of(output, least=1))],
    )
    once([item["lot"] for item in found["outputs"]], f"{path}.outputs")
    return found


def scrap_class(value: Any, path: str) -> str:
    """PRE or BMW; another class cannot be declared."""
    word(words.CLASSES)(value, path)
    if value not in ("PRE", "BMW"):
        raise Refused("CLASS_CHANGE_FORBIDDEN", path, str(value))
    return str(value)


def scrap_declared(body: Any, path: str) -> dict[str, Any]:
    """Scrap birth."""
    return obj(
        body,
        path,
        [
            ("lot", True, shapes.site_name),
            ("class", True, scrap_class),
            ("from_scope", True, shapes.site_name),
            ("process", True, shapes.code),
        ],
    )


def lot_dispatched(body: Any, path: str) -> dict[str, Any]:
    """On the road."""
    found = obj(
        body,
        path,
        [
            ("consignment", True, shapes.site_name),
            ("lots", True, list_of(shapes.site_name, least=1)),
            ("to", True, party_or_external(country=True, with_site=True)),
            ("mode", False, word(words.MODES)),
        ],
    )
    once(found["lots"], f"{path}.lots")
    return found


def lot_returned(body: Any, path: str) -> dict[str, Any]:
    """Back from the road."""
    found = obj(
        body,
        path,
        [
            ("consignment", True, shapes.site_name),
            ("lots", True, list_of(shapes.site_name, least=1)),
        ],
    )
    once(found["lots"], f"{path}.lots")
    return found


def lot_arrived(body: Any, path: str) -> dict[str, Any]:
    """Off the road, weighed again."""
    item = shape_of(
        [
            ("lot", True, shapes.site_name),
            ("mass", True, mass),
            ("difference", False, word(["accepted"])),
        ]
    )
    found = obj(
        body,
        path,
        [("consignment", True, shapes.site_name), ("lots", True, list_of(item, least=1))],
    )
    once([entry["lot"] for entry in found["lots"]], f"{path}.lots")
    return found


def claimable_class(value: Any, path: str) -> str:
    """POST, BMW or PRE."""
    if value in ("PRIM", "UNK"):
        raise Refused(readings.UNCLAIMABLE_CLASS, path, value)
    return str(word(words.CLAIMABLE)(value, path))


def certificate_issued(body: Any, path: str) -> dict[str, Any]:
    """A claim."""
    found = obj(
        body,
        path,
        [
            ("lots", True, list_of(shapes.site_name, least=1)),
            ("substance", True, shapes.element),
            ("method", True, word(words.METHODS, "METHOD_UNKNOWN")),
            ("classes", True, list_of(claimable_class, least=1)),
            ("amount", True, shapes.amount),
            ("holder", False, party_or_external(country=False)),
            ("valid_until", False, shapes.date),
        ],
    )
    once(found["lots"], f"{path}.lots")
    once(found["classes"], f"{path}.classes")
    if found["amount"][0] == "all" and len(found["lots"]) > 1:
        raise Refused("FIELD_INVALID", f"{path}.amount", "all covers one lot")
    return found


def certificate_revoked(body: Any, path: str) -> dict[str, Any]:
    """A claim taken back."""
    found = obj(
        body,
        path,
        [
            ("serial", True, shapes.serial),
            ("reason", True, word(words.REVOKE_REASONS)),
            ("lots", False, list_of(shapes.site_name)),
            ("consent", False, JWS),
        ],
    )
    once(found.get("lots", []), f"{path}.lots")
    return found


BODIES: dict[str, Check] = {
    check.__name__: check
    for check in (
        log_opened, policy_set, party_registered, key_added, key_revoked, site_registered,
        lot_received, assay_recorded, run_recorded, run_finalized, scrap_declared, lot_dispatched,
        lot_returned, lot_arrived, certificate_issued, certificate_revoked,
    )
}  # fmt: skip
