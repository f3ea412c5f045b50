"""From the writer's thread to the event loop: one call for each commit, not one for each event."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future

from ledger.sequencer import Result, Sequencer

Waiting = asyncio.Future[list[Result]]


class Answers:
    """Every call from thread to loop gives up the interpreter; dozens in a row would be waits."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self._done: deque[tuple[Future[list[Result]], Waiting]] = deque()

    def start(self) -> None:
        """Take the answers of the writer into this loop."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._deliver)

        self._sequencer.on_answered = wake

    async def of(self, future: Future[list[Result]]) -> list[Result]:
        """What was answered. Who gives up waiting withdraws what was not begun."""
        waiting: Waiting = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: self._done.append((done, waiting)))
        if future.done():  # the call for its commit may have come before
            self._deliver()
        try:
            return await waiting
        except asyncio.CancelledError:
            future.cancel()
            raise

    def _deliver(self) -> None:
        while self._done:
            future, waiting = self._done.popleft()
            if waiting.done():
                continue
            if future.cancelled():
                waiting.cancel()
            elif (error := future.exception()) is not None:
                waiting.set_exception(error)
            else:
                waiting.set_result(future.result())
