"""Rule for run_recorded: take, pool, out, close, attribute (EVENTS.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from ledger.book import assay, bodies, lines, state, vocabulary
from ledger.book.fold import MENTIONED
from ledger.book.rules import closure, registry
from ledger.book.rules import draft as drafts
from ledger.book.rules.draft import Draft
from ledger.book.rules.receipt import TOUCHED
from ledger.errors import RuleError

INTERNAL: Final = "internal:"
DECLARED: Final = "declared:"
MADE: Final = "made:"
STORE: Final = "store:"  # and the scope of the run that first made the store
_CARRIED: Final = (INTERNAL, DECLARED)


@dataclass(frozen=True, slots=True)
class Source:
    """Something that goes into the pool: a lot, a furnace's heel, a store's content.

    taken_mg is None when it is taken whole. path names it in refusals.
    """

    lot: str
    was: state.Lot
    taken_mg: int | None
    path: str


@dataclass(slots=True)
class Work:
    """A run being booked."""

    draft: Draft
    body: bodies.RunRecorded
    sources: list[Source] = field(default_factory=list)
    stores: dict[str, state.Lot] = field(default_factory=dict)
    parts: list[state.Part] = field(default_factory=list)
    pool: lines.Balances = field(default_factory=dict)

    @property
    def inheriting(self) -> bool:
        """Whether outputs inherit the pool as it is."""
        return self.body.step in vocabulary.INHERITING

    @property
    def carries(self) -> bool:
        """Whether marks go through this step."""
        return self.inheriting or self.body.step in vocabulary.MECHANICAL


def record(draft: Draft) -> None:
    """Book a run. Raises the first refusal in the order of EVENTS.md section 9."""
    body = draft.event.body
    assert isinstance(body, bodies.RunRecorded)
    work = Work(draft, body)
    _find(work)
    _check_lots(work)
    _check_same_process(work)
    _take(work)
    if work.inheriting:
        _inherit(work)
    else:
        _transform(work)


def _find(work: Work) -> None:
    """Existence of lots, scope and equipment, then duplicates of run and outputs."""
    draft, body, site_id = work.draft, work.body, work.draft.event.site
    for i, taken in enumerate(body.inputs):
        path = f"body.inputs[{i}].lot"
        was = drafts.existing(draft, taken.lot, path)
        work.sources.append(Source(taken.lot, was, taken.mass, path))
    site = registry.known_site(draft, site_id, "site")
    _registered(body.scope, site.scopes, "body.scope")
    if body.step in vocabulary.FURNACE:
        _registered(body.equipment or "", site.equipment, "body.equipment")
        lot = heel_lot(site_id, body.equipment or "")
        heel = draft.find_lot(lot)
        if heel is not None and heel.balances:
            work.sources.insert(0, Source(lot, heel, None, "body.equipment"))
    if draft.reader.find(f"run:{body.run}") is not None:
        raise RuleError(
            "RUN_DUPLICATE",
            f"body.run: {body.run} is recorded already",
            field="body.run",
            value=body.run,
            hint="run ids are used once; a correction of assays is run_finalized",
        )
    for i, output in enumerate(body.outputs):
        _find_output(work, output.lot, f"body.outputs[{i}].lot")


def _find_output(work: Work, lot: str, path: str) -> None:
    found = work.draft.reader.find(f"lot:{lot}")
    if found is not None and work.body.step == "STORE":
        store = work.draft.find_lot(lot)
        assert store is not None
        if any(mark.startswith(STORE) for mark in store.marks):
            work.stores[lot] = store
            return
    drafts.new_lot(work.draft, lot, path)


def _registered(name: str, known: tuple[str, ...], path: str) -> None:
    if name not in known:
        raise RuleError(
            "SCOPE_UNKNOWN",
            f"{path}: the site registered no {name}",
            field=path,
            value=name,
            hint=f"registered: {', '.join(known) or 'nothing'}; add it with site_registered",
        )


def heel_lot(site: str, equipment: str) -> str:
    """The standing lot of a furnace."""
    return f"{site}/{drafts.HEEL}{equipment}"


def _check_lots(work: Work) -> None:
    """Step 7, lot by lot in the order of the body."""
    for source in work.sources:
        unnamed = source.path == "body.equipment"
        if not unnamed:
            drafts.custody(work.draft, source.lot, source.was, source.path)
            drafts.lying(source.lot, source.was, source.path)
            _check_certified(work, source)
        drafts.in_order(work.draft, source.lot, source.was, source.path)
    for i, output in enumerate(work.body.outputs):
        path = f"body.outputs[{i}].lot"
        store = work.stores.get(output.lot)
        if store is None:
            drafts.refuse_heel(output.lot, path)
            continue
        drafts.custody(work.draft, output.lot, store, path)
        if store.transit:
            drafts.lying(output.lot, store, path)
        _check_undiluted(work, output.lot, store, path)
        drafts.in_order(work.draft, output.lot, store, path)


def _certified(lot: str, path: str, why: str, hint: str) -> RuleError:
    return RuleError("LOT_CERTIFIED", f"{path}: {lot} {why}", field=path, value=lot, hint=hint)


def _check_certified(work: Work, source: Source) -> None:
    numbers = lines.serials(source.was.balances)
    if work.inheriting:
        if work.body.step != "SPLIT":
            _check_undiluted(work, source.lot, source.was, source.path)
        return
    for number in numbers:
        certificate = work.draft.read(f"certificate:{number}", state.Certificate)
        if certificate is not None and certificate.issuer == work.draft.event.party:
            raise _certified(
                source.lot,
                source.path,
                f"carries your certificate {number}",
                "revoke the certificate and free its grams before you use the lot",
            )


def _check_undiluted(work: Work, lot: str, was: state.Lot, path: str) -> None:
    """MERGE, PACK and STORE keep certificates whole: same serials, same percentages everywhere."""
    if not lines.serials(was.balances):
        return
    together = [*(source.was for source in work.sources), *work.stores.values()]
    shares = [_certified_shares(content.balances) for content in together if content.balances]
    if any(share != shares[0] for share in shares):
        raise _certified(
            lot,
            path,
            "would be mixed with metal that carries other certificates or percentages",
            "merge only lots with the same serials at the same percentages",
        )


def _certified_shares(balances: lines.Balances) -> dict[tuple[str, str], Fraction]:
    shares = {}
    for number in lines.serials(balances):
        for substance, held in lines.held_mg(balances, number).items():
            whole = lines.substance_mg(balances, substance)
            shares[(number, substance)] = Fraction(sum(held.values()), whole)
    return shares


def _check_same_process(work: Work) -> None:
    """SCRAP_SCOPE_SAME_PROCESS: declared scrap does not come back to where it was declared from."""
    if work.carries:
        return
    draft, site = work.draft, work.draft.event.site
    for source in work.sources:
        for mark in source.was.marks:
            if not mark.startswith(DECLARED):
                continue
            scope = mark.removeprefix(DECLARED)
            by_plant = draft.parameter("same_process") == "plant"
            here = (
                scope.partition("/")[0] == site
                if by_plant
                else scope == f"{site}/{work.body.scope}"
            )
            if here:
                raise RuleError(
                    "SCRAP_SCOPE_SAME_PROCESS",
                    f"{source.path}: {source.lot} was declared scrap of {scope} and comes back",
                    field=source.path,
                    value=source.lot,
                    hint="scrap that returns to its own process is run-around: do not declare it",
                )


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
        work.draft.note(source.lot, source.was, more=(TOUCHED,))
        freed = taken if work.inheriting else _freed(work.draft, taken)
        lines.add_all(work.pool, freed)
        work.parts.append(state.Part(lines.substance_mg(freed, assay.OTHER), source.was.mentions))


def _freed(draft: Draft, taken: lines.Balances) -> lines.Balances:
    """Certified grams used by another party come out free, unless their serial is REVOKED."""
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
        own = next(m.removeprefix(STORE) for m in store.marks if m.startswith(STORE))
    marks = {MADE + own} | ({STORE + own} if body.step == "STORE" else set())
    if output.role == "internal_scrap":
        marks.add(INTERNAL + event.party)
    if not work.carries:
        return marks
    origins = [source.was for source in work.sources]
    origins += [store] if store is not None and store.balances else []
    for was in origins:
        marks |= {mark for mark in was.marks if mark.startswith(_CARRIED)}
    scopes = [{mark for mark in was.marks if mark.startswith(MADE)} for was in origins]
    return marks | (set.intersection(*scopes) if scopes else set())


def _made(
    work: Work, output: bodies.Output, balances: lines.Balances, grade: str, mentions: set[str]
) -> None:
    draft = work.draft
    store = work.stores.get(output.lot)
    draft.post_all(f"lot:{output.lot}", balances)
    was = store or state.Lot(
        {}, {}, f"run:{work.body.run}", output.role, grade, (), (), draft.event.site, 0
    )
    marks = tuple(sorted(_marks(work, output)))
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
        marks=marks,
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
        made.append((heel_lot(site, body.equipment or ""), heel_mg))
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
        marks=tuple(MENTIONED + name for name in was.mentions),
    )
