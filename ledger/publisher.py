"""The thread of a server that publishes: asks the witnesses, puts up the note, and looks out.

Several processes take turns by a lease, which only spares the witnesses double work: what is
served never gets smaller and never loses a newer cosignature, whoever writes it.

A witness that has seen a larger tree than ours, or another one, ends all writing: whatever we
wrote now would be a fork. Source: C2SP tlog-witness.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import httpx
from sqlalchemy.exc import SQLAlchemyError

from ledger import disputes, highwater, publish, witnesses
from ledger.certificate import policy
from ledger.errors import CorruptError, LedgerError, RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, published
from ledger.store.published import Lease, Published, State
from ledger.tlog import cosignature, witness
from ledger.witnesses import Listed, Witnesses

GRACE_S: Final = 0.3
LEASE_MS: Final = 10_000
PAUSE_MAX_S: Final = 1.0
# After a failure a witness is left alone for a second, then twice as long each time.
REST_MAX_S: Final = 60.0
_LOGGER: Final = logging.getLogger("remelt.publish")
Answered = tuple[Listed, witness.Answer]


@dataclass(slots=True)
class _Rest:
    """A witness that failed. until_s: by the monotonic clock."""

    failures: int = 0
    until_s: float = 0.0


@dataclass(slots=True)
class Publisher:
    """Publishes a ledger's checkpoints, in a thread of its own."""

    ledger: Ledger
    known: Witnesses
    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    _rests: dict[str, _Rest] = field(default_factory=dict)
    _noted: int = 0
    _said: str = ""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @classmethod
    def of(cls, ledger: Ledger) -> Publisher:
        """A publisher with the operator's list of witnesses; raises as `witnesses.read`."""
        return cls(ledger, witnesses.read(ledger.settings))

    def start(self) -> None:
        """Put up what there is, if nothing is, and go on in a thread."""
        try:
            self.begin()
        except LedgerError as error:
            _LOGGER.warning("nothing is published yet: %s", error.message)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is going on, let the next process have the turn, and end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self.give_back()

    def _run(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        async with witnesses.connected() as client:
            pause_s = 0.0
            while not await asyncio.to_thread(self._stopping.wait, pause_s):
                pause_s = await self._step_or_say(client)

    async def _step_or_say(self, client: httpx.AsyncClient) -> float:
        try:
            await self.step(client)
        except Exception as error:
            if str(error) != self._said:  # once: a database that is away is away for many ticks
                _LOGGER.warning("not published: %s", error, exc_info=_unforeseen(error))
            self._said = str(error)
        else:
            self._said = ""
        return min(self.ledger.settings.publish_gap_ms / 1000, PAUSE_MAX_S)

    # One step.

    def begin(self) -> None:
        """List the witnesses in the database, and publish the head if nothing is published."""
        with engines.writing(self.ledger.engine) as connection:
            log_id = self.ledger.log_id
            view = publish.look(connection, self.ledger)
            published.keep_only(connection, log_id, [w.key for w in self.known.listed])
            size = 0 if view is None else view.head.size
            for listed in self.known.listed:
                state = view.states.get(listed.key) if view else None
                kept = state or State(listed.key, listed.name)
                # What stopped the last server was asked again before this one started.
                kind = "" if kept.kind == disputes.FORK else kept.kind
                kept = replace(kept, name=listed.name, size=min(kept.size, size), kind=kind)
                published.write_states(connection, log_id, [kept])
            if view is not None and view.published is None:
                self._note(view.head)
                first = Published(size, view.signed.decode(), self.clock_ms(), self._is_met({}))
                published.write(connection, log_id, None, first)

    async def step(self, client: httpx.AsyncClient) -> None:
        """Whatever is due now. Raises LedgerError where the database does not answer."""
        now_ms = self.clock_ms()
        with engines.reading(self.ledger.engine) as connection:
            view = publish.look(connection, self.ledger)
        if view is None:
            return
        self._note(view.head)
        if self.ledger.sequencer.fatal is not None or self._is_disputed(view):
            return
        due = publish.plan(
            view, self.known.listed, self._resting(), now_ms=now_ms,
            gap_ms=self.ledger.settings.publish_gap_ms,
            idle_ms=self.ledger.settings.publish_idle_s * 1000,
        )  # fmt: skip
        if due is None or (due.ask and not self._take_turn(view, now_ms)):
            return
        await self._publish(client, view, due.ask, now_ms)

    def _note(self, head: entries.Head) -> None:
        """The mark is on the disk before anybody outside sees this size."""
        if head.size > self._noted:
            highwater.raise_to(self.ledger.settings, head)
            self._noted = head.size

    def _is_disputed(self, view: publish.View) -> bool:
        """Whether a witness, asked by whichever process, has seen more, or something else."""
        for listed in self.known.listed:
            state = view.states.get(listed.key)
            if state is not None and state.kind == disputes.FORK:
                self._end(disputes.forked(listed))
            elif state is not None and state.size > view.head.size:
                self._end(disputes.ahead(listed, state.size, view.head))
        return self.ledger.sequencer.fatal is not None

    def _end(self, error: LedgerError) -> None:
        self.ledger.sequencer.fatal = error
        _LOGGER.error("writing and publishing stop: %s: %s", error.code, error.message)

    def _resting(self) -> set[str]:
        now_s = time.monotonic()
        return {key for key, rest in self._rests.items() if rest.until_s > now_s}

    def _take_turn(self, view: publish.View, now_ms: int) -> bool:
        held = view.lease
        if held and published.is_held(held, self.owner, now_ms, LEASE_MS):
            return False
        if held and held.owner == self.owner and _lasts(held.until_ms - now_ms):
            return True
        fresh = Lease(self.owner, now_ms + LEASE_MS)
        with engines.writing(self.ledger.engine) as connection:
            return published.take_lease(connection, self.ledger.log_id, fresh, now_ms)

    def give_back(self) -> None:
        """End the turn: whoever comes next need not wait until it has run out."""
        try:
            with engines.writing(self.ledger.engine) as connection:
                published.end_lease(connection, self.ledger.log_id, self.owner)
        except (SQLAlchemyError, LedgerError) as error:
            _LOGGER.info("the turn runs out by itself: %s", error)

    async def _publish(
        self, client: httpx.AsyncClient, view: publish.View, asked: tuple[Listed, ...], now_ms: int
    ) -> None:
        """Ask, wait for the quorum and a little longer, put up; then add who came late."""
        subtree = publish.subtrees(self.ledger, view.head.size)
        pending: dict[asyncio.Task[witness.Answer], Listed] = {}
        for listed in asked:
            state = view.states.get(listed.key)
            old_size = min(state.size if state else 0, view.head.size)
            asking = witnesses.ask(client, listed, view.signed, old_size, subtree)
            pending[asyncio.create_task(asking)] = listed
        try:
            await self._settle(client, view, await self._answers(view, pending), now_ms)
            if pending:
                await asyncio.wait(pending)
                late = [(listed, task.result()) for task, listed in pending.items()]
                await self._settle(client, view, late, now_ms)
        finally:
            for task in pending:
                task.cancel()

    async def _answers(
        self, view: publish.View, pending: dict[asyncio.Task[witness.Answer], Listed]
    ) -> list[Answered]:
        """What comes until the quorum is met, and GRACE_S longer; taken out of `pending`."""
        answers: list[Answered] = []
        until_s = math.inf
        while pending:
            left_s = None if until_s == math.inf else max(0.0, until_s - time.monotonic())
            done, _ = await asyncio.wait(
                pending, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            answers += [(pending.pop(task), task.result()) for task in done]
            if until_s == math.inf and self._is_met_by(view, answers):
                until_s = time.monotonic() + GRACE_S
        return answers

    def _is_met_by(self, view: publish.View, answers: list[Answered]) -> bool:
        before = publish.same_size(view.published, view.head)
        return self._is_met(publish.merge(view.signed, before, publish.cosignatures(answers))[1])

    def _is_met(self, times: Mapping[tuple[str, bytes], int]) -> bool:
        """Whether the quorum cosigned, none of it longer ago than two rests."""
        since_s = self.clock_ms() // 1000 - 2 * self.ledger.settings.publish_idle_s
        named = {}
        for listed in self.known.listed:
            time_s = times.get((listed.cosigner.name, listed.cosigner.key_id), 0)
            if time_s >= since_s:
                named[listed.name] = time_s
        return policy.satisfied(self.known.policy, named)

    async def _settle(
        self,
        client: httpx.AsyncClient,
        view: publish.View,
        answers: list[Answered],
        now_ms: int,
    ) -> None:
        """Store what came of asking, and put up the note; loud about what must not be."""
        changed, understood = [], []
        for listed, said in answers:
            answer = self._understood(said)
            before = view.states.get(listed.key, State(listed.key, listed.name))
            self._rest(listed, answer)
            proven = False
            if answer.kind in ("ahead", "conflict"):
                proven = await self._dispute(client, view, listed, answer)
            elif (before.kind, before.why) != (answer.kind, answer.why):
                level = logging.INFO if answer.kind == "cosigned" else logging.WARNING
                _LOGGER.log(level, "witness %s: %s: %s", listed.name, answer.kind, answer.why)
            state = publish.after(before, answer, view.head.size, now_ms)
            changed.append(replace(state, kind=disputes.FORK) if proven else state)
            understood.append((listed, answer))
        self._put_up(view, publish.cosignatures(understood), changed, now_ms)

    def _understood(self, answer: witness.Answer) -> witness.Answer:
        """An answer by what the log has become since: another process may have gone on."""
        if answer.kind != "ahead" or answer.size is None:
            return answer
        with engines.reading(self.ledger.engine) as connection:
            head = entries.read_head(connection, self.ledger.log_id)
        known = head is not None and head.size >= answer.size
        return replace(answer, kind="later") if known else answer

    def _put_up(
        self,
        view: publish.View,
        made: Iterable[cosignature.Cosignature],
        changed: Iterable[State],
        now_ms: int,
    ) -> None:
        log_id = self.ledger.log_id
        with engines.writing(self.ledger.engine) as connection:
            published.write_states(connection, log_id, changed)
            last = published.read(connection, log_id, lock=True)
            if self.ledger.sequencer.fatal or (last and last.size > view.head.size):
                return  # another process was faster, or nothing may be put up any more
            before = publish.same_size(last, view.head)
            text, times = publish.merge(view.signed, before, made)
            fresh = Published(view.head.size, text.decode(), now_ms, self._is_met(times))
            if not published.write(connection, log_id, last, fresh):
                raise RuleError("NOT_READY", "another process published at the same moment")

    def _rest(self, listed: Listed, answer: witness.Answer) -> None:
        if answer.kind == "cosigned":
            self._rests.pop(listed.key, None)
            return
        rest = self._rests.setdefault(listed.key, _Rest())
        pause_s = REST_MAX_S if answer.kind != "later" else min(2.0**rest.failures, REST_MAX_S)
        rest.failures = min(rest.failures + 1, 16)
        rest.until_s = time.monotonic() + pause_s

    async def _dispute(
        self, client: httpx.AsyncClient, view: publish.View, listed: Listed, answer: witness.Answer
    ) -> bool:
        """Keep both sides as evidence, and stop writing where there is a second log.

        True if the log's own signature proves that, over what the witness contradicts.
        """
        theirs, _ = await witnesses.shown(client, listed, self.ledger.origin)
        proof = disputes.contradiction(self.ledger, listed, theirs)
        paths = disputes.keep_evidence(
            self.ledger, listed, view.signed, theirs, proven=proof is not None
        )
        _LOGGER.error(
            "witness %s: %s: %s; kept as evidence: %s",
            listed.name, answer.kind, answer.why, ", ".join(paths) or "nothing could be written",
        )  # fmt: skip
        if proof is not None:
            self._end(proof)
            return answer.kind == "conflict"
        if answer.kind == "ahead":
            self._end(disputes.ahead(listed, answer.size or 0, view.head))
        return False


def _lasts(left_ms: int) -> bool:
    return LEASE_MS // 2 <= left_ms <= LEASE_MS


def _unforeseen(error: Exception) -> bool:
    return not isinstance(error, LedgerError) or isinstance(error, CorruptError)
