"""Verification of a dossier against a buyer's policy: no network, no trust in its maker.

1. Decode strictly: canonical JSON, well-formed entries, entry 0, the certificate's entry.
2. The checkpoint is signed by a log key of the policy, under its own name; entry 0 names that key
   too, or a later entry of the operator whose list of keys is disclosed (ledger/logkeys.py).
3. Cosignatures by witnesses of the policy hold, all of them; they meet its quorum, and were made
   within its max_age. The time now is an argument and serves for nothing else.
4. Every entry's inclusion proof leads to the checkpoint's root.
5. Every statement is for this log and signed by a key that an earlier entry registered for its
   party and that no entry shown revokes; entry 0 by the operator key of the policy. Every
   disclosure belongs to its statement.
6. The rules are run again for every entry whose reads are shown, and compared line by line.
7. The claim is recomputed: as stated, and counting only metal whose way from its receipts, or from
   the declaration that made it scrap, was recomputed. What is not in the dossier is not recycled.
8. This lot, this serial, not revoked by an entry shown.

The first step that fails refuses the dossier (status 1; step 1: unreadable, status 2). If all hold
but the key in step 2 came out of the dossier itself, the status is 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ledger import entry
from ledger.book import bodies, jose, mass, state
from ledger.book import serial as serials
from ledger.certificate import dossier, head, policy, provenance, recompute, verdict
from ledger.certificate.verdict import Refusal, Verdict
from ledger.errors import LedgerError, ProofError
from ledger.tlog import proof


@dataclass(slots=True)
class _Progress:
    """How far verification came: for the refusal that ends it."""

    found: Verdict
    step: int = 1
    n: int | None = None


def verify(
    data: bytes,
    buyer: policy.Policy | None,
    *,
    lot: str | None = None,
    serial: str | None = None,
    now_s: int | None = None,
) -> Verdict:
    """The verdict on a dossier; see the module for its steps. Never raises, whatever `data` is.

    buyer: the policy; None names nobody. lot: the lot in the buyer's hands, whose own figure is
    wanted. serial: the one the buyer was given, with or without hyphens. now_s: the time, in
    seconds since 1970; without it no checkpoint is young enough for a policy with a max_age.
    """
    progress = _Progress(Verdict(verdict.UNREADABLE))
    try:
        return _verify(data, buyer, lot, serial, now_s, progress)
    except LedgerError as error:
        return _refused(progress, error)
    except Exception as error:  # a hostile file may hit what no decoder expected
        message = f"the file cannot be checked: {type(error).__name__}: {error}"
        return _refused(progress, ProofError("DOSSIER_INVALID", message[:300]))


def _verify(
    data: bytes,
    buyer: policy.Policy | None,
    lot: str | None,
    serial: str | None,
    now_s: int | None,
    progress: _Progress,
) -> Verdict:
    shown = dossier.parse(data)  # 1
    issued = _certificate(shown)

    progress.step = 2
    opened = _opening(shown)
    top = head.open_head(shown, opened, buyer)
    named, size, root = top.in_log.named, top.checkpoint.size, top.checkpoint.root
    progress.found = replace(progress.found, in_log=top.in_log)

    progress.step = 3
    seen = head.seen(top, buyer, now_s)
    progress.found = replace(progress.found, seen=seen)
    head.check_seen(seen, buyer, now_s)

    progress.step = 4
    for n, item in shown.items.items():
        progress.n = n
        proof.check_inclusion(item.proof, size=size, root=root, index=n, leaf_hash=item.leaf_hash)

    progress.step = 5
    names = _statements(shown, opened, buyer if named else None, progress)

    progress.step = 6
    recomputed = _recomputed(shown, opened.origin, progress)
    if top.naming and recomputed.isdisjoint(top.naming):
        progress.n = top.naming[0]
        raise _cannot("the entry that names the log's key cannot be recomputed")
    progress.n = issued.n
    if issued.n not in recomputed:
        raise _cannot("the certificate's own entry cannot be recomputed: what it reads is absent")
    progress.found = replace(progress.found, certificate=_described(shown, issued, names))

    progress.step = 7
    within = lot if lot in _lots(issued) else None
    progress.found = _claim(shown, issued, recomputed, within, names, progress.found)

    progress.step = 8
    progress.found = replace(progress.found, revocation=_revocation(shown))
    _asked(shown, issued, lot, serial, progress.found)
    status = verdict.MEETS_POLICY if named else verdict.STRANGER
    return replace(progress.found, status=status)


def _refused(progress: _Progress, error: LedgerError) -> Verdict:
    part, _, rest = error.field.partition(".")
    account, _, line = rest.partition(".") if part in ("book", "lots", "reads") else ("", "", "")
    refusal = Refusal(
        progress.step,
        error.code,
        error.message,
        error.hint,
        progress.n,
        account,
        line.replace(".", " "),
    )
    status = verdict.UNREADABLE if progress.step == 1 else verdict.REFUSED
    return replace(progress.found, status=status, refusal=refusal)


def _cannot(message: str, code: str = "DOSSIER_INVALID", hint: str = "") -> ProofError:
    return ProofError(code, message, hint=hint or "ask for a complete dossier")


# Step 1.


def _certificate(shown: dossier.Dossier) -> entry.Entry:
    """The entry that issues the certificate the dossier is about."""
    opening = shown.items[0].entry.event.body
    origin = opening.origin if isinstance(opening, bodies.LogOpened) else ""
    for item in shown.items.values():
        event = item.entry.event
        if (
            isinstance(event.body, bodies.CertificateIssued)
            and serials.make(origin, event.party, event.id) == shown.serial
        ):
            return item.entry
    raise _cannot(f"no entry issues certificate {shown.serial[:20]}")


def _lots(issued: entry.Entry) -> tuple[str, ...]:
    body = issued.event.body
    return body.lots if isinstance(body, bodies.CertificateIssued) else ()


# Step 2.


def _opening(shown: dossier.Dossier) -> bodies.LogOpened:
    body = shown.items[0].entry.event.body
    if not isinstance(body, bodies.LogOpened):
        raise _cannot("entry 0 does not open a log")
    return body


# Step 5.


def _statements(
    shown: dossier.Dossier,
    opened: bodies.LogOpened,
    buyer: policy.Policy | None,
    progress: _Progress,
) -> dict[str, str]:
    """Check every statement; the disclosed names of parties."""
    revoked: set[str] = set()
    names: dict[str, str] = {}
    for n, item in shown.items.items():
        progress.n = n
        found = item.entry
        if found.event.log != opened.origin:
            raise ProofError(
                "LOG_MISMATCH", f"the statement is for {found.event.log!r}, not {opened.origin!r}"
            )
        _signed(found, shown, revoked)
        if isinstance(found.event.body, bodies.KeyRevoked):
            revoked.add(found.event.body.kid)
        names.update(_disclosed(found, shown.disclosures.get(n, [])))
    progress.n = 0
    kid = jose.thumbprint(opened.operator_key)
    if buyer is not None and kid not in buyer.operators:
        raise ProofError(
            "KEY_UNKNOWN",
            f"operator key {kid} is not one that the policy names",
            hint="ask the operator, by another way than this file, which key is right",
        )
    return names


def _signed(found: entry.Entry, shown: dossier.Dossier, revoked: set[str]) -> None:
    """The signature, by a key registered for the party at a lower index and not revoked since."""
    kid = found.jws.kid
    n = found.reads.get(f"key:{kid}", 0 if found.n == 0 else None)
    registered = shown.items.get(n) if n is not None else None
    key = _registered(registered.entry, kid) if registered else None
    if key is None or key.party != found.event.party:
        raise ProofError(
            "KEY_UNKNOWN", f"entry {found.n}: no entry shown registers {kid} for this party"
        )
    if kid in revoked:
        raise ProofError("KEY_REVOKED", f"entry {found.n}: signed by {kid}, revoked before")
    if not entry.signature_valid(found, key.jwk):
        raise ProofError(
            "SIGNATURE_INVALID", f"entry {found.n}: the statement is not signed by {kid}"
        )


def _registered(found: entry.Entry, kid: str) -> state.Key | None:
    """The key of that thumbprint as this entry registers it."""
    body = found.event.body
    key = None
    if isinstance(body, bodies.LogOpened):
        key = state.Key(body.operator, body.operator_key, "self")
    elif isinstance(body, bodies.PartyRegistered | bodies.KeyAdded) and body.key is not None:
        key = state.Key(body.party, body.key, body.custody)
    return key if key and jose.thumbprint(key.jwk) == kid else None


def _disclosed(found: entry.Entry, texts: list[str]) -> dict[str, str]:
    """The name of a party, if this entry registers one and discloses it."""
    made = entry.match_disclosures(found.event, texts)
    body = found.event.body
    name = next((str(d.value) for d in made if d.name == "name"), "")
    return {body.party: name} if isinstance(body, bodies.PartyRegistered) else {}


# Steps 6 to 8.


def _recomputed(shown: dossier.Dossier, origin: str, progress: _Progress) -> set[int]:
    """The entries for which the rules were run again; ProofError if they differ from one."""
    reader = recompute.Shown(origin, shown.items.keys())
    for n, item in shown.items.items():
        progress.n = n
        recompute.take(reader, item.entry)
    return reader.recomputed


def _described(
    shown: dossier.Dossier, issued: entry.Entry, names: dict[str, str]
) -> verdict.Certificate:
    event, body = issued.event, issued.event.body
    if not isinstance(body, bodies.CertificateIssued):
        raise _cannot("not a certificate")
    holder = body.holder
    party = "" if holder is None else holder.party or "external"
    return verdict.Certificate(
        shown.serial, issued.n, issued.at_ms, event.party, names.get(event.party, ""), event.site,
        body.substance, body.method, body.classes, body.lots, party, names.get(party, ""),
        body.valid_until,
    )  # fmt: skip


def _claim(
    shown: dossier.Dossier,
    issued: entry.Entry,
    recomputed: set[int],
    lot: str | None,
    names: dict[str, str],
    found: Verdict,
) -> Verdict:
    claim = provenance.claim_of(issued, shown.serial, lot)
    lineage = provenance.trace(claim, lambda n: shown.items[n].entry if n in recomputed else None)
    claimed_mg, proven_mg = claim.claimed_mg, lineage.proven_mg(claim.claimed_mg)
    arithmetic = verdict.Arithmetic(
        len(shown.items), len(recomputed), lot or "", claim.by_class(), claimed_mg, proven_mg,
        claim.substance_mg, claim.wet_mg,
        verdict.percent(claimed_mg, claim.substance_mg),
        verdict.percent(proven_mg, claim.substance_mg),
        verdict.percent(claimed_mg, claim.wet_mg),
        verdict.percent(proven_mg, claim.wet_mg),
    )  # fmt: skip
    return replace(found, arithmetic=arithmetic, words=_words(shown, lineage, proven_mg, names))


def _words(
    shown: dossier.Dossier, lineage: provenance.Lineage, proven_mg: int, names: dict[str, str]
) -> tuple[verdict.Word, ...]:
    """Whose word the proven grams rest on, the most first."""
    units: dict[verdict.Word, int] = {}
    for (n, handed), part in lineage.leaves.items():
        found = shown.items[n].entry
        registered = shown.items[found.reads[f"key:{found.jws.kid}"]].entry
        key = _registered(registered, found.jws.kid)
        event = found.event
        word = verdict.Word(
            event.party, names.get(event.party, ""), event.kind, key.custody if key else "",
            tuple(sorted(event.evidence_types())), handed, 0,
        )  # fmt: skip
        units[word] = units.get(word, 0) + part
    if not units:
        return ()
    order = sorted(units, key=lambda word: (-units[word], word.party, word.kind))
    parts = mass.largest_remainder(proven_mg, [units[word] for word in order])
    return tuple(
        replace(word, mass_mg=part) for word, part in zip(order, parts, strict=True) if part
    )


def _revocation(shown: dossier.Dossier) -> verdict.Revocation | None:
    for n, item in shown.items.items():
        body = item.entry.event.body
        if isinstance(body, bodies.CertificateRevoked) and body.serial == shown.serial:
            return verdict.Revocation(n, body.reason)
    return None


def _asked(
    shown: dossier.Dossier,
    issued: entry.Entry,
    lot: str | None,
    serial: str | None,
    found: Verdict,
) -> None:
    if serial is not None and serial.replace("-", "").upper() != shown.serial:
        raise _cannot(
            f"this is the dossier of {serials.printed(shown.serial)}, not of {serial[:40]}",
            "CERTIFICATE_UNKNOWN",
            "compare the serial with the one on your paper or label",
        )
    if lot is not None and lot not in _lots(issued):
        raise _cannot(
            f"certificate {serials.printed(shown.serial)} is on {', '.join(_lots(issued))}, "
            f"not on {lot[:40]}",
            "LOT_UNKNOWN",
            "compare the lot with the tag on the metal",
        )
    if found.revocation is not None:
        raise _cannot(
            f"entry {found.revocation.entry} revokes {serials.printed(shown.serial)}",
            "CERTIFICATE_REVOKED",
            "ask the issuer for a certificate that stands",
        )
