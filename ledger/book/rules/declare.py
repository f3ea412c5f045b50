"""Rule for scrap_declared, the one event that changes a class (docs/events.md section 6)."""

from __future__ import annotations

from ledger.book import bodies, lines, marks, state
from ledger.book.rules import draft as drafts
from ledger.book.rules.draft import Draft
from ledger.errors import FormatError, RuleError


def check_evidence(draft: Draft) -> None:
    """ORIGIN_EVIDENCE_MISSING unless a document of the class's type is attached."""
    body = draft.event.body
    assert isinstance(body, bodies.ScrapDeclared)
    accepted = draft.parameter("evidence").get(body.class_, ())
    if not draft.event.evidence_types() & set(accepted):
        raise FormatError(
            "ORIGIN_EVIDENCE_MISSING",
            f"evidence: {body.class_} needs one of {', '.join(accepted)}",
            field="evidence",
            value=body.class_,
            hint="attach the document's type and SHA-256",
        )


def declare(draft: Draft) -> None:
    """The whole lot's free PRIM becomes the class."""
    body = draft.event.body
    assert isinstance(body, bodies.ScrapDeclared)
    was = drafts.existing(draft, body.lot, "body.lot")
    _known_scope(draft, body.from_scope)
    drafts.custody(draft, body.lot, was, "body.lot")
    drafts.lying(body.lot, was, "body.lot")
    if lines.serials(was.balances):
        raise RuleError(
            "LOT_CERTIFIED",
            f"body.lot: {body.lot} carries grams under a certificate",
            field="body.lot",
            value=body.lot,
            hint="declare scrap before anything on it is certified",
        )
    drafts.in_order(draft, body.lot, was, "body.lot")
    _check_class(draft, body, was)
    for substance, page in was.balances.items():
        mass_mg = page.get("PRIM", 0)
        draft.post(f"lot:{body.lot}", substance, "PRIM", -mass_mg)
        draft.post(f"lot:{body.lot}", substance, body.class_, mass_mg)
    draft.note(body.lot, was, more=(marks.TOUCHED, marks.DECLARED + body.from_scope))


def _known_scope(draft: Draft, from_scope: str) -> None:
    site_id, _, scope = from_scope.partition("/")
    site = draft.read(f"site:{site_id}", state.Site)
    if site is None or scope not in site.scopes:
        raise RuleError(
            "SCOPE_UNKNOWN",
            f"body.from_scope: no scope {from_scope} in this log",
            field="body.from_scope",
            value=from_scope,
            hint="<site>/<scope> as registered with the site",
        )


def _check_class(draft: Draft, body: bodies.ScrapDeclared, was: state.Lot) -> None:
    made = [mark.removeprefix(marks.MADE) for mark in was.marks if mark.startswith(marks.MADE)]
    if body.from_scope not in made:
        came = f"was made in {', '.join(made)}" if made else "was made by no run of this log"
        raise RuleError(
            "CLASS_CHANGE_FORBIDDEN",
            f"body.from_scope: {body.lot} {came}, not in {body.from_scope}",
            field="body.from_scope",
            value=body.from_scope,
            hint="scrap is born in the process that made it; received metal keeps its class",
        )
    if not any(page.get("PRIM") for page in was.balances.values()):
        raise RuleError(
            "CLASS_CHANGE_FORBIDDEN",
            f"body.lot: {body.lot} has no free primary metal to declare",
            field="body.lot",
            value=body.lot,
            hint="POST, PRE, BMW and UNK never change their class",
        )
    if marks.INTERNAL + draft.event.party in was.marks:
        raise RuleError(
            "SCRAP_SCOPE_SAME_PROCESS",
            f"body.lot: {body.lot} is run-around scrap of {draft.event.party} itself",
            field="body.lot",
            value=body.lot,
            hint="internal scrap keeps its origins wherever it goes; its maker cannot declare it",
        )
