"""Checking answers against a log key that the client was given: the server is not believed.

Pure, and without a key nothing is checked. A pinned key is the vkey of `policy.txt`; its name is
the origin of the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.client.answers import Checkpoint, Consistency, Entry, Inclusion, Recorded
from api.client.errors import Untrusted
from ledger import entry
from ledger.book import encoding, jose
from ledger.errors import LedgerError
from ledger.tlog import checkpoint, note, proof


@dataclass(frozen=True, slots=True)
class Pin:
    """The log's public key, or nothing."""

    verifier: note.Verifier | None

    @property
    def origin(self) -> str:
        return self.verifier.name if self.verifier else ""

    def open(self, signed: str) -> Checkpoint:
        """A checkpoint, of the pinned log and signed by its key. Without a key: as it says."""
        data = signed.encode()
        try:
            if self.verifier is None:
                found = checkpoint.parse_checkpoint(note.parse_note(data).text)
            else:
                found, _ = checkpoint.open_checkpoint(data, [self.verifier], self.origin)
        except LedgerError as error:
            raise Untrusted(f"checkpoint: {error}") from error
        return Checkpoint(found.origin, found.size, found.root.hex(), signed)

    def recorded(self, answer: Recorded) -> Recorded:
        """An answer whose proof leads to the root that its checkpoint signs."""
        if self.verifier is not None:
            signed = self.open(answer.checkpoint)
            if signed.size != answer.size:
                raise Untrusted(f"size: {answer.size}, but the checkpoint signs {signed.size}")
            included(answer.n, answer.leaf_hash, answer.proof, signed)
        return answer

    def batch(self, signed: str | None, numbers: list[int]) -> None:
        """The checkpoint of a batch is signed, and its tree has room for all of its entries."""
        if self.verifier is None or not numbers:
            return
        size = self.open(signed or "").size
        if max(numbers) >= size:
            raise Untrusted(f"entry {max(numbers)} is not in the signed tree of {size}")


def parse_pin(vkey: str) -> Pin:
    """The pin of a vkey such as `log.example/one+1a2b3c4d+…`. ValueError if it is none."""
    try:
        return Pin(note.parse_vkey(vkey.strip())) if vkey else Pin(None)
    except LedgerError as error:
        raise ValueError(
            f"log_key: {error.message}; the line `log …` of policy.txt has it"
        ) from error


def included(n: int, leaf_hash: str, path: tuple[str, ...], signed: Checkpoint) -> None:
    """Untrusted unless the proof leads from the leaf to the checkpoint's root."""
    try:
        proof.check_inclusion(
            [bytes.fromhex(node) for node in path],
            size=signed.size,
            root=bytes.fromhex(signed.root),
            index=n,
            leaf_hash=bytes.fromhex(leaf_hash),
        )
    except (LedgerError, ValueError) as error:
        raise Untrusted(f"entry {n}: {error}") from error


def proven(answer: Inclusion, signed: Checkpoint) -> Inclusion:
    """A proof that was asked for, against a checkpoint of the same size."""
    if answer.size != signed.size:
        raise Untrusted(f"proof: for size {answer.size}, asked for {signed.size}")
    included(answer.n, answer.leaf_hash, answer.proof, signed)
    return answer


def continued(answer: Consistency, old: Checkpoint, new: Checkpoint) -> Checkpoint:
    """The new checkpoint, if its tree begins with the old one: nothing seen before was changed."""
    try:
        proof.check_consistency(
            [bytes.fromhex(node) for node in answer.proof],
            old_size=old.size,
            old_root=bytes.fromhex(old.root),
            new_size=new.size,
            new_root=bytes.fromhex(new.root),
        )
    except (LedgerError, ValueError) as error:
        raise Untrusted(
            f"the log of {new.size} entries does not begin with the {old.size} that it signed "
            f"before: {error}; keep both checkpoints, together they are evidence of a fork"
        ) from error
    return new


def same_leaf(found: Entry) -> Entry:
    """An entry whose hash is the one it is said to have, and whose event is the one it holds."""
    leaf = encoding.canonical(dict(found.entry))
    if entry.leaf_hash(leaf).hex() != found.leaf_hash:
        raise Untrusted(f"entry {found.n}: its hash is not {found.leaf_hash}")
    try:
        parsed = entry.parse(leaf)
    except LedgerError as error:
        raise Untrusted(f"entry {found.n}: {error}") from error
    if parsed.n != found.n or parsed.event.payload != found.event:
        raise Untrusted(f"entry {found.n}: the event shown is not the one in the leaf")
    return found


def states(found: Entry, sent: Mapping[str, Any]) -> Entry:
    """An entry that says what was sent: that statement, or that envelope and its private part."""
    try:
        _compare(found, sent)
    except LedgerError as error:
        raise Untrusted(f"entry {found.n} is another event: {error.field} differs") from error
    return found


def _compare(found: Entry, sent: Mapping[str, Any]) -> None:
    said, want = dict(found.event), dict(sent)
    if "statement" in sent:
        want = encoding.decode_object(jose.parse(sent["statement"]).payload)
    else:
        shown = [entry.disclosure(text) for text in found.disclosures]
        named = {d.digest for d in shown} == set(said.pop("_sd", ()))
        if not named or {d.name: d.value for d in shown} != want.pop("private", {}):
            raise Untrusted(f"entry {found.n}: its private fields are not those that were sent")
        said.pop("_sd_alg", None)
        if said["kind"] == "party_registered" and "key" not in want["body"]:  # the server made it
            said["body"] = {k: v for k, v in said["body"].items() if k != "key"}
    entry.refuse_other_content(said, want, str(want.get("id", "")))
