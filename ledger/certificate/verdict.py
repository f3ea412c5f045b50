"""The verdict: separate lines, never one green word, as data, as text and as JSON.

Every line says what was shown and on whose word; what was not shown says so. Exit status:
0 meets the policy, 1 refused, 2 unreadable, 3 consistent in itself but signed by nobody whom the
policy names. Source: docs/format.md, Verification.
"""

from __future__ import annotations

import datetime
import textwrap
from dataclasses import asdict, dataclass
from typing import Any, Final

from ledger.book import encoding, mass, serial

MEETS_POLICY: Final = 0
REFUSED: Final = 1
UNREADABLE: Final = 2
STRANGER: Final = 3
WIDTH: Final = 100
INDENT: Final = 20
NOT_SHOWN: Final = "not shown"

STEPS: Final = (
    "", "decode", "checkpoint", "cosignatures", "inclusion", "statements", "rules", "claim",
    "this lot, this serial",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """Where and why verification stopped. entry, account, line: as far as they apply."""

    step: int
    code: str
    message: str
    hint: str = ""
    entry: int | None = None
    account: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class InLog:
    """The head that the entries were proven to be under. named: its key is in the policy."""

    origin: str
    size: int
    root: str
    log_key: str
    operator_key: str
    named: bool


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness of the policy that cosigned the checkpoint, under its name there.

    audits: it stands under `auditors`. time_s: when, in seconds since 1970; 0 if it does not say.
    """

    name: str
    audits: bool
    time_s: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Who saw the head, of those whom the policy names.

    witnesses, auditors: how many it names of each. latest_s: the latest time that one of them
    states. seen_at_s: the latest by which its quorum had seen the head. None: nobody says.
    """

    cosigned: tuple[Cosigned, ...] = ()
    witnesses: int = 0
    auditors: int = 0
    latest_s: int | None = None
    seen_at_s: int | None = None

    def names(self, *, audits: bool) -> list[str]:
        """Who cosigned as an auditor, or as an ordinary witness."""
        return [made.name for made in self.cosigned if made.audits is audits]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the certificate's entry says."""

    serial: str
    entry: int
    issued_at_ms: int
    issuer: str
    issuer_name: str
    site: str
    substance: str
    method: str
    classes: tuple[str, ...]
    lots: tuple[str, ...]
    holder: str
    holder_name: str
    valid_until: str | None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The claim, twice: as stated, and as far as entries that were recomputed carry it.

    Percentages are floored to two decimals; masses are those of `lot`, or of all named lots.
    claimed: class -> mg.
    """

    entries: int
    recomputed: int
    lot: str
    claimed: dict[str, int]
    claimed_mg: int
    proven_mg: int
    substance_mg: int
    wet_mg: int
    stated: str
    proven: str
    stated_of_mass: str
    proven_of_mass: str


@dataclass(frozen=True, slots=True)
class Word:
    """A share of the proven grams, and whose word it rests on.

    kind: the event that brought the metal in. custody: "self" or "operator". both_signed: it
    went on from one party to another, and both said so.
    """

    party: str
    name: str
    kind: str
    custody: str
    evidence: tuple[str, ...]
    both_signed: bool
    mass_mg: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """The entry that withdrew the certificate."""

    entry: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found. Parts that were not reached are None."""

    status: int
    refusal: Refusal | None = None
    in_log: InLog | None = None
    certificate: Certificate | None = None
    arithmetic: Arithmetic | None = None
    words: tuple[Word, ...] = ()
    revocation: Revocation | None = None
    seen: Seen | None = None


def as_dict(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain JSON data, with the lines that `text` prints."""
    shown = asdict(verdict)
    shown["lines"] = {name: clean(said) for name, said in _lines(verdict)}
    seen, in_log = verdict.seen or Seen(), verdict.in_log
    witnesses, auditors = seen.names(audits=False), seen.names(audits=True)
    shown["witnesses"] = [
        {
            "name": clean(made.name),
            "counted_as": "auditor" if made.audits else "witness",
            "time": _time(made.time_s),
        }
        for made in seen.cosigned
    ]
    shown["seen"] = {
        "witnesses": len(witnesses), "of_witnesses": seen.witnesses,
        "auditors": len(auditors), "of_auditors": seen.auditors,
        "latest": _time(seen.latest_s), "as_of": _time(seen.seen_at_s),
    }  # fmt: skip
    shown["not_spent_twice"] = (
        {"auditors": [clean(name) for name in auditors], "size": in_log.size}
        if auditors and in_log
        else None
    )
    return shown


def text(verdict: Verdict) -> str:
    """The verdict for people: a heading, aligned lines, and the refusal if there is one."""
    rows = [_heading(verdict)]
    rows += [row for name, said in _lines(verdict) for row in _wrapped(name, said)]
    refusal = verdict.refusal
    if refusal is not None:
        rows.append(f"{'WHY':<20}step {refusal.step} ({STEPS[refusal.step]}), {_where(refusal)}")
        rows.append(f"{'':<20}{refusal.code}: {refusal.message}")
        if refusal.hint:
            rows.append(f"{'':<20}{refusal.hint}")
    return "".join(f"{clean(row)}\n" for row in rows)


def _wrapped(name: str, said: str) -> list[str]:
    """One line of the verdict on as many rows as a screen needs; each word on a row of its own."""
    begin, *more = said.split(" · ")
    parts = [begin, *(f"· {part}" for part in more)]
    rows = [row for part in parts for row in textwrap.wrap(part, WIDTH - INDENT)]
    return [f"{name if i == 0 else '':<{INDENT}}{row}" for i, row in enumerate(rows)]


def clean(said: str) -> str:
    """Text from a file nobody vouches for, without what moves cursors or turns text around."""
    return encoding.UNSAFE_TEXT.sub("\ufffd", said).encode("utf-8", "replace").decode()


def percent(part_mg: int, whole_mg: int) -> str:
    """A percentage, rounded down to two decimals."""
    return mass.percent_floor(part_mg, whole_mg)


def _heading(verdict: Verdict) -> str:
    if verdict.status == UNREADABLE:
        return "UNREADABLE: this is not a dossier that can be checked"
    if verdict.revocation is not None:
        return "REFUSED: this certificate is REVOKED"
    if verdict.status == REFUSED:
        return "REFUSED: do not rely on this dossier"
    if verdict.status == STRANGER:
        return (
            "SIGNED BY NOBODY YOU NAMED: consistent in itself, checked with the keys that the "
            "dossier brought along; anybody can make such a file"
        )
    issued = verdict.certificate
    if issued is None:
        return "MEETS THE POLICY"
    return (
        f"Certificate {serial.printed(issued.serial)}, issued {time_of(issued.issued_at_ms)} by "
        f"{_named(issued.issuer, issued.issuer_name)}: meets the policy"
    )


def _where(refusal: Refusal) -> str:
    where = [f"entry {refusal.entry}"] if refusal.entry is not None else []
    where += [part for part in (refusal.account, refusal.line) if part]
    return ", ".join(where) or "the file"


def _lines(verdict: Verdict) -> list[tuple[str, str]]:
    """The six lines, as far as verification came."""
    if verdict.in_log is None:
        return []
    seen = verdict.seen or Seen()
    made = [("IN THE LOG", _in_log(verdict.in_log, seen))]
    if verdict.arithmetic is None or verdict.certificate is None:
        return made
    return [
        *made,
        ("ARITHMETIC", _arithmetic(verdict.arithmetic, verdict.certificate, seen)),
        ("NOT SPENT TWICE", _not_spent_twice(verdict.in_log, seen)),
        ("NOT REVOKED", _not_revoked(verdict, seen)),
        ("MADE OUT TO", _made_out_to(verdict.certificate)),
        ("ON WHOSE WORD", _on_whose_word(verdict)),
    ]


def _in_log(in_log: InLog, seen: Seen) -> str:
    if not in_log.named:
        return (
            f"only by the dossier's own key, {in_log.log_key}, which your policy does not name; "
            f"it calls itself {in_log.origin}, size {in_log.size:,}"
        )
    latest = f", latest {_time(seen.latest_s)}" if seen.latest_s else ""
    return f"yes, size {in_log.size:,}, log {in_log.origin}, seen by {_seen_by(seen)}{latest}"


def _seen_by(seen: Seen) -> str:
    witnesses, auditors = len(seen.names(audits=False)), len(seen.names(audits=True))
    said = [f"{witnesses} of {seen.witnesses} witnesses"] if witnesses else []
    said += [f"{auditors} of {seen.auditors} auditing witnesses"] if auditors else []
    return " and ".join(said) or "no witness you named"


def _auditing(seen: Seen) -> str:
    """The auditors that cosigned, by name; "" if none did."""
    *names, last = seen.names(audits=True) or [""]
    if not names:
        return last and f"auditing witness {last}"
    return f"auditing witnesses {', '.join(names)} and {last}"


def _not_spent_twice(in_log: InLog, seen: Seen) -> str:
    auditors = _auditing(seen)
    return f"on the word of {auditors} up to size {in_log.size:,}" if auditors else NOT_SHOWN


def _arithmetic(sums: Arithmetic, certificate: Certificate, seen: Seen) -> str:
    what = f"{'+'.join(certificate.classes)} in the {certificate.substance}"
    on = f"lot {sums.lot}" if sums.lot else "the certified lots"
    quoted = sums.entries - sums.recomputed
    beside = f" ({quoted} more only quoted)" if quoted else ""
    rest = f"; the difference rests on {_auditing(seen) or 'nobody'}"
    return (
        f"recomputed, {sums.recomputed} entries{beside}; {what} of {on}: proven at least "
        f"{sums.proven} % (stated {sums.stated} %); of the whole mass: proven at least "
        f"{sums.proven_of_mass} % (stated {sums.stated_of_mass} %)"
        f"{rest if sums.proven_mg != sums.claimed_mg else ''}"
    )


def _not_revoked(verdict: Verdict, seen: Seen) -> str:
    if verdict.revocation is not None:
        gone = verdict.revocation
        return f"REVOKED by entry {gone.entry:,}, reason: {gone.reason}"
    when = f", seen {_time(seen.seen_at_s)}" if seen.seen_at_s else ""
    return (
        f"as of the checkpoint above{when}, on the word of whoever made this file: a revocation "
        "that it leaves out does not show"
    )


def _made_out_to(certificate: Certificate) -> str:
    until = f"; valid until {certificate.valid_until}" if certificate.valid_until else ""
    if not certificate.holder:
        return f"nobody: check online before you rely on it{until}"
    if certificate.holder == "external":
        return f"somebody outside this log{until}"
    return _named(certificate.holder, certificate.holder_name) + until


def _named(party: str, name: str) -> str:
    return f"{name} ({party})" if name else party


def _on_whose_word(verdict: Verdict) -> str:
    sums = verdict.arithmetic
    if sums is None:
        return NOT_SHOWN
    said = [f"{roughly(word.mass_mg)} {_word(word)}" for word in verdict.words]
    missing_mg = sums.claimed_mg - sums.proven_mg
    if missing_mg:
        said.append(f"{roughly(missing_mg)} {NOT_SHOWN}, counted as primary")
    return f"{roughly(sums.claimed_mg)} of the claim: {' · '.join(said)}"


_KINDS: Final = {"scrap_declared": "declared as scrap", "assay_recorded": "found by a later assay"}


def _word(word: Word) -> str:
    custody = "self-held key" if word.custody == "self" else "custodial key"
    evidence = " and ".join(kind.replace("_", " ") for kind in word.evidence) or "no evidence"
    about = [custody, evidence]
    about += [_KINDS[word.kind]] if word.kind in _KINDS else []
    about += ["both sides signed"] if word.both_signed else []
    return f"{_named(word.party, word.name)} ({', '.join(about)})"


def roughly(mass_mg: int) -> str:
    """A mass for reading, rounded down to two decimals of the largest unit that fits."""
    for unit, per in (("t", 10**9), ("kg", 10**6), ("g", 10**3)):
        if mass_mg >= per:
            return f"{mass_mg // per:,}.{mass_mg % per * 100 // per:02d} {unit}"
    return f"{mass_mg} mg"


def time_of(at_ms: int) -> str:
    """UTC milliseconds as RFC 3339, or "?" beyond the calendar."""
    try:
        at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=at_ms)
    except OverflowError:
        return "?"
    return at.isoformat(timespec="seconds") + "Z"


def _time(at_s: int | None) -> str | None:
    """Seconds since 1970 as RFC 3339; None if not told."""
    return time_of(at_s * 1000) if at_s else None
