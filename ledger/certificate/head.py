"""Steps 2 and 3 of verification: whose checkpoint it is, who saw it, and when.

A log's keys are the one that entry 0 names and those that the operator named later, in entries
whose list of keys the dossier discloses. Which of them count, the buyer's policy says; so do the
keys of witnesses. The clock is an argument, and used for nothing but `max_age`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger import logkeys
from ledger.book import bodies, jose
from ledger.certificate import dossier, policy, verdict
from ledger.errors import ProofError
from ledger.tlog import checkpoint, cosignature, note

# How far a witness's clock may be ahead of the buyer's.
AHEAD_S: Final = 300
_FRESH: Final = "fetch a fresh dossier of this certificate"


@dataclass(frozen=True, slots=True)
class Head:
    """The checkpoint of a dossier, signed by a key of its log.

    naming: the entries that name this key, one of which must prove sound; none if entry 0 does.
    """

    checkpoint: checkpoint.Checkpoint
    note: note.Note
    in_log: verdict.InLog
    naming: tuple[int, ...]


def open_head(
    shown: dossier.Dossier, opened: bodies.LogOpened, buyer: policy.Policy | None
) -> Head:
    """The checkpoint, verified with a key of the policy, else with those that the log names.

    Raises ProofError as `checkpoint.open_checkpoint`, and for a key that the log does not name.
    """
    keys = _log_keys(shown, opened)
    trusted = [log.verifier for log in buyer.logs] if buyer else []
    named = True
    try:
        head, signed = checkpoint.open_checkpoint(shown.checkpoint, trusted)
    except ProofError as error:
        if error.code != "CHECKPOINT_UNSIGNED":
            raise
        named = False
        head, signed = checkpoint.open_checkpoint(shown.checkpoint, keys)
    made = {(line.name, line.key_id) for line in signed.verified_signatures}
    good = [key for key in (trusted if named else keys) if (key.name, key.key_id) in made]
    key = next((key for key in good if key in keys), None)
    if key is None:
        raise ProofError(
            "SIGNATURE_INVALID",
            f"the key that signed, {good[0].vkey}, is not one that the log names",
            hint="ask for a dossier that shows how the log's keys changed",
        )
    if not head.origin == key.name == opened.origin:
        raise ProofError(
            "LOG_MISMATCH",
            f"the checkpoint is of {head.origin!r}, its key of {key.name!r}, entry 0 of "
            f"{opened.origin!r}, want one name",
            hint="a checkpoint says nothing of another log's entries",
        )
    kid = jose.thumbprint(opened.operator_key)
    in_log = verdict.InLog(head.origin, head.size, head.root.hex(), key.vkey, kid, named)
    return Head(head, signed, in_log, keys[key])


def _log_keys(
    shown: dossier.Dossier, opened: bodies.LogOpened
) -> dict[note.Verifier, tuple[int, ...]]:
    """The keys of the log, each with the entries that name it; of entry 0's, none is asked."""
    keys: dict[note.Verifier, tuple[int, ...]] = {}
    for n, item in shown.items.items():
        for key in logkeys.listed(item.entry.event, shown.disclosures.get(n, ())):
            keys[key] = (*keys.get(key, ()), n)
    keys[note.parse_vkey(opened.log_key)] = ()
    return keys


def seen(head: Head, buyer: policy.Policy | None, now_s: int | None) -> verdict.Seen:
    """Who of the policy's witnesses cosigned the checkpoint, each signature checked.

    A time further ahead of `now_s` than five minutes says nothing of the checkpoint's age.
    Raises ProofError SIGNATURE_INVALID, or NOTE_INVALID for a witness key that is none.
    """
    if buyer is None:
        return verdict.Seen()
    keys = {known.name: cosignature.parse_vkey(known.vkey) for known in buyer.witnesses}
    try:
        times = cosignature.verify_cosignatures(head.note, keys)
    except ProofError as error:
        hint = "the file was altered, or your policy has a wrong key for this witness"
        raise ProofError(error.code, error.message, field=error.field, hint=hint) from error
    auditors = policy.auditors(buyer)
    told = {name: at for name, at in times.items() if not _ahead(at, now_s)}
    return verdict.Seen(
        tuple(verdict.Cosigned(name, name in auditors, times[name]) for name in sorted(times)),
        len(buyer.witnesses) - len(auditors),
        len(auditors),
        max(told.values(), default=0) or None,
        policy.seen_at_s(buyer, {name: told.get(name, 0) for name in times}),
    )


def _ahead(time_s: int, now_s: int | None) -> bool:
    return now_s is not None and time_s > now_s + AHEAD_S


def check_seen(seen: verdict.Seen, buyer: policy.Policy | None, now_s: int | None) -> None:
    """Check the policy's quorum and its max_age.

    Raises ProofError CHECKPOINT_UNWITNESSED naming who is missing, or CHECKPOINT_STALE.
    """
    if buyer is None:
        return
    missing = policy.lacking(buyer, {made.name: made.time_s for made in seen.cosigned})
    if missing:
        shown = ", ".join(made.name for made in seen.cosigned) or "none"
        raise ProofError(
            "CHECKPOINT_UNWITNESSED",
            f"the policy wants the cosignatures of {missing}: {verdict.NOT_SHOWN}; shown: {shown}",
            hint=f"{_FRESH}; if they still lack, ask the operator and the witnesses why",
        )
    if buyer.max_age_s is not None:
        _check_age(seen, buyer.max_age_s, now_s)


def _check_age(seen: verdict.Seen, max_age_s: int, now_s: int | None) -> None:
    wanted = f"want it seen within {policy.age(max_age_s)}"
    if now_s is None:
        raise ProofError("CHECKPOINT_STALE", f"the time now is not known, {wanted}")
    if seen.seen_at_s is None:
        ahead = any(_ahead(made.time_s, now_s) for made in seen.cosigned)
        raise ProofError(
            "CHECKPOINT_STALE",
            f"no witness says when it saw the checkpoint, {wanted}"
            if not ahead
            else f"the witnesses' times lie in the future of this machine's clock, {wanted}",
            hint="set the clock of this machine" if ahead else _FRESH,
        )
    if now_s - seen.seen_at_s > max_age_s:
        raise ProofError(
            "CHECKPOINT_STALE",
            f"the witnesses saw the checkpoint at {verdict.time_of(seen.seen_at_s * 1000)}, "
            f"{_ago(now_s - seen.seen_at_s)} ago, {wanted}",
            hint=_FRESH,
        )


def _ago(age_s: int) -> str:
    return f"{age_s // 60} minutes" if age_s >= 120 else f"{age_s} seconds"
