"""A buyer's machine: a policy file, dossiers, no network. Prints what each certificate proves."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ledger.book import serial
from ledger.certificate import policy as policies
from ledger.certificate import verdict, verify

HEAD = "certificate     lot            of  classes   stated    proven    recomputed"


def main(policy_file: str, *files: str) -> int:
    """Exit status 1 if a dossier is refused for anything but a revocation that it shows."""
    policy, refused = policies.parse(Path(policy_file).read_bytes()), 0
    now_s = int(time.time())
    print(HEAD)
    for file in files:
        found = verify.verify(Path(file).read_bytes(), policy, now_s=now_s)
        about, sums = found.certificate, found.arithmetic
        if about is None or sums is None:
            print(f"{file}: {found.refusal}")
            return 1
        said = "REVOKED" if found.revocation else "meets the policy"
        if found.status != verdict.MEETS_POLICY and not found.revocation:
            said, refused = f"refused: {found.refusal}", refused + 1
        print(
            f"{serial.printed(about.serial)}  {about.lots[0]:<13}  {about.substance:<2}  "
            f"{'+'.join(about.classes):<8} {sums.stated:>6} %  {sums.proven:>6} %  "
            f"{sums.recomputed:>3} of {sums.entries:>2}  {said}"
        )
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
