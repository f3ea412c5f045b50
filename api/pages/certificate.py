"""What the page of a certificate says: its status and figures, and what was checked, line by line.

No line speaks for another: what was not shown says so.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from api.pages import names
from api.pages.reader import Reader, known
from ledger.book import mass, serial
from ledger.certificate import verdict as verdicts
from ledger.certificate.verdict import Verdict, Word

View = dict[str, Any]

LOTS_MAX: Final = 12
WORDS_MAX: Final = 12
PARTIES_MAX: Final = 4
# No green tick for VALID: what was checked, and on whose word, stands line by line below.
_TONES: Final = {"VALID": "record", "REVOKED": "bad"}
_CLASSES: Final = ("POST", "BMW", "PRE")


def page(view: View, found: Verdict | None, reader: Reader) -> View:
    """Everything the template shows of `reports.certificate_view` and of the verification."""
    failed = found is not None and found.refusal is not None and found.revocation is None
    status = view["status"]
    said = reader.name(names.STATUSES, status)
    note = reader.say(f"status_{status}", **_last_day(view, reader))
    return {
        "serial": serial.printed(view["serial"]),
        "plain": view["serial"],
        "tone": "bad" if failed else _TONES.get(status, "warn"),
        "headline": reader.say("check_failed") if failed else said,
        "note": reader.say("check_failed_note", status=said) if failed else note,
        "claim": _claim(view, reader, stands=status == "VALID" and not failed),
        "parts": _parts(view, found, reader),
        "facts": _rows(view, reader),
        "lines": [] if found is None else _lines(found, view, reader),
        "why": _why(found, reader) if failed and found is not None else None,
        "zone": reader.zone,
    }


def _last_day(view: View, reader: Reader) -> dict[str, Markup]:
    if view["valid_until"] is None:
        return {}
    return {"date": reader.day(datetime.date.fromisoformat(view["valid_until"]))}


def _claimed(view: View) -> list[str]:
    """The classes that the certificate holds grams of, the most wanted first."""
    return [code for code in _CLASSES if view["claimed_mg"].get(code)]


def _claim(view: View, reader: Reader, *, stands: bool) -> Markup:
    classes = [reader.name(names.ORIGINS, code) for code in _claimed(view)]
    if not classes:
        return reader.say("claim_nothing")
    return reader.say(
        "claim" if stands else "claim_then",
        of_substance=reader.percent(view["of_substance"]),
        of_mass=reader.percent(view["of_mass"]),
        element=reader.name(names.ELEMENTS, view["substance"]),
        classes=reader.listed(classes),
    )


def _parts(view: View, found: Verdict | None, reader: Reader) -> list[Markup]:
    """Where several classes are claimed, each on its own."""
    if len(_claimed(view)) < 2:
        return []
    sums = None if found is None else found.arithmetic
    shown = []
    for code in _claimed(view):
        origin, mass_mg = reader.name(names.ORIGINS, code), view["claimed_mg"][code]
        if sums is None:
            shown.append(reader.say("claim_part_mass", origin=origin, mass=reader.about(mass_mg)))
            continue
        percent = reader.percent(mass.percent_floor(mass_mg, sums.substance_mg))
        shown.append(
            reader.say("claim_part", origin=origin, percent=percent, mass=reader.about(mass_mg))
        )
    return shown


def _rows(view: View, reader: Reader) -> list[tuple[Markup, Markup]]:
    issued = reader.say(
        "issued_by",
        date=reader.date(view["issued_at_ms"]), party=known(view["issuer"]),
    )  # fmt: skip
    held = reader.say(
        "held_of",
        held=reader.about(view["held_mg"]),
        claimed=reader.about(sum(view["claimed_mg"].values())),
    )
    method = reader.name(names.METHODS, view["method"])
    lots = [Markup('<span class="lot">{}</span>').format(lot) for lot in view["lots"][:LOTS_MAX]]
    if more := len(view["lots"][LOTS_MAX:]):
        lots.append(reader.say("more", count=more))
    return [
        (reader.say("lots"), Markup(" ").join(lots)),
        (reader.say("held"), held),
        (reader.say("issued"), issued),
        (reader.say("valid_until"), _last_day(view, reader).get("date", reader.say("no_end"))),
        (reader.say("method"), Markup("{} ({})").format(method, view["method"])),
    ]


# The verdict, line by line (docs/format.md, Verification).


@dataclass(frozen=True, slots=True)
class Line:
    """One line. tone: ok, bad, or open: not shown to us. points: details, folded if many."""

    tone: str
    said: Markup
    points: tuple[Markup, ...] = ()


def _lines(found: Verdict, view: View, reader: Reader) -> list[tuple[Markup, Line]]:
    """The six lines under their labels; those not reached say that."""
    reached = {
        "IN THE LOG": _in_log(found, reader),
        "ARITHMETIC": _arithmetic(found, reader),
        "NOT SPENT TWICE": _not_spent_twice(found, reader),
        "NOT REVOKED": _not_revoked(found, reader),
        "MADE OUT TO": _made_out_to(view, reader),
        "ON WHOSE WORD": _whose_word(found, reader),
    }
    missed = Line("bad", reader.say("not_reached"))
    return [(reader.say(label), line or missed) for label, line in reached.items()]


def _in_log(found: Verdict, reader: Reader) -> Line | None:
    if found.in_log is None:
        return None
    if not found.in_log.named:
        return Line("bad", reader.say("in_log_stranger"))
    if found.certificate is None:
        return None
    n, size = found.certificate.entry, found.in_log.size
    seen = _seen_by(found, reader)
    return Line("ok", reader.say("in_log", entry=f"{n:,}", size=f"{size:,}", seen=seen))


def _seen_by(found: Verdict, reader: Reader) -> Markup:
    seen = found.seen
    if seen is None or not seen.cosigned:
        return reader.say("seen_by_none")
    time = reader.date_time(seen.latest_s * 1000) if seen.latest_s else "?"
    of = seen.witnesses + seen.auditors
    return reader.say("seen_by", count=len(seen.cosigned), of=of, time=time)


def _auditors(found: Verdict, reader: Reader) -> Markup:
    """The auditors that cosigned; empty if none did."""
    names = found.seen.names(audits=True) if found.seen else []
    return reader.listed([known(verdicts.clean(name)) for name in names])


def _not_spent_twice(found: Verdict, reader: Reader) -> Line:
    auditors = _auditors(found, reader)
    if not auditors or found.in_log is None or found.arithmetic is None:
        return Line("open", reader.say("not_spent_twice"))
    size = f"{found.in_log.size:,}"
    return Line("ok", reader.say("spent_once", names=auditors, size=size))


def _arithmetic(found: Verdict, reader: Reader) -> Line | None:
    sums = found.arithmetic
    if sums is None:
        return None
    said = reader.say(
        "arithmetic",
        recomputed=sums.recomputed,
        proven=reader.percent(sums.proven), stated=reader.percent(sums.stated),
    )  # fmt: skip
    if sums.proven_mg == sums.claimed_mg:
        return Line("ok", said)
    auditors = _auditors(found, reader)
    rest = "arithmetic_audited" if auditors else "arithmetic_gap"
    return Line("open", said + reader.say("space") + reader.say(rest, names=auditors))


def _not_revoked(found: Verdict, reader: Reader) -> Line | None:
    if found.revocation is not None:
        n, reason = found.revocation.entry, found.revocation.reason
        said = reader.name(names.REASONS, reason)
        return Line("bad", reader.say("revoked_by", entry=f"{n:,}", reason=said))
    if found.in_log is None:
        return None
    return Line("open", reader.say("not_revoked", size=f"{found.in_log.size:,}"))


def _made_out_to(view: View, reader: Reader) -> Line:
    if not view["holder"]:
        return Line("open", reader.say("made_out_nobody"))
    if view["holder"] == "external":
        return Line("open", reader.say("made_out_external"))
    return Line("ok", reader.say("made_out_to", holder=view["holder"]))


def _whose_word(found: Verdict, reader: Reader) -> Line | None:
    """The claim divided over parties; under it, over their papers and keys."""
    sums = found.arithmetic
    if sums is None:
        return None
    by_party: dict[str, int] = {}
    for word in found.words:
        by_party[word.party] = by_party.get(word.party, 0) + word.mass_mg
    order = sorted(by_party.items(), key=lambda item: -item[1])
    parts = [
        reader.say("party_share", party=known(party), mass=reader.about(mg))
        for party, mg in order[:PARTIES_MAX]
    ]
    if rest := order[PARTIES_MAX:]:
        rest_mg = sum(mg for _, mg in rest)
        parts.append(reader.say("more_words", mass=reader.about(rest_mg), count=len(rest)))
    if missing_mg := sums.claimed_mg - sums.proven_mg:
        parts.append(reader.say("not_proven", mass=reader.about(missing_mg)))
    said = reader.say("whose_word", mass=reader.about(sums.claimed_mg), parts=reader.enum(parts))
    points = [_word(word, reader) for word in found.words[:WORDS_MAX]]
    if more := len(found.words[WORDS_MAX:]):
        points.append(reader.say("more", count=more))
    return Line("open", said, tuple(points))


def _word(word: Word, reader: Reader) -> Markup:
    custody = reader.say("custody_self" if word.custody == "self" else "custody_operator")
    papers = [reader.name(names.EVIDENCE, kind) for kind in word.evidence]
    details: list[str] = [custody, *(papers or [reader.say("no_evidence")])]
    if word.kind in ("scrap_declared", "assay_recorded"):
        details.append(reader.say(f"kind_{word.kind}"))
    if word.both_signed:
        details.append(reader.say("both_signed"))
    joined = reader.enum(details)
    party = f"{word.name} ({word.party})" if word.name else word.party
    return reader.say("word", mass=reader.about(word.mass_mg), party=party, about=joined)


def _why(found: Verdict, reader: Reader) -> Markup | None:
    refusal = found.refusal
    if refusal is None:
        return None
    message = verdicts.clean(refusal.message)
    return reader.say("why", step=refusal.step, code=refusal.code, message=message)
