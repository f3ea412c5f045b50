"""Both clients behind one door, so that every test is run with each."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from api.client import AsyncClient, Client
from tests.client.road import Road, Server, road_to, serving
from tests.http.door import Door


class Awaited:
    """An AsyncClient whose methods wait, so that it reads like a Client."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            came = found(*arguments, **named)
            if isinstance(came, AsyncIterator):
                return self._pull(came)
            return self._runner.run(_await(came)) if inspect.isawaitable(came) else came

        return call

    def _pull(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                yield self._runner.run(_await(anext(items)))
            except StopAsyncIteration:
                return

    def __repr__(self) -> str:
        return repr(self._client)

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


async def _await(came: Any) -> Any:
    return await came


class Maker:
    """Makes clients of one kind, and closes them."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.made: list[Any] = []

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.made.append(self.kind(*arguments, **named))
        return self.made[-1]


@pytest.fixture(params=[Client, Awaited], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Maker]:
    maker = Maker(request.param)
    yield maker
    for client in maker.made:
        client.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that nobody kills."""
    with serving(tmp_path_factory.mktemp("client")) as running:
        yield running


@pytest.fixture(scope="session")
def door(server: Server) -> Iterator[Door]:
    made = server.parties()
    yield made
    for client in made.clients.values():
        client.close()


@pytest.fixture
def road(server: Server) -> Iterator[Road]:
    with road_to(server) as made:
        yield made
