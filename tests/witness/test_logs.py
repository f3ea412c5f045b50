"""Which logs a witness takes from its command line, from policies, and from network lists."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import errors
from ledger.tlog import note
from ledger.witness import logs
from tests.unit.ledger.tlog.vectors import LOG, ORIGIN, W1_VKEY

SECOND = note.parse_skey(note.generate_skey(ORIGIN, bytes(32))).verifier

POLICY = f"""
# whose keys count
log {LOG.vkey} https://example.com/log
  log\t{SECOND.vkey}
operator {"A" * 43}
witness w {W1_VKEY}
quorum w
"""
LIST = f"""#
# List: for tests
logs/v0

vkey {LOG.vkey}
qpd 86400
contact somebody (at) example.com

vkey {SECOND.vkey}
origin go.sum database tree
qpd 24
bastion none
contact none

vkey {SECOND.vkey}
origin none
"""


def test_the_log_lines_of_a_policy_count() -> None:
    found = logs.parse(POLICY.encode())
    assert found == (
        logs.Log(ORIGIN, LOG, "https://example.com/log"),
        logs.Log(ORIGIN, SECOND),
    )
    assert logs.by_origin((*found, *found)) == {ORIGIN: (LOG, SECOND)}


def test_a_list_of_the_witness_network_counts() -> None:
    found = logs.parse(LIST.encode())
    assert [(log.origin, log.verifier) for log in found] == [
        (ORIGIN, LOG),
        ("go.sum database tree", SECOND),
        (ORIGIN, SECOND),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("log\n", "line 1: logs: not a line of a policy: 'log'"),
        ("\nlogg x\n", "line 2: logs: not a line of a policy: 'logg x'"),
        (f"log {LOG.vkey} a b\n", "line 1: "),
        (f"log {W1_VKEY}\n", r"want Ed25519 \(0x01\)"),
        (f"log {LOG.vkey[:-1]}\n", "line 1: logs: vkey"),
        (f"vkey {LOG.vkey}\n", "a list of the witness network begins|not a line of a policy"),
        ("logs/v0\norigin x\n", "line 2: logs: not a line of a log list"),
        ("logs/v0\nlog x\n", "line 2: "),
        ("logs/v1\n", "line 1: "),
        (f"log {LOG.vkey}\r\n", "control character"),
        ("x" * (logs.MAX_BYTES + 1), "bytes, want at most"),
    ],
)
def test_anything_else_is_refused_by_its_line(text: str, said: str) -> None:
    with pytest.raises(errors.LedgerError, match=said) as caught:
        logs.parse(text.encode())
    assert caught.value.code in ("POLICY_INVALID", "NOTE_INVALID")


@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda t: f"logs/v0\n{t}".encode()))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with contextlib.suppress(errors.LedgerError):
        logs.parse(data)


def test_too_many_keys_and_too_long_origins_are_refused() -> None:
    many = [
        logs.Log(ORIGIN, note.parse_skey(note.generate_skey(ORIGIN, bytes([i]) * 32)).verifier)
        for i in range(logs.KEYS_MAX + 1)
    ]
    assert len(logs.by_origin(many[:-1])[ORIGIN]) == logs.KEYS_MAX
    with pytest.raises(errors.FormatError, match="more than 16 keys"):
        logs.by_origin(many)
    with pytest.raises(errors.FormatError, match="an origin of 256 bytes"):
        logs.by_origin([logs.Log("o" * 256, LOG)])
    with pytest.raises(errors.FormatError, match="two keys of one name and id"):
        logs.by_origin([logs.Log(ORIGIN, LOG), logs.Log(ORIGIN, _double())])


def _double() -> note.Verifier:
    """Another key with the name and id of the log's, as only a collision could make."""
    return note.Verifier(LOG.name, LOG.key_id, LOG.algorithm, bytes(32), LOG.check)
