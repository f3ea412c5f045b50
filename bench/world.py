"""A ledger to measure: one self-signing party, and its receipts and heats, signed beforehand."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ledger import apikeys, keys, service, settings, statements
from ledger.book import jose

ORIGIN = "bench.remelt.example/one"
PARTY, SITE = "HUAIBEI-AL", "HB01"
HEAT_ASSAY = {"Al": "80.1 %", "Si": "1.4 %", "Fe": "0.5 %", "Cu": "0.2 %"}


def receipt_assay() -> dict[str, str]:
    """No two lorries are alike, so that nothing is remembered that would not be in life."""
    middle = {"Al": 9300, "Si": 210, "Fe": 80, "Cu": 31}  # hundredths of a percent
    parts = {name: share * random.randint(85, 105) // 100 for name, share in middle.items()}
    parts["Al"] = min(parts["Al"], 9_600)
    return {name: f"{share // 100}.{share % 100:02d} %" for name, share in parts.items()}


@dataclass
class World:
    data: Path
    database: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=keys.new_party_key)
    api_key: str = ""
    made: int = 0
    last_heat: int = 0

    @property
    def settings(self) -> settings.Settings:
        return settings.load(str(self.data), self.database or None)

    def open(self) -> service.Ledger:
        """Create the ledger with its party and site."""
        ledger = service.create(self.settings, ORIGIN, "OPERATOR", {})
        ledger.sequencer.start()
        registration = {
            "party": PARTY,
            "country": "CN",
            "roles": ["smelter"],
            "custody": "self",
            "share": "open",
            "key": jose.public_jwk(self.key.public_key()),
            "proof": statements.proof_of_possession(ORIGIN, PARTY, self.key),
        }
        envelope = statements.envelope(
            ORIGIN, "OPERATOR", "party_registered", registration, private={"name": "Bench"}
        )
        ledger.record(json.dumps(envelope).encode(), "OPERATOR")
        site = {
            "party": PARTY,
            "site": SITE,
            "type": "remelter",
            "country": "CN",
            "scopes": [{"id": "CAST", "level": "line"}],
            "equipment": ["F1"],
            "zone": "Asia/Shanghai",
        }
        ledger.record(self.signed("site_registered", site, site="", private={"name": "B"}), PARTY)
        self.api_key = apikeys.create(ledger, PARTY, ["record", "read"], "bench")
        ledger.sequencer.stop()
        return ledger

    def signed(self, kind: str, body: dict[str, Any], *, site: str = SITE, **more: Any) -> bytes:
        """A signed statement as the API takes it."""
        if site:
            more["site"] = site
        event = statements.envelope(ORIGIN, PARTY, kind, body, **more)
        return json.dumps(statements.sign(event, self.key).as_dict()).encode()

    def receipt(self) -> bytes:
        """A lorry of scrap, signed."""
        event = self.receipt_envelope()
        return json.dumps(statements.sign(event, self.key).as_dict()).encode()

    def receipt_envelope(self) -> dict[str, Any]:
        """A lorry of scrap: 4 elements, 2 origin classes, 2 documents, 2 private fields."""
        self.made += 1
        documents = [random.randbytes(32).hex() for _ in range(2)]
        body = {
            "lot": f"{SITE}/A{self.made}",
            "from": {"external": True},
            "material": {"metal": "aluminium", "form": "scrap"},
            "gross": f"{2 * random.randint(12_000, 13_000)} kg",
            "tare": "14 t",
            "moisture": f"1.{random.randint(0, 9)} %",
            "assay": receipt_assay(),
            "assay_grade": "final",
            "origin": {"POST": "60 %", "PRE": "40 %"},
            "ticket": f"T-{self.made}",
        }
        evidence = [
            {"type": "waste_note", "sha256": documents[0]},
            {"type": "scrap_declaration", "sha256": documents[1]},
        ]
        private = {"seller": "somebody", "plate": "plate 1"}
        return statements.envelope(
            ORIGIN, PARTY, "lot_received", body, site=SITE, evidence=evidence, private=private
        )

    def heat(self, lots: list[int]) -> bytes:
        """A heat of some received lots, with heel: 4 elements in 3 classes."""
        self.made += 1
        self.last_heat = self.made
        wet_kg = 9_980 * len(lots)
        body = {
            "run": f"{SITE}/H{self.made}",
            "step": "MELT",
            "scope": "CAST",
            "equipment": "F1",
            "inputs": [{"lot": f"{SITE}/A{i}", "mass": "all"} for i in lots],
            "outputs": [
                {"lot": f"{SITE}/I{self.made}", "role": "product", "mass": f"{wet_kg * 9 // 10} kg",
                 "assay": HEAT_ASSAY, "assay_grade": "final"},
                {"lot": f"{SITE}/D{self.made}", "role": "byproduct", "mass": f"{wet_kg // 40} kg",
                 "assay": {"Al": "60 %"}},
            ],
            "heel": {"mass": "100 kg", "assay": HEAT_ASSAY},
        }  # fmt: skip
        return self.signed("run_recorded", body)
