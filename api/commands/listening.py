"""Where a server is to listen."""

from __future__ import annotations

import errno
import socket

from ledger.errors import RuleError


def check(host: str, port: int) -> None:
    """Refuse an address that cannot be listened at, before anything is promised."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        said, hint = str(error.strerror), "--host wants an address of this machine"
        said = said.partition(" (while")[0]  # the address is named already
        if error.errno == errno.EADDRINUSE:
            said, hint = "another program listens there", "end it, or give another --port"
        elif error.errno == errno.EACCES:
            hint = "ports below 1024 are for the system: give another --port"
        raise RuleError(
            "SETTING_INVALID", f"{host}:{port}: {said}", field="port", value=port, hint=hint
        ) from error
