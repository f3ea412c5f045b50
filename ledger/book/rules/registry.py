"""Rules for log_opened, policy_set, parties, keys and sites (docs/events.md section 2)."""

from __future__ import annotations

from typing import NoReturn

from ledger.book import bodies, jose, state
from ledger.book.rules.draft import Draft
from ledger.errors import RuleError


def denied(draft: Draft, who: str) -> NoReturn:
    """PERMISSION_DENIED, saying who may."""
    raise RuleError(
        "PERMISSION_DENIED",
        f"party: {draft.event.party} may not state {draft.event.kind} here",
        field="party",
        value=draft.event.party,
        hint=f"to be stated by {who}",
    )


def known_party(draft: Draft, party: str, path: str) -> state.Party:
    """The party, or PARTY_UNKNOWN."""
    found = draft.read(f"party:{party}", state.Party)
    if found is None:
        raise RuleError(
            "PARTY_UNKNOWN",
            f"{path}: no party {party} in this log",
            field=path,
            value=party,
            hint="the operator registers parties (party_registered)",
        )
    return found


def known_site(draft: Draft, site: str, path: str) -> state.Site:
    """The site, or SITE_UNKNOWN."""
    found = draft.read(f"site:{site}", state.Site)
    if found is None:
        raise RuleError(
            "SITE_UNKNOWN",
            f"{path}: no site {site} in this log",
            field=path,
            value=site,
            hint="the operator or the party registers sites (site_registered)",
        )
    return found


def may_operate(draft: Draft) -> None:
    """Only the operator states this."""
    known_party(draft, draft.event.party, "party")
    if draft.event.party != draft.log.operator:
        denied(draft, f"the operator, {draft.log.operator}")


def may_open(draft: Draft) -> None:
    """A log is opened once, by its entry 0."""
    if draft.reader.find("log") is not None:
        raise RuleError(
            "FIELD_INVALID",
            "kind: this log is open already",
            field="kind",
            value="log_opened",
            hint="log_opened is entry 0 and nothing else; change parameters with policy_set",
        )


def may_register_party(draft: Draft) -> None:
    """The operator registers a new party."""
    may_operate(draft)
    body = draft.event.body
    assert isinstance(body, bodies.PartyRegistered)
    if draft.reader.find(f"party:{body.party}") is not None:
        raise RuleError(
            "PARTY_DUPLICATE",
            f"body.party: {body.party} is registered already",
            field="body.party",
            value=body.party,
            hint="add a key with key_added, a site with site_registered",
        )
    _check_new_key(draft, body)


def may_touch_keys(draft: Draft) -> None:
    """The party itself, with another key, or the operator."""
    body, event = draft.event.body, draft.event
    assert isinstance(body, bodies.KeyAdded | bodies.KeyRevoked)
    known_party(draft, event.party, "party")
    known_party(draft, body.party, "body.party")
    if event.party not in (body.party, draft.log.operator):
        denied(draft, f"{body.party} or the operator")
    if isinstance(body, bodies.KeyAdded):
        _check_new_key(draft, body)
    elif draft.kid == body.kid:
        denied(draft, f"another key of {body.party}, or the operator")


def _check_new_key(draft: Draft, body: bodies.PartyRegistered | bodies.KeyAdded) -> None:
    if body.key is None:
        return
    kid = jose.thumbprint(body.key)
    if draft.reader.find(f"key:{kid}") is not None:
        raise RuleError(
            "FIELD_INVALID",
            f"body.key: key {kid} is registered already",
            field="body.key",
            value=kid,
            hint="every party makes keys of its own; a revoked key is never used again",
        )
    if body.proof is not None and not draft.trial:
        want = {"log": draft.log.origin, "party": body.party, "kid": kid}
        jose.check_signed_object(body.proof, body.key, want, "body.proof")


def may_register_site(draft: Draft) -> None:
    """The operator or the party; a site belongs to one party."""
    body, event = draft.event.body, draft.event
    assert isinstance(body, bodies.SiteRegistered)
    known_party(draft, event.party, "party")
    known_party(draft, body.party, "body.party")
    if event.party not in (body.party, draft.log.operator):
        denied(draft, f"{body.party} or the operator")
    site = draft.read(f"site:{body.site}", state.Site)
    if site is not None and site.party != body.party:
        raise RuleError(
            "SITE_DUPLICATE",
            f"body.site: {body.site} belongs to {site.party}",
            field="body.site",
            value=body.site,
            hint="choose another site id",
        )


def revoke_key(draft: Draft) -> None:
    """A known key of the party that is not revoked yet."""
    body = draft.event.body
    assert isinstance(body, bodies.KeyRevoked)
    key = draft.read(f"key:{body.kid}", state.Key)
    if key is None or key.party != body.party:
        raise RuleError(
            "KEY_UNKNOWN",
            f"body.kid: {body.party} has no key {body.kid}",
            field="body.kid",
            value=body.kid,
            hint="the RFC 7638 thumbprint of a registered key",
        )
    if key.revoked:
        raise RuleError(
            "KEY_REVOKED", "body.kid: revoked already", field="body.kid", value=body.kid
        )


def nothing_more(draft: Draft) -> None:
    """Registrations post nothing; merging with what was before is the state's business."""
    if draft.event.kind == "policy_set":
        _ = draft.log
