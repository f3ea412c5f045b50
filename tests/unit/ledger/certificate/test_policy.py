from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from ledger.certificate import policy
from ledger.errors import FormatError
from ledger.tlog import cosignature, note
from tests import harness

LOG = harness.log_signer().verifier.vkey
OTHER = harness.log_signer("other.example/log", "other").verifier.vkey
KID = harness.kid_of(harness.private_key("operator"))
# C2SP tlog-cosignature: an Ed25519 witness, and one made up for a second name.
WITNESS = "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN"
WITNESS_2 = "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

WHOLE = f"""# the buyer's own words

log {LOG} https://demo.remelt.example
\tlog  {OTHER}
operator {KID}
witness W1 {WITNESS} https://witness.example
witness W2 {WITNESS_2}
group both all W1 W2
quorum both
"""


def test_a_policy_is_read_line_by_line() -> None:
    read = policy.parse(WHOLE.encode())
    assert [known.verifier.vkey for known in read.logs] == [LOG, OTHER]
    assert read.logs[0].url == "https://demo.remelt.example"
    assert read.operators == (KID,)
    assert [(w.name, w.vkey, w.url) for w in read.witnesses] == [
        ("W1", WITNESS, "https://witness.example"),
        ("W2", WITNESS_2, ""),
    ]
    assert read.groups == (policy.Group("both", 2, ("W1", "W2")),)
    assert read.quorum == "both"


def test_a_policy_is_written_as_it_is_read() -> None:
    read = policy.parse(WHOLE.encode())
    assert policy.parse(policy.format_policy(read)) == read


def test_a_policy_of_tlog_policy_needs_only_an_operator_line_more() -> None:
    theirs = f"log {LOG}\nwitness X {WITNESS}\nquorum X\n"
    with pytest.raises(FormatError, match="no operator line"):
        policy.parse(theirs.encode())
    assert policy.parse((theirs + f"operator {KID}\n").encode()).quorum == "X"


@pytest.mark.parametrize(
    ("members", "threshold"), [("any W1 W2", 1), ("2 W1 W2", 2), ("all W1 W2", 2), ("1 W1", 1)]
)
def test_a_group_says_how_many_of_its_members(members: str, threshold: int) -> None:
    text = WHOLE.replace("group both all W1 W2", f"group both {members}")
    assert policy.parse(text.encode()).groups[0].threshold == threshold


def test_names_are_octets_and_need_not_be_utf_8() -> None:
    text = WHOLE.encode().replace(b"W1", b"\xe2\x84\xaa\xff")
    read = policy.parse(text)
    assert policy.parse(policy.format_policy(read)) == read
    assert read.witnesses[0].name != "K"


BROKEN = [
    (3, f"log {LOG} https://demo.remelt.example", "logs x", "unknown keyword 'logs'"),
    (3, f"log {LOG} https://demo.remelt.example", f"log {LOG} a b", "log with 3 words"),
    (3, LOG, LOG[:-1], "not"),
    (3, LOG, LOG.replace("demo", "dema"), "the id is not that of this name and key"),
    (3, LOG, WITNESS, "type 0x04"),
    (4, OTHER, LOG, "stands above already"),
    (5, KID, KID[:-1], "not a key thumbprint"),
    (5, f"operator {KID}", f"operator {KID} x", "operator with 2 words"),
    (6, WITNESS, LOG, "does not cosign"),
    (6, "witness W1", "witness none", "the name none is taken"),
    (7, WITNESS_2, WITNESS, "stands above already"),
    (7, "witness W2", "witness W1", "the name 'W1' stands above already"),
    (8, "all W1 W2", "all W1 W3", "no witness or group 'W3' above"),
    (8, "all W1 W2", "all W1 none", "no witness or group 'none'"),
    (8, "all W1 W2", "all W1 W1", "'W1' is in a group already"),
    (8, "all W1 W2", "3 W1 W2", "a threshold of '3'"),
    (8, "all W1 W2", "0 W1 W2", "a threshold of '0'"),
    (8, "all W1 W2", "02 W1 W2", "a threshold of '02'"),
    (8, "all W1 W2", "all", "group with 2 words"),
    (8, "group both", "group W1", "the name 'W1' stands above already"),
    (9, "quorum both", "quorum all", "no witness or group 'all'"),
    (10, "quorum both\n", "quorum both\nquorum none\n", "a second quorum line"),
    (10, "quorum both\n", "quorum both\nmax_age 7\n", "not a time span: '7'"),
    (10, "quorum both\n", "quorum both\nmax_age 07d\n", "not a time span"),
    (10, "quorum both\n", "quorum both\nmax_age 0s\n", "not a time span"),
    (10, "quorum both\n", "quorum both\nmax_age 1.5h\n", "not a time span"),
    (10, "quorum both\n", "quorum both\nmax_age 1w\n", "not a time span"),
    (10, "quorum both\n", "quorum both\nmax_age \u0667d\n", "not a time span"),
    (10, "quorum both\n", "quorum both\nmax_age 1 d\n", "max_age with 2 words"),
    (11, "quorum both\n", "quorum both\nmax_age 1d\nmax_age 1d\n", "a second max_age line"),
    (5, f"operator {KID}", f"operator {KID}\r", "a control character"),
]


@pytest.mark.parametrize(("number", "right", "wrong", "message"), BROKEN)
def test_a_broken_line_is_named_with_its_number_and_a_way_out(
    number: int, right: str, wrong: str, message: str
) -> None:
    assert right in WHOLE
    with pytest.raises(FormatError) as caught:
        policy.parse(WHOLE.replace(right, wrong, 1).encode())
    assert caught.value.code == "POLICY_INVALID"
    assert caught.value.field == f"line {number}"
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("keyword", ["log", "operator", "quorum"])
def test_a_missing_line_is_asked_for(keyword: str) -> None:
    kept = [line for line in WHOLE.split("\n") if not line.strip().startswith(keyword)]
    with pytest.raises(FormatError, match=f"no {keyword} line") as caught:
        policy.parse("\n".join(kept).encode())
    assert caught.value.code == "POLICY_INVALID"
    assert keyword in caught.value.hint


def test_a_group_may_only_look_backwards() -> None:
    text = WHOLE.replace("group both all W1 W2", "group a any b\ngroup b any W1")
    with pytest.raises(FormatError, match="no witness or group 'b' above"):
        policy.parse(text.encode())


def test_a_file_that_is_no_policy_is_refused_whatever_it_is() -> None:
    for data in (b"", b"\x00", b"{}", b"\xff\xfe", b"log", b"log \xff+00000000+AA==", b"x" * 2**21):
        with pytest.raises(FormatError) as caught:
            policy.parse(data)
        assert caught.value.code == "POLICY_INVALID"


def a_policy(*rows: str, witnesses: str = "X1 X2 X3 Y1 Y2 Y3") -> policy.Policy:
    made = (
        (name, cosignature.key_from_seed(name, cosignature.ED25519, name.encode().ljust(32)))
        for name in witnesses.split()
    )
    head = [f"log {LOG}", f"operator {KID}", *(f"witness {n} {k.cosigner.vkey}" for n, k in made)]
    return policy.parse("\n".join([*head, *rows]).encode())


def meets(read: policy.Policy, *names: str) -> bool:
    return policy.satisfied(read, dict.fromkeys(names, 1700000000))


def test_quorum_none_is_met_by_nobody() -> None:
    assert meets(a_policy("quorum none"))
    assert meets(a_policy("quorum none"), "X1")


def test_quorum_of_one_witness_is_met_by_it_alone() -> None:
    read = a_policy("quorum X1")
    assert meets(read, "X1")
    assert meets(read, "X1", "X2")
    assert not meets(read)
    assert not meets(read, "X2", "X3", "Y1", "Y2", "Y3")


@pytest.mark.parametrize(("written", "least"), [("all", 6), ("any", 1), ("1", 1), ("4", 4)])
def test_a_group_is_met_by_as_many_of_its_members_as_it_says(written: str, least: int) -> None:
    names = "X1 X2 X3 Y1 Y2 Y3".split()
    read = a_policy(f"group all-of-us {written} {' '.join(names)}", "quorum all-of-us")
    for count in range(7):
        for some in combinations(names, count):
            assert meets(read, *some) == (count >= least)


def test_nested_groups_are_met_from_the_inside_out() -> None:
    read = a_policy(
        "group X 2 X1 X2 X3", "group Y any Y1 Y2 Y3", "group X-and-Y all X Y", "quorum X-and-Y"
    )
    names = "X1 X2 X3 Y1 Y2 Y3".split()
    for count in range(7):
        for some in combinations(names, count):
            of_x = sum(name.startswith("X") for name in some)
            assert meets(read, *some) == (of_x >= 2 and of_x < count)


def test_groups_three_deep_and_groups_beside_witnesses() -> None:
    rows = ("group a any X1 X2", "group b 2 a X3 Y1", "group c all b Y2", "quorum c")
    read = a_policy(*rows)
    assert meets(read, "X1", "X3", "Y2")
    assert meets(read, "X3", "Y1", "Y2")
    assert not meets(read, "X1", "X2", "Y2")
    assert not meets(read, "X1", "X3", "Y1")
    assert not meets(read, "Y2", "Y3")


def test_names_that_are_no_witness_of_the_policy_count_for_nothing() -> None:
    read = a_policy("group a all X1 X2", "quorum a")
    assert not meets(read, "a")
    assert not meets(read, "a", "X1", "none", "Z")
    assert not meets(read, "x1", "X2")


def test_a_group_that_the_quorum_does_not_use_changes_nothing() -> None:
    read = a_policy("group a any X1", "group b any X2", "quorum a")
    assert not meets(read, "X2")
    assert meets(read, "X1")


def test_policies_of_many_witnesses_and_of_deep_groups_are_decided() -> None:
    names = " ".join(f"w{n}" for n in range(40))
    deep = ["group g0 any w0", *(f"group g{n} all g{n - 1} w{n}" for n in range(1, 40))]
    read = a_policy(*deep, "quorum g39", witnesses=names)
    assert meets(read, *names.split())
    assert not meets(read, *names.split()[1:])


def test_times_of_verified_cosignatures_are_what_a_quorum_takes() -> None:
    read = a_policy("group a 2 X1 X2 X3", "quorum a")
    text = b"demo.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    keys = {w.name: cosignature.parse_vkey(w.vkey) for w in read.witnesses}
    private = {
        name: cosignature.key_from_seed(name, cosignature.ED25519, name.encode().ljust(32))
        for name in keys
    }
    for some, met in ((("X1", "X3"), True), (("X1", "Y1"), False), (("X1",), False)):
        lines = [cosignature.cosign(text, private[name], 7) for name in (*some, some[0])]
        opened = note.parse_note(note.format_note(text, lines))
        times = cosignature.verify_cosignatures(opened, keys)
        assert times == dict.fromkeys(some, 7)
        assert policy.satisfied(read, times) == met


# How old, and who audits.


@pytest.mark.parametrize(
    ("written", "seconds", "again"),
    [("90s", 90, "90s"), ("60m", 3600, "1h"), ("36h", 129_600, "36h"), ("7d", 604_800, "7d"),
     ("48h", 172_800, "2d"), ("999999999d", 86_399_999_913_600, "999999999d")],
)  # fmt: skip
def test_max_age_is_read_in_any_unit_and_written_in_the_largest(
    written: str, seconds: int, again: str
) -> None:
    read = policy.parse(f"{WHOLE}max_age {written}\n".encode())
    assert read.max_age_s == seconds
    assert policy.format_policy(read).decode().endswith(f"max_age {again}\n")
    assert policy.parse(policy.format_policy(read)) == read
    assert policy.parse(WHOLE.encode()).max_age_s is None


def test_auditors_are_who_stands_under_that_name_and_nobody_else() -> None:
    rows = ("group a any X1 X2", "group auditors 2 a X3", "group witnesses any Y1 Y2")
    assert policy.auditors(a_policy(*rows, "quorum none")) == {"X1", "X2", "X3"}
    assert policy.auditors(a_policy("group Auditors any X1 X2", "quorum none")) == frozenset()
    read = a_policy("quorum auditors", witnesses="auditors witnesses")
    assert policy.auditors(read) == {"auditors"}


@pytest.mark.parametrize(
    "rows",
    [("group auditors any X1", "group witnesses any auditors X2"),
     ("group witnesses any X1", "group b any witnesses X2", "group auditors any b")],
)  # fmt: skip
def test_nobody_counts_both_as_a_witness_and_as_an_auditor(rows: tuple[str, ...]) -> None:
    with pytest.raises(FormatError, match="stands within") as caught:
        a_policy(*rows, "quorum none")
    assert caught.value.code == "POLICY_INVALID"
    assert "third group" in caught.value.hint
    both = ("group auditors any X1", "group witnesses any X2", "group q all auditors witnesses")
    assert meets(a_policy(*both, "quorum q"), "X1", "X2")


def test_the_key_of_a_log_is_no_witness_of_it() -> None:
    seed = b"log".ljust(32)
    signer = note.parse_skey(note.generate_skey("x.example", seed))
    witness = cosignature.key_from_seed("x.example", cosignature.ED25519, seed).cosigner.vkey
    text = f"log {signer.verifier.vkey}\nwitness W {witness}\noperator {KID}\nquorum none\n"
    with pytest.raises(FormatError, match="a key that stands above already"):
        policy.parse(text.encode())


def test_the_time_of_a_quorum_is_the_latest_by_which_all_of_it_had_seen() -> None:
    of_3 = a_policy("group a 2 X1 X2 X3", "quorum a")
    assert policy.seen_at_s(of_3, {"X1": 100, "X2": 200, "X3": 300}) == 200
    assert policy.seen_at_s(of_3, {"X1": 100, "X3": 10**18}) == 100
    assert policy.seen_at_s(of_3, {"X1": 100, "X2": 0}) is None, "X1 may lie, and X2 says nothing"
    assert policy.seen_at_s(of_3, {"X1": 100, "X2": 0, "X3": 90}) == 90
    assert policy.seen_at_s(of_3, {"X1": 0, "X2": 0}) is None
    assert policy.seen_at_s(of_3, {"X1": 100}) is None
    assert policy.seen_at_s(a_policy("quorum none"), {"X1": 100, "X2": 200}) == 200
    assert policy.seen_at_s(a_policy("quorum none"), {}) is None
    assert policy.seen_at_s(a_policy("quorum X1"), {"X1": 100, "X2": 200}) == 100


def test_who_is_lacking_is_said_in_words() -> None:
    rows = ("group X 2 X1 X2 X3", "group Y any Y1 Y2 Y3", "group q all X Y", "quorum q")
    read = a_policy(*rows)

    def said(*names: str) -> str:
        return policy.lacking(read, dict.fromkeys(names, 1))

    assert said() == "q (X (2 of X1, X2, X3), Y (1 of Y1, Y2, Y3))"
    assert said("X2", "Y1") == "q (X (1 of X1, X3))"
    assert said("X1", "X2") == "q (Y (1 of Y1, Y2, Y3))"
    assert said("X1", "X2", "Y3") == ""
    assert policy.lacking(a_policy("quorum X1"), {"X2": 1}) == "X1"


def test_a_policy_holds_a_hundred_logs_witnesses_and_groups() -> None:
    logs = [harness.log_signer(f"{n}.example/log", str(n)).verifier.vkey for n in range(100)]
    rows = [f"log {vkey}" for vkey in logs]
    rows += [f"operator {harness.kid_of(harness.private_key(str(n)))}" for n in range(100)]
    names = [f"w{n}" for n in range(100)]
    deep = ["group g0 any w0", *(f"group g{n} 2 g{n - 1} w{n}" for n in range(1, 100))]
    read = a_policy(*rows, *deep, "quorum g99", witnesses=" ".join(names))
    assert (len(read.logs), len(read.witnesses), len(read.groups)) == (101, 100, 100)
    assert policy.parse(policy.format_policy(read)) == read
    assert meets(read, *names)
    assert len(policy.lacking(read, {})) <= 300


# The operator's own list.

ASKED = f"""witness W1 {WITNESS} https://witness.example
witness W2 {WITNESS_2} http://127.0.0.1:8741/w
"""


def test_the_witnesses_of_an_operator_are_a_policy_without_logs() -> None:
    read = policy.parse_witnesses(f"# ours\n{ASKED}group both any W1 W2\nquorum both\n".encode())
    assert (read.logs, read.operators, read.max_age_s) == ((), (), None)
    assert [w.url for w in read.witnesses] == ["https://witness.example", "http://127.0.0.1:8741/w"]
    assert meets(read, "W2")
    assert not meets(read)
    assert policy.parse_witnesses(policy.format_policy(read)) == read


def test_without_a_quorum_line_all_that_are_named_must_cosign() -> None:
    read = policy.parse_witnesses(ASKED.encode())
    assert meets(read, "W1", "W2")
    assert not meets(read, "W1")
    assert policy.parse_witnesses(policy.format_policy(read)) == read
    one = policy.parse_witnesses(ASKED.split("\n")[0].encode())
    assert (one.quorum, one.groups) == ("W1", ())
    grouped = policy.parse_witnesses(f"{ASKED}group all any W1 W2\n".encode())
    assert grouped.quorum == "all"
    assert meets(grouped, "W1")
    nobody = policy.parse_witnesses(b"# none yet\n")
    assert (nobody.witnesses, nobody.quorum) == ((), "none")


def test_a_name_made_for_all_that_are_named_is_nobody_elses() -> None:
    read = policy.parse_witnesses(ASKED.replace("W1", "all").encode())
    assert read.quorum == "all-"
    assert not meets(read, "all")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"log {LOG}\n{ASKED}", "unknown keyword 'log', want one of witness, group, quorum"),
        (f"operator {KID}\n", "unknown keyword 'operator'"),
        ("max_age 1d\n", "unknown keyword 'max_age'"),
        (f"witness W1 {WITNESS}\n", "has no URL to be asked at"),
        (f"witness W1 {WITNESS} ftp://x\n", "has no URL to be asked at"),
        (f"{ASKED}quorum W3\n", "no witness or group 'W3'"),
    ],
)
def test_what_does_not_belong_into_the_operators_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        policy.parse_witnesses(text.encode())
    assert caught.value.code == "POLICY_INVALID"
    assert message in caught.value.message
    assert caught.value.hint


def test_the_policy_of_the_documentation_is_one() -> None:
    page = Path(__file__).parents[4] / "docs" / "format.md"
    section = page.read_text("utf-8").partition("## Policy")[2].partition("## Verification")[0]
    read = policy.parse(section.partition("```text\n")[2].partition("```")[0].encode())
    assert policy.auditors(read) == {"anhui"}
    assert (read.quorum, read.max_age_s) == ("both", 604_800)
