"""Rules for lot_received and assay_recorded (docs/events.md sections 1, 2 and 5)."""

from __future__ import annotations

from ledger.book import assay, bodies, fold, lines, marks, mass, state, vocabulary
from ledger.book.rules import draft as drafts
from ledger.book.rules import registry
from ledger.book.rules.draft import Draft
from ledger.errors import FormatError, RuleError


def unproven(draft: Draft) -> list[str]:
    """The classes a receipt states without evidence of a type that proves them.

    Raises FormatError ORIGIN_EVIDENCE_MISSING where the log is strict.
    """
    body = draft.event.body
    assert isinstance(body, bodies.LotReceived)
    given, accepted = draft.event.evidence_types(), draft.parameter("evidence")
    stated = {
        name
        for shares in (body.origin or {}).values()
        for name, share in shares.items()
        if share and name != "UNK"
    }
    missing: list[str] = [
        name
        for name in vocabulary.ORIGINS
        if name in stated and not given & set(accepted.get(name, ()))
    ]
    if missing and draft.parameter("strict"):
        documents = ", ".join(accepted.get(missing[0], ())) or "none"
        raise FormatError(
            "ORIGIN_EVIDENCE_MISSING",
            f"body.origin: {missing[0]} without evidence that proves it",
            field="evidence",
            value=missing[0],
            hint=f"what proves it here: {documents}; or state the origin as UNK",
        )
    return missing


def may_receive(draft: Draft) -> None:
    """`from` is known; metal of a party with a site here comes by hand-over."""
    body = draft.event.body
    assert isinstance(body, bodies.LotReceived)
    if body.source.party is None:
        return
    if registry.known_party(draft, body.source.party, "body.from.party").sites:
        raise RuleError(
            "HANDOVER_REQUIRED",
            f"body.from.party: {body.source.party} has a site in this log",
            field="body.from.party",
            value=body.source.party,
            hint="let it state lot_dispatched and answer with lot_arrived, so origins carry over",
        )


def origin_lines(
    grams_mg: int, element: str, origin: assay.Origin, unproven_classes: list[str]
) -> lines.Lines:
    """One element's grams over its origin shares, unproven shares going to UNK."""
    stated = origin.get(element) or origin.get("*") or {"UNK": mass.PPB}
    shares: dict[str, int] = {}
    for name, share in stated.items():
        proven = "UNK" if name in unproven_classes else name
        shares[proven] = shares.get(proven, 0) + share
    return lines.take_lines(shares, grams_mg) if grams_mg else {}


def receive(draft: Draft) -> None:
    """source:<site> -> lot, by assay and origin."""
    event, body = draft.event, draft.event.body
    assert isinstance(body, bodies.LotReceived)
    drafts.new_lot(draft, body.lot, "body.lot")
    _tickets(draft, body)
    drafts.refuse_heel(body.lot, "body.lot")
    missing = unproven(draft)
    contents = body.assay or {}
    balances: lines.Balances = {}
    for substance, grams_mg in assay.grams(body.mass, body.moisture, contents).items():
        if substance in contents:
            page = origin_lines(grams_mg, substance, body.origin or {}, missing)
        else:
            page = {lines.UNCLASSED: grams_mg}
        lines.add_all(balances, {substance: page})
    draft.post_all(f"lot:{body.lot}", balances)
    draft.post_all(f"source:{event.site}", balances, -1)
    draft.notes[body.lot] = state.Lot(
        {}, {}, f"receipt:{body.lot}", "received", body.assay_grade, tuple(sorted(contents)),
        tuple(marks.UNPROVEN + name for name in sorted(missing)), event.site, event.occurred_at_ms,
    )  # fmt: skip


def _tickets(draft: Draft, body: bodies.LotReceived) -> None:
    event = draft.event
    if body.ticket is not None:
        used = draft.reader.used(fold.ticket_key(event.site, body))
        if used is not None:
            _reused("body.ticket", body.ticket, used[0])
    for i, document in enumerate(event.evidence):
        if document.type in vocabulary.DOCUMENT_TYPES:
            used = draft.reader.used(f"document:{document.sha256}")
            if used is not None and used[1] != event.party:
                _reused(f"evidence[{i}].sha256", document.sha256, used[0])


def _reused(field: str, value: str, n: int) -> None:
    raise RuleError(
        "TICKET_REUSED",
        f"{field}: {value} stands behind the receipt of entry {n}",
        field=field,
        value=value,
        hint="one ticket, one receipt; number the parts of a split load with ticket_part",
    )


def assay_lot(draft: Draft) -> None:
    """A later assay revalues a received, untouched lot against its source; wet mass stays."""
    body = draft.event.body
    assert isinstance(body, bodies.AssayRecorded)
    was = drafts.existing(draft, body.lot, "body.lot")
    drafts.custody(draft, body.lot, was, "body.lot")
    drafts.lying(body.lot, was, "body.lot")
    if not was.by.startswith("receipt:") or marks.TOUCHED in was.marks:
        made = "made by a run" if was.by.startswith("run:") else "used since it was received"
        raise RuleError(
            "LOT_TOUCHED",
            f"body.lot: {body.lot} was {made}",
            field="body.lot",
            value=body.lot,
            hint="a run's outputs are restated by run_finalized; a used lot keeps its assay",
        )
    receipt = draft.read(f"receipt:{body.lot}", state.Receipt)
    assert receipt is not None
    contents = {**receipt.assay, **body.assay}
    if sum(contents.values()) > mass.PPB:
        raise RuleError(
            "ASSAY_SUM_OVER_100",
            f"body.assay: with the elements not named the sum is {sum(contents.values())} ppb",
            field="body.assay",
            value=sum(contents.values()),
            hint="name every element whose content changes; the others keep theirs",
        )
    moisture = receipt.moisture_ppb if body.moisture is None else body.moisture
    _revalue(draft, body.lot, was, receipt, assay.grams(receipt.wet_mg, moisture, contents))
    draft.note(body.lot, was, grade=body.grade, mentions=tuple(sorted({*was.mentions, *contents})))


def _revalue(
    draft: Draft, lot: str, was: state.Lot, receipt: state.Receipt, target: dict[str, int]
) -> None:
    account, source = f"lot:{lot}", f"source:{receipt.site}"
    for substance in sorted({*target, *was.balances}):
        had = lines.substance_mg(was.balances, substance)
        change_mg = target.get(substance, 0) - had
        if substance in (assay.OTHER, assay.WATER):
            page = {lines.UNCLASSED: change_mg}
        elif change_mg > 0:
            page = origin_lines(change_mg, substance, receipt.origin, [])
        else:
            fewer = leaving(was.balances.get(substance, {}), -change_mg)
            page = {line: -mass_mg for line, mass_mg in fewer.items()}
        for line, delta_mg in page.items():
            draft.post(account, substance, line, delta_mg)
            draft.post(source, substance, line.partition("/")[0], -delta_mg)


def leaving(page: lines.Lines, mass_mg: int) -> lines.Lines:
    """What leaves when an assay finds less: LR over origins, ties to the most claimable; inside
    an origin free grams first, then sold, then certified (serials ascending)."""
    origins = sorted({lines.split(line)[0] for line in page}, key=lines.rank, reverse=True)
    totals = [sum(mg for line, mg in page.items() if lines.split(line)[0] == o) for o in origins]
    gone: lines.Lines = {}
    shares = mass.largest_remainder(mass_mg, totals) if mass_mg else [0] * len(origins)
    for origin, share in zip(origins, shares, strict=True):
        gone.update(free_first(page, origin, share))
    return gone


def free_first(page: lines.Lines, origin: str, mass_mg: int) -> lines.Lines:
    """`mass_mg` of one origin: free grams first, then sold, then certified, serials ascending."""
    gone: lines.Lines = {}
    mine = [line for line in page if lines.split(line)[0] == origin]
    for line in sorted(mine, key=_release_order):
        part = min(page[line], mass_mg)
        if part:
            gone[line] = part
            mass_mg -= part
    assert mass_mg == 0, (origin, mass_mg)
    return gone


def _release_order(line: str) -> tuple[int, str]:
    claim = lines.split(line)[1]
    return (0 if not claim else 1 if claim == lines.SOLD else 2, claim)
