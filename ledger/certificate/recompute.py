"""Running the rules again over the entries of a dossier, as far as these show what was read.

An entry is recomputed if every entry it reads is there, the state those left can be told, and the
registrations it rests on (log, party, site, key) were recomputed themselves. The other entries
are taken as they are: what they say of a lot may be read, and a claim that leads to them is cut.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ledger import entry
from ledger.book import fold, rules, state
from ledger.certificate import dossier
from ledger.errors import ProofError


@dataclass(slots=True)
class Shown:
    """A state.Reader over the entries taken so far. present: the indexes of all that are shown.

    objects: the entry shown last that touches an object, and the state it left; None where that
    cannot be told, because an entry before it is not shown.
    """

    origin: str
    present: Collection[int]
    objects: dict[str, tuple[int, state.State | None]] = field(default_factory=dict)
    recomputed: set[int] = field(default_factory=set)

    def find(self, key: str) -> tuple[int, state.State] | None:
        """See state.Reader; also what the entry should have read, and did not."""
        found = self.objects.get(fold.stored_key(key))
        if found is None:
            return None
        n, known = found
        if known is None:
            raise ProofError(
                "ENTRY_DIFFERS",
                f"reads: {key}: not read, though entry {n} touches it",
                field=f"reads.{key}",
            )
        return n, known

    def used(self, key: str) -> tuple[int, str] | None:
        """That a ticket was never used before is the one thing no entry can show."""
        return None


def take(shown: Shown, found: entry.Entry) -> None:
    """Recompute an entry if that can be done, and note what it leaves; entries come in order.

    Its signature must have been checked. Raises ProofError ENTRY_DIFFERS if the rules disagree
    with the entry, or an entry shown with what it reads.
    """
    if _readable(shown, found):
        entry.recheck(found, shown, rules.Signer(found.jws.kid, valid=True))
        shown.recomputed.add(found.n)
    facts = found.facts()
    for key in fold.touched(facts, shown.origin):
        n, before = shown.objects.get(key, (None, None))
        follows = found.reads.get(key) == n and (n is None or before is not None)
        told = follows or key.startswith("lot:")
        shown.objects[key] = (found.n, fold.after(key, facts, before) if told else None)


def _readable(shown: Shown, found: entry.Entry) -> bool:
    """Whether all that an entry reads is known. Raises ProofError if an entry shown belies it."""
    readable = True
    for key, n in found.reads.items():
        last, known = shown.objects.get(fold.stored_key(key), (None, None))
        if (last is not None and last > n) or (n in shown.present and last != n):
            raise ProofError(
                "ENTRY_DIFFERS",
                f"entry {found.n}: reads: {key}: the log says entry {n}, "
                f"{'none' if last is None else f'entry {last}'} touched it last",
                field=f"reads.{key}",
                hint="a state that was out of date, or made up, was read",
            )
        registered = key.partition(":")[0] not in dossier.REGISTERS or n in shown.recomputed
        if n not in shown.present or known is None or not registered:
            readable = False
    return readable
