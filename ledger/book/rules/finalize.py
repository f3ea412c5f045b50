"""Rule for run_finalized: outputs restated by their final assay (docs/events.md section 5)."""

from __future__ import annotations

from ledger.book import assay, bodies, lines, marks, state, vocabulary
from ledger.book.rules import closure
from ledger.book.rules import draft as drafts
from ledger.book.rules.draft import Draft
from ledger.book.rules.receipt import free_first
from ledger.book.shape import invalid
from ledger.errors import RuleError


def may_finalize(draft: Draft) -> None:
    """The party of the run, at its site."""
    body, event = draft.event.body, draft.event
    assert isinstance(body, bodies.RunFinalized)
    run = draft.read(f"run:{body.run}", state.Run)
    if run is not None and run.site != event.site:
        raise RuleError(
            "PERMISSION_DENIED",
            f"body.run: {body.run} is a run of {run.site}, not of {event.site}",
            field="body.run",
            value=body.run,
            hint=f"to be stated at {run.site}, by its party",
        )


def finalize(draft: Draft) -> None:
    """Attribute what the run left on the named outputs, its losses and gains anew."""
    body = draft.event.body
    assert isinstance(body, bodies.RunFinalized)
    lots, run = _check(draft, body)
    restated = {o.lot: o for o in body.outputs}
    order = sorted(restated, key=lambda x: (vocabulary.OUTPUT_ROLES.index(run.roles[x]), x))
    left = _left(run, order)
    made = [(lot, _restated_grams(lots[lot].balances, restated[lot])) for lot in order]
    gained = _gained(draft, run, left, made)
    _post(draft, run, left, made, gained)
    for lot in order:
        mentions = tuple(sorted(restated[lot].assay))
        draft.note(lot, lots[lot], grade="final", mentions=mentions)


def _check(draft: Draft, body: bodies.RunFinalized) -> tuple[dict[str, state.Lot], state.Run]:
    for i, output in enumerate(body.outputs):
        drafts.existing(draft, output.lot, f"body.outputs[{i}].lot")
    run = draft.read(f"run:{body.run}", state.Run)
    if run is None:
        raise RuleError(
            "RUN_UNKNOWN",
            f"body.run: no run {body.run} in this log",
            field="body.run",
            value=body.run,
            hint="name the run as it was recorded, <site>/<name>",
        )
    if run.step in vocabulary.INHERITING:
        raise invalid("body.run", run.step, "a run whose outputs have assays of their own")
    for i, output in enumerate(body.outputs):
        if output.lot not in run.outputs:
            raise RuleError(
                "LOT_UNKNOWN",
                f"body.outputs[{i}].lot: {output.lot} is no output of {body.run}",
                field=f"body.outputs[{i}].lot",
                value=output.lot,
                hint=f"its outputs: {', '.join(run.outputs) or 'none'}",
            )
    return {o.lot: _untouched(draft, o.lot, i) for i, o in enumerate(body.outputs)}, run


def _untouched(draft: Draft, lot: str, i: int) -> state.Lot:
    path = f"body.outputs[{i}].lot"
    was = drafts.existing(draft, lot, path)
    drafts.custody(draft, lot, was, path)
    drafts.lying(lot, was, path)
    if marks.TOUCHED in was.marks:
        raise RuleError(
            "LOT_TOUCHED",
            f"{path}: {lot} was used since it was made",
            field=path,
            value=lot,
            hint="finalise the assays of a run before its outputs are used",
        )
    return was


def _restated_grams(was: lines.Balances, output: bodies.Restated) -> dict[str, int]:
    wet_mg = lines.wet_mg(was)
    if output.moisture is not None:
        return assay.grams(wet_mg, output.moisture, output.assay)
    return assay.grams_beside_water(wet_mg, lines.substance_mg(was, assay.WATER), output.assay)


def _left(run: state.Run, named: list[str]) -> lines.Balances:
    """The pool with what came from gain, less the lines of the outputs not named and the heel."""
    left = lines.copy(run.loss)
    for lot in named:
        lines.add_all(left, run.given[lot])
    return {s: page for s, page in left.items() if s not in (assay.OTHER, assay.WATER)}


def _gained(
    draft: Draft, run: state.Run, left: lines.Balances, made: closure.Made
) -> dict[str, int]:
    gained = {}
    for element in {*left, *(name for _, grams in made for name in grams)}:
        out_mg = sum(grams.get(element, 0) for _, grams in made)
        more_mg = out_mg - lines.substance_mg(left, element)
        if element not in (assay.OTHER, assay.WATER) and more_mg > 0:
            gained[element] = more_mg
    together = {e: gained.get(e, 0) + run.gain.get(e, 0) for e in {*gained, *run.gain}}
    closure.check_gains(draft, together, run.pool, run.parts)
    return gained


def _post(
    draft: Draft,
    run: state.Run,
    left: lines.Balances,
    made: closure.Made,
    gained: dict[str, int],
) -> None:
    place = f"{run.site}/{run.step}"
    draft.post_all(f"loss:{place}", run.loss, -1)
    shares = closure.distribute(draft, left, made, gained, place)
    for (lot, _), share in zip(made, shares, strict=True):
        was = draft.before[lot].balances
        for substance in sorted({*share, *was}):
            if substance in (assay.OTHER, assay.WATER):
                continue
            target = share.get(substance, {})
            gave = run.given[lot].get(substance, {})
            _restate(draft, lot, substance, was.get(substance, {}), gave, target)
        _settle(draft, run.site, lot, was, share)


def _restate(
    draft: Draft, lot: str, substance: str, was: lines.Lines, gave: lines.Lines, target: lines.Lines
) -> None:
    for line in sorted({*gave, *target}, key=lines.rank):
        change = target.get(line, 0) - gave.get(line, 0)
        if change >= 0 or lines.split(line)[1]:
            draft.post(f"lot:{lot}", substance, line, change)
            continue
        # Free grams first, then grams certified since: a certificate that loses some is DISPUTED.
        origin = lines.split(line)[0]
        since = {x: mg for x, mg in was.items() if x == line or x not in gave}
        for gone, mass_mg in free_first(since, origin, -change).items():
            draft.post(f"lot:{lot}", substance, gone, -mass_mg)


def _settle(draft: Draft, site: str, lot: str, was: lines.Balances, share: lines.Balances) -> None:
    """H2O and OTHER of one output against ambient; `distribute` saw none of them before."""
    for substance in (assay.OTHER, assay.WATER):
        had, has = lines.substance_mg(was, substance), lines.substance_mg(share, substance)
        draft.post(f"lot:{lot}", substance, lines.UNCLASSED, has - had)
        draft.post(f"ambient:{site}", substance, lines.UNCLASSED, had)
