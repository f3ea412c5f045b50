"""What a run takes and makes, checked lot by lot (docs/events.md section 9, stages 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from ledger.book import bodies, lines, marks, state, vocabulary
from ledger.book.rules import draft as drafts
from ledger.book.rules import registry
from ledger.book.rules.draft import Draft
from ledger.errors import RuleError


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


def find(work: Work) -> None:
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
        if any(mark.startswith(marks.STORE) for mark in store.marks):
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


def check_lots(work: Work) -> None:
    """Stage 7, lot by lot in the order of the body."""
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


def check_same_process(work: Work) -> None:
    """SCRAP_SCOPE_SAME_PROCESS: declared scrap does not come back to where it was declared from."""
    if work.carries:
        return
    draft, site = work.draft, work.draft.event.site
    for source in work.sources:
        for mark in source.was.marks:
            if not mark.startswith(marks.DECLARED):
                continue
            scope = mark.removeprefix(marks.DECLARED)
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
