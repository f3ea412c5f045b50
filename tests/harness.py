"""A whole log in memory: real keys, real signatures, real rules, a fixed clock.

log = harness.TestLedger()
log.party("HEFEI", custody="self")
log.site("HF01", "HEFEI", equipment=["F1"])
log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
log.melt("HF01/H-1", {"HF01/A": "all"}, {"HF01/INGOT": ("9.4 t", {"Al": "97 %"})})
certificate = log.certify(["HF01/INGOT"], "Al")
assert log.check() == len(log.leaves)
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ledger import entry, logkeys
from ledger.book import bodies, encoding, events, fold, jose, rules, serial, state, vocabulary
from ledger.book.rules.draft import Outcome
from ledger.certificate import dossier, policy
from ledger.errors import LedgerError
from ledger.tlog import checkpoint, cosignature, note, proof, tree

ORIGIN = "demo.remelt.example/anhui"
OPERATOR = "OPERATOR"
CLOCK_MS = 1_772_409_600_000  # 2026-03-02T00:00:00Z
WASTE_NOTE = ("waste_note", "weigh_ticket")
Alter = Callable[[Outcome], None]


def private_key(label: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that is the same in every run."""
    number = int.from_bytes(hashlib.sha256(label.encode()).digest())
    return ec.derive_private_key(number % (2**255) + 1, ec.SECP256R1())


def kid_of(key: ec.EllipticCurvePrivateKey) -> str:
    return jose.thumbprint(jose.public_jwk(key.public_key()))


def log_signer(origin: str = ORIGIN, label: str = "log") -> note.Signer:
    seed = hashlib.sha256(label.encode()).digest()
    return note.parse_skey(note.generate_skey(origin, seed))


def witness(name: str, algorithm: int = cosignature.ED25519) -> cosignature.CosigningKey:
    """The key of a witness, of type 04 or 06, that is the same in every run."""
    return cosignature.key_from_seed(name, algorithm, hashlib.sha256(name.encode()).digest())


def cosigned(signed: bytes, times: Mapping[str, int]) -> bytes:
    """A checkpoint with the cosignatures of Ed25519 witnesses, each at its time in seconds."""
    read = note.parse_note(signed)
    made = [cosignature.cosign(read.text, witness(name), at) for name, at in times.items()]
    return note.format_note(read.text, [*read.unverified, *made])


def rfc3339(at_ms: int) -> str:
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=at_ms)
    return at.isoformat(timespec="milliseconds") + "Z"


@dataclass
class TestLedger:
    """See the module. Every entry is recorded a minute after the one before."""

    __test__ = False

    origin: str = ORIGIN
    clock_ms: int = CLOCK_MS
    parameters: dict[str, Any] = field(default_factory=dict)
    log_label: str = "log"
    leaves: list[bytes] = field(default_factory=list)
    entries: list[entry.Entry] = field(default_factory=list)
    disclosures: dict[int, list[str]] = field(default_factory=dict)
    memory: fold.Memory = field(default_factory=fold.Memory)
    keys: dict[str, list[ec.EllipticCurvePrivateKey]] = field(default_factory=dict)
    opened: bool = False

    def __post_init__(self) -> None:
        self.signer = log_signer(self.origin, self.log_label)
        self.signers = [self.signer]
        self.keys.setdefault(OPERATOR, [private_key("operator")])
        if not self.opened:
            self._open()

    def _open(self) -> None:
        self.opened = True
        body = {
            "origin": self.origin,
            "log_key": self.signer.verifier.vkey,
            "operator": OPERATOR,
            "operator_key": jose.public_jwk(self.keys[OPERATOR][0].public_key()),
            "rules": 1,
            "parameters": self.parameters,
            "tables": vocabulary.tables(),
        }
        self.state("log_opened", body)

    # Recording.

    def state(
        self,
        kind: str,
        body: Mapping[str, Any],
        party: str = OPERATOR,
        *,
        site: str = "",
        evidence: Sequence[str] = (),
        private: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> entry.Entry:
        """Record an event of one party, at a site where the kind has one."""
        envelope: dict[str, Any] = {"kind": kind, "party": party, "body": dict(body), **more}
        if site:
            envelope["site"] = site
        if evidence:
            envelope["evidence"] = [
                {"type": name, "sha256": self.document(party, name)} for name in evidence
            ]
        if private:
            envelope["private"] = dict(private)
        return self.record(envelope)

    def document(self, party: str, name: str) -> str:
        """The hash of a new document of a party."""
        return hashlib.sha256(f"{party} {name} {len(self.leaves)}".encode()).hexdigest()

    def record(
        self, envelope: Mapping[str, Any], key: ec.EllipticCurvePrivateKey | None = None
    ) -> entry.Entry:
        """Sign an envelope, run the rules and append the entry. Raises what a server would."""
        n = len(self.leaves)
        made = uuid.UUID(bytes=hashlib.sha256(f"event {n}".encode()).digest()[:16])
        defaults = {"log": self.origin, "id": str(made), "occurred_at": rfc3339(self.clock_ms)}
        whole = {**defaults, **envelope}
        events.decode(whole, signed=False)
        salts = [
            hashlib.sha256(f"salt {n} {name}".encode()).digest()[:16]
            for name in whole.get("private", {})
        ]
        payload, disclosed = entry.conceal(whole, salts)
        key = key or self.keys[whole["party"]][0]
        statement = jose.sign(encoding.canonical(payload), key, kid_of(key))
        found = self.append(statement, self.clock_ms)
        if disclosed:
            self.disclosures[n] = [made.text for made in disclosed]
        self.clock_ms += 60_000
        return found

    def append(self, statement: str, at_ms: int, alter: Alter | None = None) -> entry.Entry:
        """Append a signed statement; `alter` is what a dishonest log does to the outcome."""
        jws = jose.parse(statement)
        event = events.parse(jws.payload, signed=True)
        rules.admit(event, self.memory)
        outcome = rules.decide(event, at_ms, self.memory, self.checked(event, jws))
        if alter is not None:
            outcome = copy.deepcopy(outcome)
            alter(outcome)
        return self.write(statement, at_ms, outcome)

    def checked(self, event: events.Event, jws: jose.Jws) -> rules.Signer:
        known = self.memory.find(f"key:{jws.kid}")
        jwk = known[1].jwk if known and isinstance(known[1], state.Key) else None
        if isinstance(event.body, bodies.LogOpened):
            jwk = event.body.operator_key
        return rules.Signer(jws.kid, jwk is not None and jose.verifies(jws, jwk))

    def write(self, statement: str, at_ms: int, outcome: Outcome) -> entry.Entry:
        """Append an entry as it is, whatever the rules think of it."""
        previous = entry.leaf_hash(self.leaves[-1]) if self.leaves else entry.ZERO_HASH
        leaf = entry.compose(len(self.leaves), at_ms, previous, statement, outcome)
        found = entry.parse(leaf)
        self.memory.apply(found.facts(), self.origin)
        self.leaves.append(leaf)
        self.entries.append(found)
        return found

    def forge(self, alterations: Mapping[int, Alter]) -> TestLedger:
        """The log as its operator could rewrite it: same statements, some outcomes altered, all
        later entries made anew on top of them as far as the rules go along."""
        forged = TestLedger(
            self.origin, self.clock_ms, self.parameters, self.log_label,
            disclosures=self.disclosures, keys=self.keys, opened=True,
        )  # fmt: skip
        for n, found in enumerate(self.entries):
            alter = alterations.get(n)
            try:
                forged.append(found.statement, found.at_ms, alter)
            except (LedgerError, ValueError, AssertionError, KeyError):
                assert alter is None, "this alteration cannot even be written down"
                outcome = Outcome(found.book, found.lots, found.reads)
                forged.write(found.statement, found.at_ms, outcome)
        return forged

    # The log as others see it.

    def hashes(self) -> list[bytes]:
        return [entry.leaf_hash(leaf) for leaf in self.leaves]

    def checkpoint(self, size: int | None = None, signer: note.Signer | None = None) -> bytes:
        """The signed note of the tree of the first `size` entries."""
        hashes = self.hashes()[: len(self.leaves) if size is None else size]
        head = checkpoint.Checkpoint(self.origin, len(hashes), tree.root(hashes))
        return checkpoint.sign_checkpoint(head, [signer] if signer else self.signers)

    def inclusion(self, n: int, size: int | None = None) -> list[bytes]:
        """The proof that entry n is in the tree of the first `size` entries."""
        hashes = self.hashes()[: len(self.leaves) if size is None else size]
        return proof.inclusion(n, len(hashes), proof.subtree_from_leaves(hashes))

    def check(self) -> int:
        """Recheck every leaf from scratch: form, chain, signature, rules, root; how many."""
        memory, previous, edge = fold.Memory(), entry.ZERO_HASH, tree.EMPTY_EDGE
        for n, leaf in enumerate(self.leaves):
            found = entry.parse(leaf)
            assert (found.n, found.prev) == (n, previous.hex())
            signer = self.checked(found.event, found.jws)
            assert signer.valid
            entry.recheck(found, memory, signer)
            memory.apply(found.facts(), self.origin)
            previous = entry.leaf_hash(leaf)
            edge = tree.edge_append(edge, previous)
        assert tree.edge_root(edge) == tree.root(self.hashes())
        return len(self.leaves)

    def policy(self, **changes: Any) -> policy.Policy:
        """The policy of a buyer who trusts this log and its operator."""
        kid = kid_of(self.keys[OPERATOR][0])
        known: dict[str, Any] = {"logs": (policy.Log(self.signer.verifier),), "operators": (kid,)}
        return policy.Policy(**{**known, **changes})

    def serial(self, issued: entry.Entry) -> str:
        return serial.make(self.origin, issued.event.party, issued.event.id)

    def dossier(
        self,
        issued: entry.Entry,
        may_share: Callable[[entry.Entry], bool] = lambda found: True,
        checkpoint: bytes = b"",
        **more: Any,
    ) -> bytes:
        """The dossier of a certificate at the present size, under a checkpoint of this size."""
        hashes = self.hashes()
        subtree = proof.subtree_from_leaves(hashes)
        return dossier.assemble(
            self.serial(issued),
            issued.n,
            self.leaves.__getitem__,
            lambda n: proof.inclusion(n, len(hashes), subtree),
            checkpoint or self.checkpoint(),
            may_share,
            self.disclosures,
            **more,
        )

    # Small builders: what parties do, as a story reads.

    def party(
        self, name: str, *, custody: str = "operator", share: str = "open", **more: Any
    ) -> entry.Entry:
        """Register a party with a key of its own and a private name."""
        key = private_key(name)
        self.keys[name] = [key]
        body = {
            "party": name, "country": "CN", "roles": ["recycler"], "custody": custody,
            "share": share, **self.new_key(name, key), **more,
        }  # fmt: skip
        return self.state("party_registered", body, private={"name": f"{name.title()} Co."})

    def new_key(self, party: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
        claim = {"log": self.origin, "party": party, "kid": kid_of(key)}
        possession = jose.sign(encoding.canonical(claim), key, kid_of(key))
        return {"key": jose.public_jwk(key.public_key()), "proof": possession}

    def add_key(self, party: str, label: str, *, custody: str = "self") -> entry.Entry:
        """One more key, stated with the party's first; `keys[party][-1]` signs if passed on."""
        key = private_key(label)
        body = {"party": party, "custody": custody, **self.new_key(party, key)}
        found = self.state("key_added", body, party)
        self.keys[party].append(key)
        return found

    def rotate(self, label: str) -> entry.Entry:
        """One more key of the log, named by the operator; it signs from now on, last."""
        self.signers.append(log_signer(self.origin, label))
        stated = logkeys.statement(signer.verifier.vkey for signer in self.signers)
        return self.state("policy_set", stated["body"], private=stated["private"])

    def revoke_key(self, party: str, kid: str, reason: str = "lost") -> entry.Entry:
        body = {"party": party, "kid": kid, "reason": reason}
        return self.state("key_revoked", body)

    def site(
        self,
        site: str,
        party: str,
        *,
        scopes: Sequence[str] = ("MAIN",),
        equipment: Sequence[str] = ("F1",),
    ) -> entry.Entry:
        body = {
            "party": party, "site": site, "type": "plant", "country": "CN",
            "scopes": [{"id": scope, "level": "line"} for scope in scopes],
            "equipment": list(equipment), "zone": "Asia/Shanghai",
        }  # fmt: skip
        return self.state("site_registered", body, private={"name": f"Works {site}"})

    def party_of(self, site: str) -> str:
        known = self.memory.find(f"site:{site}")
        assert known is not None
        assert isinstance(known[1], state.Site)
        return known[1].party

    def at(self, site: str, kind: str, body: Mapping[str, Any], **more: Any) -> entry.Entry:
        """An event at a site, stated by the party the site belongs to."""
        named = site if kind in events.SITE_KINDS else ""
        return self.state(kind, body, self.party_of(site), site=named, **more)

    def lies_at(self, lot: str) -> str:
        known = self.memory.find(f"lot:{lot}")
        assert known is not None
        assert isinstance(known[1], state.Lot)
        return known[1].at_site

    def receive(
        self,
        lot: str,
        mass: str,
        assay: Mapping[str, str] | None = None,
        origin: Mapping[str, str] | None = None,
        *,
        evidence: Sequence[str] = WASTE_NOTE,
        **more: Any,
    ) -> entry.Entry:
        """Scrap from outside, at the site whose lot it becomes; final assay."""
        body: dict[str, Any] = {
            "lot": lot, "from": {"external": True}, "mass": mass,
            "material": {"metal": "aluminium", "form": "scrap"}, "assay_grade": "final", **more,
        }  # fmt: skip
        if assay is not None:
            body["assay"] = dict(assay)
        if origin is not None:
            body["origin"] = dict(origin)
        return self.at(lot.partition("/")[0], "lot_received", body, evidence=evidence)

    def run(
        self,
        run: str,
        step: str,
        inputs: Mapping[str, str],
        outputs: Mapping[str, tuple[str, Mapping[str, str]] | str],
        *,
        roles: Mapping[str, str] | None = None,
        **more: Any,
    ) -> entry.Entry:
        """A run. outputs: lot -> (mass, assay), or mass alone in steps that inherit."""
        made = []
        for lot, written in outputs.items():
            mass, assay = (written, None) if isinstance(written, str) else written
            output: dict[str, Any] = {"lot": lot, "mass": mass}
            output["role"] = (roles or {}).get(lot, "product")
            if assay is not None:
                output |= {"assay": dict(assay), "assay_grade": "final"}
            made.append(output)
        taken = [{"lot": lot, "mass": mass} for lot, mass in inputs.items()]
        body = {"run": run, "step": step, "scope": "MAIN", "inputs": taken, "outputs": made}
        return self.at(run.partition("/")[0], "run_recorded", {**body, **more})

    def melt(
        self,
        run: str,
        inputs: Mapping[str, str],
        outputs: Mapping[str, tuple[str, Mapping[str, str]] | str],
        *,
        heel: tuple[str, Mapping[str, str]] | None = None,
        equipment: str = "F1",
        **more: Any,
    ) -> entry.Entry:
        """A heat. heel: (mass, assay) of what stays in the furnace."""
        if heel is not None:
            more["heel"] = {"mass": heel[0], "assay": dict(heel[1])}
        return self.run(run, "MELT", inputs, outputs, equipment=equipment, **more)

    def finalize(self, run: str, assays: Mapping[str, Mapping[str, str]]) -> entry.Entry:
        outputs = [{"lot": lot, "assay": dict(assay)} for lot, assay in assays.items()]
        body = {"run": run, "outputs": outputs}
        return self.at(run.partition("/")[0], "run_finalized", body)

    def assay(self, lot: str, assay: Mapping[str, str], grade: str = "final") -> entry.Entry:
        body = {"lot": lot, "assay": dict(assay), "grade": grade}
        return self.at(self.lies_at(lot), "assay_recorded", body, evidence=["lab_report"])

    def declare(self, lot: str, class_: str, from_scope: str) -> entry.Entry:
        body = {"lot": lot, "class": class_, "from_scope": from_scope, "process": "stamping"}
        evidence = ["scrap_declaration"]
        return self.at(self.lies_at(lot), "scrap_declared", body, evidence=evidence)

    def send(self, consignment: str, lots: Sequence[str], to_site: str = "") -> entry.Entry:
        """Dispatch lots to a site of this log, or out of it."""
        to: dict[str, Any] = {"external": True}
        if to_site:
            to = {"party": self.party_of(to_site), "site": to_site}
        body = {"consignment": consignment, "lots": list(lots), "to": to}
        return self.at(consignment.partition("/")[0], "lot_dispatched", body)

    def take_back(self, consignment: str, lots: Sequence[str]) -> entry.Entry:
        body = {"consignment": consignment, "lots": list(lots)}
        return self.at(consignment.partition("/")[0], "lot_returned", body)

    def arrive(
        self, site: str, consignment: str, lots: Mapping[str, str], **more: Any
    ) -> entry.Entry:
        arrivals = [{"lot": lot, "mass": mass, **more} for lot, mass in lots.items()]
        body = {"consignment": consignment, "lots": arrivals}
        return self.at(site, "lot_arrived", body, evidence=["weigh_ticket"])

    def certify(
        self,
        lots: Sequence[str],
        substance: str,
        *,
        classes: Sequence[str] = ("POST",),
        amount: str = "all",
        **more: Any,
    ) -> entry.Entry:
        body = {
            "lots": list(lots), "substance": substance, "method": "iso14021-batch",
            "classes": list(classes), "amount": amount, **more,
        }  # fmt: skip
        return self.at(self.lies_at(lots[0]), "certificate_issued", body)

    def revoke(self, issued: entry.Entry, reason: str = "error", **more: Any) -> entry.Entry:
        body = {"serial": self.serial(issued), "reason": reason, **more}
        return self.at(issued.event.site, "certificate_revoked", body)

    def consent(self, issued: entry.Entry, holder: str) -> str:
        """The holder's signed consent to a revocation."""
        key = self.keys[holder][0]
        wanted = {"log": self.origin, "serial": self.serial(issued)}
        return jose.sign(encoding.canonical(wanted), key, kid_of(key))


def altered(data: bytes, alter: Callable[[dict[str, Any]], object]) -> bytes:
    """A dossier with something changed in it, in canonical form again."""
    value = encoding.decode(data)
    alter(value)
    return encoding.canonical(value)


def left_out(data: bytes, *gone: int) -> bytes:
    """A dossier without some of its entries."""

    def leave_out(value: dict[str, Any]) -> None:
        value["entries"] = [m for m in value["entries"] if m["entry"]["n"] not in gone]
        for n in gone:
            value["disclosures"].pop(str(n), None)

    return altered(data, leave_out)


def yard() -> TestLedger:
    """A recycler with a site, and a rival without."""
    log = TestLedger()
    log.party("HEFEI")
    log.party("RIVAL")
    log.site("HF01", "HEFEI")
    return log


def certified(log: TestLedger) -> entry.Entry:
    """A receipt in a yard, and the certificate on it."""
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    return log.certify(["HF01/A"], "Al")


def smelter(heats: int = 4, *, collector_shares: str = "open") -> tuple[TestLedger, entry.Entry]:
    """A collector shreds old scrap and sends it; a smelter adds its own purchases, primary metal
    and metal nobody vouches for, and casts from one furnace, with a heel; a buyer is named.

    The log, and the certificate on two halves of the last cast.
    """
    log = TestLedger()
    log.party("TONGLING", custody="self", share=collector_shares)
    log.party("HEFEI")
    log.party("CABLE", custody="self")
    log.site("TL01", "TONGLING")
    log.site("HF01", "HEFEI")
    log.site("CB01", "CABLE")
    for i in range(heats):
        _heat(log, i)
    last = heats - 1
    log.finalize(f"HF01/H-{last}", {f"HF01/INGOT-{last}": {"Al": "96.2 %"}})
    log.run(
        "HF01/SP", "SPLIT", {f"HF01/INGOT-{last}": "all"}, {"HF01/X-1": "7 t", "HF01/X-2": "rest"}
    )
    issued = log.certify(
        ["HF01/X-1", "HF01/X-2"], "Al", classes=["POST", "PRE"], amount="40 %",
        holder={"party": "CABLE"},
    )  # fmt: skip
    return log, issued


def _heat(log: TestLedger, i: int) -> None:
    old = {"POST": "80 %", "PRE": "20 %"}
    log.receive(f"TL01/S-{i}", "10 t", {"Al": "90 %", "Cu": "1 %"}, old)
    log.run(
        f"TL01/R-{i}", "SHRED", {f"TL01/S-{i}": "all"}, {f"TL01/A-{i}": ("9.9 t", {"Al": "90.5 %"})}
    )
    log.send(f"TL01/C-{i}", [f"TL01/A-{i}"], "HF01")
    log.arrive("HF01", f"TL01/C-{i}", {f"TL01/A-{i}": "9.89 t"})
    log.receive(f"HF01/B-{i}", "6 t", {"Al": "99.7 %"}, {"PRIM": "100 %"}, evidence=["invoice"])
    log.receive(f"HF01/P-{i}", "4 t", {"Al": "93 %"}, {"POST": "90 %", "UNK": "10 %"})
    log.melt(
        f"HF01/H-{i}",
        {f"TL01/A-{i}": "all", f"HF01/B-{i}": "5 t", f"HF01/P-{i}": "3.5 t"},
        {f"HF01/INGOT-{i}": ("14 t", {"Al": "96 %"}), f"HF01/DROSS-{i}": ("0.8 t", {"Al": "60 %"})},
        roles={f"HF01/DROSS-{i}": "byproduct"},
        additions=[{"name": "si_metal", "mass": "200 kg", "assay": {"Si": "98.5 %"}}],
        heel=("3 t", {"Al": "96 %"}),
    )
