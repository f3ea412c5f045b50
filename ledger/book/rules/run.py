"""Rule for run_recorded: take, pool, out, close, attribute (docs/events.md section 3)."""

from __future__ import annotations

from ledger.book import assay, bodies, lines, marks, state, vocabulary
from ledger.book.rules import closure, intake
from ledger.book.rules.draft import Draft
from ledger.book.rules.intake import Work
from ledger.errors import RuleError


def record(draft: Draft) -> None:
    """Book a run. Raises the first refusal in the order of docs/events.md section 9."""
    body = draft.event.body
    assert isinstance(body, bodies.RunRecorded)
    work = Work(draft, body)
    intake.find(work)
    intake.check_lots(work)
    intake.check_same_process(work)
    _take(work)
    if work.inheriting:
        _inherit(work)
    else:
        _transform(work)


def _take(work: Work) -> None:
    """Move what is taken into the pool; free certified grams where the step transforms."""
    for source in work.sources:
        weight = lines.wet_mg(source.was.balances)
        taken_mg = weight if source.taken_mg is None else source.taken_mg
        if taken_mg > weight:
            path = source.path.replace(".lot", ".mass")
            raise RuleError(
                "LOT_INSUFFICIENT",
                f"{path}: {source.lot} weighs {weight} mg, {taken_mg} mg are taken",
                field=path,
                value=taken_mg,
                hint='take at most what is there, or "all"',
            )
        taken = lines.take(source.was.balances, taken_mg)
        work.draft.post_all(f"lot:{source.lot}", taken, -1)
        work.draft.note(source.lot, source.was, more=(marks.TOUCHED,))
        freed = taken if work.inheriting else _freed(work.draft, taken)
        lines.add_all(work.pool, freed)
        work.parts.append(state.Part(lines.substance_mg(freed, assay.OTHER), source.was.mentions))


def _freed(draft: Draft, taken: lines.Balances) -> lines.Balances:
    """Certified grams used by another party come out free, unless their serial is REVOKED."""
    if not lines.serials(taken):
        return taken
    free: lines.Balances = {}
    for substance, page in taken.items():
        for line, mass_mg in page.items():
            number = lines.serial_of(line)
            held = draft.read(f"certificate:{number}", state.Certificate) if number else None
            kept = not number or (held is not None and held.revoked)
            lines.add(free, substance, line if kept else lines.split(line)[0], mass_mg)
    return free


def _order(outputs: tuple[bodies.Output, ...]) -> list[bodies.Output]:
    return sorted(outputs, key=lambda o: (vocabulary.OUTPUT_ROLES.index(o.role), o.lot))


def _marks(work: Work, output: bodies.Output) -> set[str]:
    """The marks of an output: who may not declare it scrap, and from where it may be declared."""
    event, body = work.draft.event, work.body
    store = work.stores.get(output.lot)
    own = f"{event.site}/{body.scope}"
    if store is not None:  # the run that first made the store counts as its maker
        own = next(m.removeprefix(marks.STORE) for m in store.marks if m.startswith(marks.STORE))
    made = {marks.MADE + own} | ({marks.STORE + own} if body.step == "STORE" else set())
    if output.role == "internal_scrap":
        made.add(marks.INTERNAL + event.party)
    if not work.carries:
        return made
    origins = [source.was for source in work.sources]
    origins += [store] if store is not None and store.balances else []
    for was in origins:
        made |= {mark for mark in was.marks if mark.startswith(marks.CARRIED)}
    scopes = [{mark for mark in was.marks if mark.startswith(marks.MADE)} for was in origins]
    return made | (set.intersection(*scopes) if scopes else set())


def _made(
    work: Work, output: bodies.Output, balances: lines.Balances, grade: str, mentions: set[str]
) -> None:
    draft = work.draft
    store = work.stores.get(output.lot)
    draft.post_all(f"lot:{output.lot}", balances)
    was = store or state.Lot(
        {}, {}, f"run:{work.body.run}", output.role, grade, (), (), draft.event.site, 0
    )
    if store is not None and store.balances:
        grade = min(grade, store.grade, key=vocabulary.ASSAY_GRADES.index)
        mentions = mentions & set(store.mentions)
    draft.note(
        output.lot,
        was,
        by=f"run:{work.body.run}",
        role=output.role,
        grade=grade,
        mentions=tuple(sorted(mentions)),
        marks=tuple(sorted(_marks(work, output))),
    )


def _inherit(work: Work) -> None:
    """SPLIT, MERGE, PACK, STORE: outputs inherit the pool; wet mass closes exactly."""
    pool_mg = lines.wet_mg(work.pool)
    left_mg = sum(lines.wet_mg(source.was.balances) for source in work.sources) - pool_mg
    weights = closure.inherited_weights(work.draft, work.body, pool_mg, left_mg)
    left = lines.copy(work.pool)
    grades = [source.was.grade for source in work.sources]
    grade = min(grades, key=vocabulary.ASSAY_GRADES.index)
    mentions = set.intersection(*(set(source.was.mentions) for source in work.sources))
    for output in _order(work.body.outputs):
        share = lines.take(left, weights[output.lot])
        lines.add_all(left, share, -1)
        _made(work, output, share, grade, mentions)


def _transform(work: Work) -> None:
    """Every other step: outputs by their own assay, elements attributed in proportion."""
    draft, body, site = work.draft, work.body, work.draft.event.site
    additions: lines.Balances = {}
    for addition in body.additions:
        metal = _added(addition)
        lines.add_all(additions, metal)
        work.parts.append(state.Part(lines.substance_mg(metal, assay.OTHER), tuple(addition.assay)))
    draft.post_all(f"source:{site}", additions, -1)
    lines.add_all(work.pool, additions)
    made: list[tuple[str, dict[str, int]]] = [
        (o.lot, assay.grams(o.mass or 0, o.moisture, o.assay or {})) for o in _order(body.outputs)
    ]
    if body.heel is not None:
        heel_mg = assay.grams(body.heel.mass, 0, body.heel.assay)
        made.append((intake.heel_lot(site, body.equipment or ""), heel_mg))
    closure.check_weight(draft, body, lines.wet_mg(work.pool))
    gains = closure.gains(draft, work.pool, work.parts, made)
    shares = closure.distribute(draft, work.pool, made, gains, f"{site}/{body.step}")
    for output, balances in zip(_order(body.outputs), shares, strict=False):
        _made(work, output, balances, output.assay_grade, set(output.assay or {}))
    if body.heel is not None:
        _refill(work, made[-1][0], shares[-1])


def _added(addition: bodies.Addition) -> lines.Balances:
    metal: lines.Balances = {}
    for substance, mass_mg in assay.grams(addition.mass, 0, addition.assay).items():
        line = lines.UNCLASSED if substance in (assay.OTHER, assay.WATER) else "UNK"
        lines.add_all(metal, {substance: {line: mass_mg}})
    return metal


def _refill(work: Work, lot: str, balances: lines.Balances) -> None:
    draft, body = work.draft, work.body
    assert body.heel is not None
    draft.post_all(f"lot:{lot}", balances)
    was = draft.before.get(lot) or state.Lot(
        {}, {}, "", "heel", "provisional", (), (), draft.event.site, 0
    )
    draft.note(
        lot,
        was,
        by=f"run:{body.run}",
        mentions=tuple(sorted(body.heel.assay)),
        marks=tuple(marks.MENTIONED + name for name in was.mentions),
    )
