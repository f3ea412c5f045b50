"""A proxy before PostgreSQL that cuts the connection before or after a message of a writer."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SOCKET: Final = ".s.PGSQL.5432"
_WRITER: Final = b"SET LOCAL lock_timeout"  # how a transaction begins that writes
_COMMIT: Final = b"COMMIT\x00"
_READY: Final = b"Z"
_SILENCE_S: Final = 1.0


@dataclass
class Plan:
    """Where to cut the next writing transaction. at: number of the message, -1: its COMMIT.

    before: the message does not reach the server; else its answer does not reach the client.
    """

    at: int
    before: bool
    seen: list[bytes] = field(default_factory=list)  # messages of the transaction
    done: bool = False


@dataclass
class Proxy:
    to: str
    plan: Plan | None = None

    def serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the listener is closed: the end
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(self.to)
            began, writing, buffer = False, False, b""
            while True:
                readable = select.select([client, server], [], [])[0]
                if server in readable and not _copy(server, client):
                    return
                if client not in readable:
                    continue
                data = client.recv(65_536)
                if not data:
                    return
                buffer += data
                messages, buffer = split(buffer, began)
                for message in messages:
                    writing = writing or _WRITER in message
                    if began and writing and not self._let_pass(message, client, server):
                        return
                    if not (began and writing):
                        server.sendall(message)
                    writing = writing and _COMMIT not in message and b"ROLLBACK\x00" not in message
                    began = True

    def _let_pass(self, message: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Pass on a message of a writer, unless it is the one where the connection breaks."""
        plan = self.plan
        if plan is None or plan.done:
            server.sendall(message)
            return True
        number, last = len(plan.seen), _COMMIT in message
        plan.seen.append(message)
        if not (number == plan.at or (plan.at == -1 and last)):
            server.sendall(message)
            return True
        plan.done = True
        if plan.before:
            return False
        server.sendall(message)
        if message[:1] in b"QS":  # the server answers these: it has done what was asked
            _await(server)
        return False


def _await(server: socket.socket) -> None:
    """Until the server is ready for more, or says nothing: then it waits for rows to copy."""
    server.settimeout(_SILENCE_S)
    answer = b""
    with contextlib.suppress(TimeoutError):
        while not answer[-6:].startswith(_READY):
            answer += server.recv(65_536) or _READY + bytes(5)


def _copy(source: socket.socket, target: socket.socket) -> bool:
    data = source.recv(65_536)
    target.sendall(data)
    return bool(data)


def split(buffer: bytes, began: bool) -> tuple[list[bytes], bytes]:
    """Whole messages of a client, and what is left. The first has no letter before its length."""
    messages: list[bytes] = []
    while True:
        head = 1 if began else 0
        if len(buffer) < head + 4:
            return messages, buffer
        end = head + int.from_bytes(buffer[head : head + 4], "big")
        if len(buffer) < end:
            return messages, buffer
        messages.append(buffer[:end])
        buffer, began = buffer[end:], True


@contextmanager
def proxy(home: Path, target: Path) -> Iterator[Proxy]:
    """A proxy whose socket lies in `home`, before the server whose socket lies in `target`."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / SOCKET))
        listener.listen()
        made = Proxy(str(target / SOCKET))
        threading.Thread(target=made.serve, args=(listener,), daemon=True).start()
        yield made
        listener.shutdown(socket.SHUT_RDWR)
