"""Stage 1 of the order of refusals: from a line of bytes to a decoded event."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from tests.oracle import readings, shapes, words
from tests.oracle.bodies import BODIES
from tests.oracle.refuse import Refused
from tests.oracle.shapes import list_of, obj, shape_of, word

EVIDENCE = shape_of([("type", True, word(words.EVIDENCE_TYPES)), ("sha256", True, shapes.sha256)])


def parse(line: bytes) -> dict[str, Any]:
    """One JSON object without floats and without a name that stands twice."""
    floats: list[str] = []
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        twice.extend(name for name in names if names.count(name) > 1)
        return dict(found)

    def number(digits: str) -> int:
        floats.append(digits)
        return 0

    def constant(name: str) -> None:
        raise ValueError(name)

    try:
        value = json.loads(
            line.decode("utf-8"),
            object_pairs_hook=pairs,
            parse_float=number,
            parse_constant=constant,
            parse_int=lambda s: int(s[:40]),
        )
    except (ValueError, RecursionError) as error:
        raise Refused("JSON_INVALID", "", str(error)) from error
    if floats:
        raise Refused("NUMBER_NOT_EXACT", "", floats[0])
    if twice:
        raise Refused("JSON_INVALID", "", f"{twice[0]} stands twice")
    if not isinstance(value, dict):
        raise Refused("JSON_INVALID", "", "not an object")
    return value


def private(value: Any, path: str) -> dict[str, str]:
    """At most 16 names, at most 2 KiB of compact JSON."""
    if not isinstance(value, dict) or len(value) > 16:
        raise Refused("FIELD_INVALID", path, "not at most 16 names")
    for name in value:
        shapes.text(name, path)
        if isinstance(value[name], str) or not readings.PRIVATE_VALUES_ARE_ANY_JSON:
            shapes.text(value[name], shapes.under(path, name))
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    if size > 2048:
        raise Refused("FIELD_INVALID", path, "more than 2 KiB")
    return value


def decode(envelope: dict[str, Any], line_number: int, state: Any) -> dict[str, Any]:
    """The whole event, decoded; what depends on parameters (evidence) last."""
    kind = envelope.get("kind")
    kind = kind if isinstance(kind, str) else None
    has_site = kind in words.KINDS_WITH_SITE or kind not in words.KINDS

    def body(value: Any, path: str) -> Any:
        assert kind is not None, "kind is checked before"
        return BODIES[kind](value, path)

    fields: shapes.Fields = [
        ("log", False, shapes.text),
        ("id", False, shapes.matching(shapes.UUID)),
        ("kind", True, word(words.KINDS, "KIND_UNKNOWN")),
        ("party", True, shapes.party),
        ("occurred_at", True, shapes.instant),
        ("body", True, body),
        ("evidence", False, list_of(EVIDENCE, most=16)),
        ("private", False, private),
    ]
    if has_site:
        fields.insert(4, ("site", kind in words.KINDS_WITH_SITE, shapes.site))
    event = obj(envelope, "", fields)
    event.setdefault("evidence", [])
    event["sent"] = envelope
    if "id" not in event:
        digest = hashlib.sha256(f"remelt/try\n{line_number}".encode()).digest()
        event["id"] = str(uuid.UUID(bytes=digest[:16]))
    prefixes(event)
    evidence_for_classes(event, state)
    return event


def prefixes(event: dict[str, Any]) -> None:
    """New lots, runs and consignments carry the prefix of the event's site."""
    kind, body = event["kind"], event["body"]
    new: list[tuple[str, str]] = []
    if kind == "lot_received":
        new = [(body["lot"], "body.lot")]
    elif kind == "lot_dispatched":
        new = [(body["consignment"], "body.consignment")]
    elif kind == "run_recorded":
        new = [(body["run"], "body.run")]
        new += [(item["lot"], f"body.outputs[{i}].lot") for i, item in enumerate(body["outputs"])]
    for name, path in new:
        if name.split("/")[0] != event["site"]:
            raise Refused("FIELD_INVALID", path, "not the prefix of the site")


def proves(event: dict[str, Any], state: Any, origin_class: str) -> bool:
    """Does the evidence of the event carry this class?"""
    listed = state.parameters["evidence"].get(origin_class, [])
    return any(item["type"] in listed for item in event["evidence"])


def evidence_for_classes(event: dict[str, Any], state: Any) -> None:
    """A class without evidence: refused when declared, or when the log is strict, else UNK."""
    body = event["body"]
    if event["kind"] == "scrap_declared" and not proves(event, state, body["class"]):
        raise Refused("ORIGIN_EVIDENCE_MISSING", "evidence", body["class"])
    if event["kind"] != "lot_received" or "origin" not in body:
        return
    stated = body["origin"]
    groups = [stated["all"]] if "all" in stated else list(stated["each"].values())
    for group in groups:
        for name in list(group):
            if name == "UNK" or proves(event, state, name):
                continue
            if state.parameters["strict"]:
                raise Refused("ORIGIN_EVIDENCE_MISSING", "evidence", name)
            lost = group.pop(name)
            group["UNK"] = group.get("UNK", 0) + lost
