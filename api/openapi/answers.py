"""JSON Schema of every answer."""

from __future__ import annotations

from typing import Any, Final

from api.openapi.events import Schema, ref
from api.routes import lists
from api.vocabulary import LISTS
from ledger.book import vocabulary
from ledger.errors import CODES

TEXT: Final[Schema] = {"type": "string"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
INTEGER: Final[Schema] = {"type": "integer"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
COUNTS: Final[Schema] = {"type": "array", "items": COUNT}
HASH: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
HASHES: Final[Schema] = {"type": "array", "items": HASH}
PERCENT: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9]+\.[0-9]{2}$",
    "description": "percent, rounded down to two decimals",
}
TIME_MS: Final[Schema] = {"type": "integer", "description": "UTC milliseconds since 1970"}
MASS_MG: Final[Schema] = {"type": "integer", "description": "milligrams"}
INDEX: Final[Schema] = {"type": "integer", "minimum": 0, "description": "an entry's index"}
ANY: Final[Schema] = {"type": "object"}


def obj(*, optional: tuple[str, ...] = (), about: str = "", **members: Schema) -> Schema:
    """An object whose members are all there, but for the optional ones."""
    made: Schema = {
        "type": "object",
        "required": [name.rstrip("_") for name in members if name not in optional],
        "properties": {name.rstrip("_"): schema for name, schema in members.items()},
    }
    return {**made, "description": about} if about else made


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def one_of(words: Any) -> Schema:
    return {"type": "string", "enum": list(words)}


def maybe(schema: Schema) -> Schema:
    """The value, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def by_name(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


_ITEM: Final[dict[str, Any]] = {
    "id": TEXT,
    "n": {**INDEX, "description": "the entry that last changed it"},
    "href": {**TEXT, "description": "the address of its detail"},
}
_LABEL: Final[Schema] = {**TEXT, "description": "what the code on its label says"}
_NO_LABEL: Final[Schema] = {"type": "null"}
_PROBLEM: Final[dict[str, Any]] = {
    "code": one_of(CODES),
    "field": {**TEXT, "description": "where: a path in the body, a parameter, a header"},
    "value": {
        "description": "what was found there",
        "type": ["string", "integer", "boolean", "null"],
    },
    "hint": {**TEXT, "description": "how to go on"},
}
_LOT_PLACE: Final[dict[str, Any]] = {
    "state": one_of(lists.LOT_STATES),
    "state_since_ms": TIME_MS,
    "at_site": TEXT,
    "party": {**TEXT, "description": "whose site that is"},
    "role": one_of(lists.LOT_ROLES),
    "assay_grade": one_of(vocabulary.ASSAY_GRADES),
    "wet_mg": {
        **MASS_MG,
        "description": "milligrams; of a lot that left: as it left; 0 if it was used up",
    },
    "elements": array(ref("ElementShown")),
    "made_at_ms": TIME_MS,
}
_CERTIFICATE: Final[dict[str, Any]] = {
    "status": one_of(lists.STATUSES),
    "issuer": TEXT,
    "site": TEXT,
    "holder": {**maybe(TEXT), "description": 'a party, "external", or null for nobody'},
    "issued_at_ms": TIME_MS,
    "valid_until": maybe({"type": "string", "format": "date"}),
    "lots": TEXTS,
    "substance": ref("Element"),
    "claimed_mg": by_name(MASS_MG),
    "held_mg": MASS_MG,
    "of_substance": PERCENT,
    "of_mass": PERCENT,
}
_BOTH: Final[dict[str, Any]] = {"en": TEXT, "zh": TEXT}


def _page(items: str) -> Schema:
    return obj(
        optional=("total",),
        items=array(ref(items)),
        next={**maybe(TEXT), "description": "the address of the next page; null on the last"},
        size={**COUNT, "description": "of the log that this was read from"},
        total={**COUNT, "description": "of all pages; only with `total=true`"},
    )


COMPONENTS: Final[dict[str, Schema]] = {
    "Problem": obj(
        type={"type": "string", "pattern": "^urn:remelt:error:[A-Z0-9_]+$"},
        title={**TEXT, "description": "what the code means, in the language of Accept-Language"},
        status={"type": "integer", "minimum": 400, "maximum": 599},
        detail=TEXT,
        **_PROBLEM,
        request_id={**TEXT, "description": "by which the server's log names this request"},
        checks=array(ANY),
        optional=("request_id", "checks"),
        about="a refusal (RFC 9457); GET /v1/errors explains every code",
    ),
    "RowError": obj(**_PROBLEM, message=TEXT),
    "Accepted": obj(
        n=INDEX, leaf_hash=HASH, size=COUNT,
        checkpoint={**TEXT, "description": "the signed checkpoint of that size"},
        proof={**HASHES, "description": "that the leaf is in that tree (RFC 6962)"},
    ),
    "Tried": obj(
        dry_run={"const": True}, book=ANY, lots=ANY, reads=by_name(INTEGER),
        about="what would be booked; nothing was",
    ),
    "BatchAnswer": obj(
        results=array({"oneOf": [
            obj(row=COUNT, ok={"const": True}, n=INDEX, leaf_hash=HASH),
            obj(row=COUNT, ok={"const": False}, error=ref("RowError")),
        ]}),
        checkpoint={**maybe(TEXT), "description": "of the last commit; null if nothing was taken"},
    ),
    "ElementShown": obj(
        substance=ref("Element"), mass_mg=MASS_MG, of_mass=PERCENT,
        origins=by_name(obj(mass_mg=MASS_MG, percent=PERCENT)),
    ),
    "LotItem": obj(
        type={"const": "lot"}, **_ITEM, label=_LABEL, **_LOT_PLACE, metal=maybe(ref("Metal")),
        form=maybe(ref("Form")), made_n=INDEX,
    ),
    "Lot": obj(
        lot=TEXT,
        fingerprint={"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{10}$"},
        **_LOT_PLACE,
        state_by={**TEXT, "description": "the run or consignment; empty for a receipt"},
        zone=ref("Zone"),
        made_by={**TEXT, "description": '"receipt", or the run'},
        made_by_party=TEXT,
        step=TEXT,
        material=maybe(obj(metal=ref("Metal"), form=ref("Form"),
                           grade=maybe(obj(scheme=TEXT, code=TEXT)))),
        made_mg=MASS_MG,
        certificates=array(obj(
            serial=ref("Serial"), status=one_of(lists.STATUSES), issuer=TEXT,
            substance=ref("Element"), here_mg=MASS_MG, here_percent=PERCENT,
        )),
        balances={**by_name(by_name(MASS_MG)), "description": "substance, line, milligrams"},
        marks=TEXTS,
        entries={**COUNTS, "description": "every entry that touched it"},
    ),
    "Lineage": obj(
        lot=TEXT, direction=one_of(("back", "forward", "both")), lots=TEXTS,
        edges=array(obj(child=TEXT, parent=TEXT, entry=INDEX)), truncated=BOOLEAN,
    ),
    "CertificateItem": obj(
        type={"const": "certificate"}, **_ITEM, label=_LABEL, **_CERTIFICATE
    ),
    "Certificate": obj(
        serial=ref("Serial"), log=TEXT, **_CERTIFICATE, method=one_of(vocabulary.METHODS),
        classes=array(one_of(vocabulary.CLAIMABLE)), entries=COUNTS,
    ),
    "Dossier": {
        "type": "object",
        "description": "the file that `remelt verify` reads (docs/format.md, Dossier)",
    },
    "EntryItem": obj(
        type={"const": "entry"}, **_ITEM, label=_NO_LABEL, kind=one_of(lists.KINDS), party=TEXT,
        site=TEXT, event_id=TEXT, occurred_at_ms=TIME_MS, recorded_at_ms=TIME_MS, lots=TEXTS,
        leaf_hash=HASH,
    ),
    "Entry": obj(
        n=INDEX, leaf_hash=HASH, event={"type": "object", "description": "what was signed"},
        entry=obj(at=TIME_MS, book=ANY, lots=ANY, n=INDEX, prev=HASH, reads=by_name(INTEGER),
                  statement=TEXT, v={"const": 1}),
        disclosures={**TEXTS, "description": "private fields that were not erased"},
    ),
    "SiteItem": obj(
        type={"const": "site"}, **_ITEM, label=_NO_LABEL, party=TEXT, country=TEXT,
        zone=ref("Zone"), scopes=TEXTS, equipment=TEXTS,
    ),
    "PartyItem": obj(
        type={"const": "party"}, **_ITEM, label=_NO_LABEL, country=maybe(TEXT),
        roles=array(one_of(vocabulary.PARTY_ROLES)), share=one_of(vocabulary.SHARES), sites=TEXTS,
    ),
    **{f"{name}s": _page(f"{name}Item") for name in ("Lot", "Certificate", "Site")},
    "Entries": _page("EntryItem"),
    "Parties": _page("PartyItem"),
    "LogKeys": obj(log=TEXT, keys=array(obj(vkey=TEXT, signs=BOOLEAN))),
    "Inclusion": obj(n=INDEX, size=COUNT, leaf_hash=HASH, proof=HASHES, root=HASH),
    "Consistency": obj(from_=COUNT, to=COUNT, proof=HASHES, from_root=HASH, to_root=HASH),
    "Gtin": obj(
        gtin={"type": "string", "pattern": "^[0-9]{8,14}$"}, party=TEXT, site=TEXT,
        material=maybe(obj(optional=("form", "grade"), metal=TEXT, form=TEXT,
                           grade=obj(scheme=TEXT, code=TEXT))),
        demo=BOOLEAN, registered_ms=TIME_MS, ended_ms=maybe(TIME_MS),
    ),
    "Gtins": obj(gtins=array(ref("Gtin"))),
    "Stocks": obj(stocks=array(obj(
        stock=TEXT, title=TEXT, page_width_um=COUNT, page_height_um=COUNT, columns=COUNT,
        rows=COUNT, width_um=COUNT, height_um=COUNT,
    ))),
    "Alive": obj(ok={"const": True}),
    "Ready": obj(
        ok={"const": True}, log=TEXT, size=COUNT,
        checks=array(obj(optional=("hint",), name=TEXT, state=one_of(("ok", "warn", "fail")),
                         message=TEXT, hint=TEXT)),
    ),
    "Vocabulary": obj(lists=array(obj(
        optional=("en", "zh"), list=one_of(LISTS), href=TEXT, **_BOTH, used_in=TEXT, count=COUNT,
    ))),
    "WordList": obj(
        optional=("en", "zh"), list=one_of(LISTS), **_BOTH, used_in=TEXT,
        words=array(obj(
            optional=("en", "zh", "kind", "evidence", "claimable"), code=TEXT, **_BOTH,
            kind={**TEXT, "description": "of a step"},
            evidence={**TEXTS, "description": "what proves an origin"},
            claimable=BOOLEAN,
        )),
    ),
    "Errors": obj(errors=array(obj(
        code=one_of(CODES), type=TEXT, status=INTEGER, fault=one_of(LISTS["faults"].words),
        meaning=obj(optional=("en", "zh"), **_BOTH), fix=obj(optional=("en", "zh"), **_BOTH),
    ))),
}  # fmt: skip
