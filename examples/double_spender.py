"""The double spender: an operator who lets a mill certify the same grams a second time.

He sets what his database knows of the lot back to before the first certificate, and the mill, which
is in it with him, states another one. The real rules accept it, every signature is genuine, and the
log's key is his own. By itself each of the two certificates is in order.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy import update

from ledger import entry, keys, settings, statements
from ledger.book import bodies, encoding, fold, serial
from ledger.service import Ledger
from ledger.store import codec, entries, tables
from ledger.store import engine as engines


def spend_twice(data: Path, number: str, pem: Path) -> str:
    """The serial of a second certificate on the lot of the first one."""
    ledger = Ledger.open(settings.load(str(data), f"sqlite:///{data}/ledger.sqlite"))
    issued, row = _before(ledger, number)
    with engines.writing(ledger.engine) as connection:
        c = tables.objects.c
        wanted = (c.log_id == ledger.log_id, c.key == row["key"])
        connection.execute(update(tables.objects).where(*wanted).values(row))
    event = issued.event
    body = event.payload["body"]
    again = statements.envelope(ledger.origin, event.party, event.kind, body, site=event.site)
    ledger.sequencer.start()
    signed = statements.sign(again, keys.load_party_key(pem))
    ledger.record(encoding.canonical(signed.as_dict()), event.party)
    ledger.close()
    return serial.make(ledger.origin, event.party, again["id"])


def _before(ledger: Ledger, number: str) -> tuple[entry.Entry, dict[str, object]]:
    """The entry of a certificate, and its lot's row as the entry found it."""
    memory = fold.Memory()
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        size = head.size if head else 0
        for _, _, leaf, _, _ in entries.read_leaves(connection, ledger.log_id, 0, size):
            found = entry.parse(leaf)
            body, event = found.event.body, found.event
            own = serial.make(ledger.origin, event.party, event.id)
            if isinstance(body, bodies.CertificateIssued) and own == number:
                key = f"lot:{body.lots[0]}"
                n, state = memory.objects[key]
                return found, {"key": key, "n": n, "state": codec.encode(state)}
            memory.apply(found.facts(), ledger.origin)
    raise SystemExit(f"double spender: no certificate {number} in this log")


if __name__ == "__main__":
    print(spend_twice(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
