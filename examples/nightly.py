"""A nightly batch: receipts of a scale, from a CSV file. Run it again after any failure.

    REMELT_API_KEY=rmk_… python examples/nightly.py receipts.csv https://ledger.example \
        --log yard.example/first --party YARD --site YARD1 [--key own.pem]

The CSV has the columns ticket, weighed_at, lot, form, gross, tare, waste_note (its SHA-256) and
seller. First every row is sealed into receipts.csv.sealed, once: ids, salts and signatures are
fixed then. That file is sent, and sent again by every later run: what was recorded is answered, not
recorded twice. What became of each row stands in receipts.csv.result.csv.
Exit status: 0 all recorded, 1 some refused, 2 not all answered: run it again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from pathlib import Path

from api.client import Client, NoAnswer, Refusal


def seal(client: Client, file: Path, site: str, sealed: Path) -> None:
    draft = sealed.with_suffix(".draft")
    with file.open(newline="", encoding="utf-8-sig") as rows, draft.open("wb") as out:
        for row in csv.DictReader(rows):
            body = {
                "lot": f"{site}/{row['lot']}", "ticket": row["ticket"], "from": {"external": True},
                "material": {"metal": "aluminium", "form": row["form"]},
                "gross": row["gross"], "tare": row["tare"], "origin": {"POST": "100 %"},
            }  # fmt: skip
            event = client.event(
                "lot_received", body, site=site, occurred_at=row["weighed_at"],
                evidence=[{"type": "waste_note", "sha256": row["waste_note"]}],
                private={"seller": row["seller"]},
            )  # fmt: skip
            try:
                out.write(client.seal(event) + b"\n")
            except Refusal:  # whoever signs sees what is wrong: let the result say it
                out.write(json.dumps(event).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(sealed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("url")
    for name in ("log", "party", "site"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--key", help="PEM file, if the party signs for itself")
    given = parser.parse_args()
    sealed, result = (Path(f"{given.file}.{name}") for name in ("sealed", "result.csv"))
    api_key, refused = os.environ["REMELT_API_KEY"], 0
    with Client(given.url, api_key, party=given.party, log=given.log, key=given.key) as client:
        if not sealed.exists():
            seal(client, given.file, given.site, sealed)
        with sealed.open("rb") as events, result.open("w", newline="", encoding="utf-8") as out:
            report = csv.writer(out)
            report.writerow(["row", "entry", "code", "field", "message"])
            try:
                for row in client.record_many(events):
                    no = row.refusal
                    why = [no.code, no.field, no.message] if no else ["", "", ""]
                    report.writerow([row.number, row.n, *why])
                    refused += not row.ok
            except NoAnswer as error:
                print(f"{error}; run this again", file=sys.stderr)
                return 2
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
