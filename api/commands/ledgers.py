"""Creating, upgrading and auditing a ledger."""

from __future__ import annotations

import argparse
import contextlib

from api.commands import output
from ledger import audit, lastrun, reports, service, settings
from ledger.store import engine as engines
from ledger.store import roles


def where(arguments: argparse.Namespace) -> settings.Settings:
    return settings.load(arguments.data, arguments.database)


def init(arguments: argparse.Namespace) -> int:
    found = where(arguments)
    # Names, plates and sealed keys lie in the database: nobody else has business in here.
    found.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger = service.create(found, arguments.origin, arguments.operator, {})
    policy = found.data / "policy.txt"
    policy.write_bytes(reports.policy_file(ledger))
    if arguments.json:
        output.json(
            {"origin": ledger.origin, "vkey": ledger.verifier.vkey, "data": str(found.data),
             "policy": str(policy)}
        )  # fmt: skip
        return 0
    print(f"created the log {ledger.origin}, operated by {arguments.operator}")
    print(f"  data     {found.data}")
    print(f"  log key  {ledger.verifier.vkey}")
    print(f"  policy   {policy}   (give this to buyers, over a way they trust)")
    print(f"  secrets  {found.keys}   (back them up; nobody can make them again)")
    data = f" --data {arguments.data}" if arguments.data else ""
    data += f" --database '{found.shown_database}'" if arguments.database else ""
    print(f"next: remelt apikey new {arguments.operator} --scope record read audit{data}")
    print(f"      remelt serve{data}")
    return 0


def db_upgrade(arguments: argparse.Namespace) -> int:
    found = where(arguments)
    service.upgrade(found)
    print(f"{found.shown_database}: tables are up to date")
    return 0


def db_grant(arguments: argparse.Namespace) -> int:
    found = where(arguments)
    with engines.opened(found.database) as engine, engines.writing(engine) as connection:
        statements = roles.grants(connection, arguments.role)
        for statement in [] if arguments.only_print else statements:
            connection.exec_driver_sql(statement)
    if arguments.only_print:
        print("".join(f"{statement};\n" for statement in statements), end="")
    else:
        print(f"{arguments.role} may read and write the ledger, and never change its log")
        print("after an update that brings new tables, run this again")
    return 0


def audit_ledger(arguments: argparse.Namespace) -> int:
    with contextlib.closing(service.Ledger.open(where(arguments))) as ledger:
        if arguments.rebuild_views:
            with engines.writing(ledger.engine) as connection:
                count = audit.rebuild_views(connection, ledger.log_id)
            if not arguments.json:
                print(f"views made again from {count} entries")
        with engines.reading(ledger.engine) as connection:
            report = audit.run(
                connection, ledger.log_id, ledger.verifier, output.Progress("audited entries")
            )
    finding = report.finding
    seen = {"size": report.size, "clean": finding is None}
    lastrun.write(ledger.settings, lastrun.AUDIT, seen)
    if arguments.json:
        output.json(
            {
                "origin": report.origin,
                "size": report.size,
                "root": report.root.hex(),
                "checkpoints": report.checkpoints,
                "closed_walks": report.closed_walks,
                "finding": None
                if finding is None
                else {"n": finding.n, "field": finding.field, "message": finding.message},
            }
        )
    elif finding is None:
        print(
            f"clean: {report.size} entries, {report.checkpoints} checkpoints, log {report.origin}"
        )
        print(f"  root {report.root.hex()}")
        for walk in report.closed_walks:
            print(f"  look at this: {walk}")
    else:
        place = "after the last entry" if finding.n is None else f"entry {finding.n}"
        print(f"NOT CLEAN at {place}, {finding.field or 'entry'}: {finding.message}")
    return 0 if finding is None else 1
