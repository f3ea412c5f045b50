"""What an operator needs: settings."""

from __future__ import annotations

import argparse

from api.commands import output
from api.commands.ledgers import where
from ledger import settings


def config_show(arguments: argparse.Namespace) -> int:
    rows = settings.shown(where(arguments))
    given = {"REMELT_DATA": arguments.data, "REMELT_DATABASE": arguments.database}
    told = [(name, text, "option" if given.get(name) else source) for name, text, source in rows]
    if arguments.json:
        output.json([{"name": n, "value": t, "source": s} for n, t, s in told])
        return 0
    for name, text, source in told:
        print(f"{name:<22} {source:<12} {text}")
    return 0
