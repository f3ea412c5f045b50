"""Verifying a dossier: two files, no ledger, no network."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from api.commands import output
from ledger.certificate import policy as policies
from ledger.certificate import verdict as verdicts
from ledger.certificate import verify as verifier
from ledger.errors import FormatError


def verify(arguments: argparse.Namespace) -> int:
    try:
        data = Path(arguments.file).read_bytes()
        policy = policies.parse(Path(arguments.policy).read_bytes())
    except FormatError as error:
        print(f"remelt: error: {arguments.policy}: {error.message}", file=sys.stderr)
        print(f"remelt: hint: {error.hint}", file=sys.stderr)
        return 2
    wanted = arguments.serial and arguments.serial.replace("-", "").upper()
    now_s = int(time.time())
    found = verifier.verify(data, policy, lot=arguments.lot, serial=wanted, now_s=now_s)
    if arguments.json:
        output.json(verdicts.as_dict(found))
    else:
        print(verdicts.text(found), end="")
    return found.status
