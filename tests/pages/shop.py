"""A small remelter's week in a real ledger on disk, and a real server in front of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from ledger import reports, service, settings
from ledger.book import serial
from ledger.service import Ledger

ROOT = Path(__file__).parent.parent.parent
ORIGIN = "demo.remelt.example/anhui"
OPERATOR, HUAIBEI, CHUZHOU, COLLECT = "OPERATOR", "HUAIBEI-AL", "CHUZHOU-STRIP", "SUIXI-COLLECT"
SLAB = {"metal": "aluminium", "form": "slab", "grade": {"scheme": "aa", "code": "3105"}}
FINAL = {"Al": "96.8 %", "Si": "1.5 %", "Fe": "0.4 %"}
HEATS = ("CERT", "REVOKED", "LEFT", "DRAWN", "DISPUTED", "EXPIRED", "NOBODY")


@dataclass
class Shop:
    """The recorded week. labels: lot -> path of its page; serials: what for -> serial."""

    ledger: Ledger
    labels: dict[str, str] = field(default_factory=dict)
    serials: dict[str, str] = field(default_factory=dict)
    minute: int = 0

    def record(
        self,
        kind: str,
        body: dict[str, Any],
        party: str = HUAIBEI,
        site: str = "",
        papers: tuple[str, ...] = (),
        **more: Any,
    ) -> str:
        """Record an event, one minute after the last; gives its id."""
        self.minute += 1
        envelope: dict[str, Any] = {
            "log": ORIGIN,
            "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"event {self.minute}")),
            "kind": kind,
            "party": party,
            "occurred_at": f"2026-03-05T{16 + self.minute // 60:02d}:{self.minute % 60:02d}:00Z",
            "body": body,
            **more,
        }
        if site:
            envelope["site"] = site
        if papers:
            digest = hashlib.sha256(envelope["id"].encode()).hexdigest()
            envelope["evidence"] = [{"type": paper, "sha256": digest} for paper in papers]
        self.ledger.record(orjson.dumps(envelope), OPERATOR)
        return str(envelope["id"])

    def register(self, party: str, site: str, share: str) -> None:
        about = {"country": "CN", "roles": ["recycler"], "custody": "operator", "share": share}
        name = {"name": f"{party} Co"}
        self.record("party_registered", {"party": party, **about}, OPERATOR, private=name)
        place: dict[str, Any] = {"site": site, "party": party, "type": "plant", "country": "CN"}
        place |= {"scopes": [{"id": "CAST", "level": "line"}], "equipment": ["F1"]}
        self.record("site_registered", {**place, "zone": "Asia/Shanghai"}, OPERATOR, private=name)

    def receive(
        self, lot: str, mass: str, assay: dict[str, str], origin: str, paper: str, **more: Any
    ) -> None:
        site, party = lot.partition("/")[0], more.pop("party", HUAIBEI)
        body = {
            "lot": lot, "from": {"external": True}, "mass": mass, "assay": assay,
            "assay_grade": "final", "origin": {origin: "100 %"},
            "material": {"metal": "aluminium", "form": "scrap"}, **more,
        }  # fmt: skip
        self.record("lot_received", body, party, site, (paper, "weigh_ticket"))

    def melt(self, name: str) -> None:
        """The heat of the worked example: 48.26 % of the aluminium is post-consumer."""
        body = {
            "run": f"HB01/H-{name}", "step": "MELT", "scope": "CAST", "equipment": "F1",
            "inputs": [
                {"lot": "HB01/A", "mass": "10 t"},
                {"lot": "HB01/B", "mass": "6 t"},
                {"lot": "HB01/C", "mass": "4 t"},
            ],
            "outputs": [
                {"lot": f"HB01/{name}", "role": "product", "mass": "18.7 t", "assay": FINAL,
                 "assay_grade": "final", "material": SLAB},
                {"lot": f"HB01/DROSS-{name}", "role": "byproduct", "mass": "0.9 t",
                 "assay": {"Al": "60 %"}},
            ],
        }  # fmt: skip
        self.record("run_recorded", body, HUAIBEI, "HB01")

    def certify(self, name: str, lots: list[str], classes: list[str], **more: Any) -> None:
        body = {
            "lots": lots, "substance": "Al", "method": "iso14021-batch", "classes": classes,
            "amount": "all", **more,
        }  # fmt: skip
        made = self.record("certificate_issued", body, HUAIBEI, "HB01")
        self.serials[name] = serial.make(ORIGIN, HUAIBEI, made)

    def send(self, lot: str, to: dict[str, Any], consignment: str) -> None:
        body = {"consignment": consignment, "lots": [lot], "to": to}
        self.record("lot_dispatched", body, HUAIBEI, "HB01")

    def arrive(self, lot: str, mass: str, consignment: str) -> None:
        body = {"consignment": consignment, "lots": [{"lot": lot, "mass": mass}]}
        self.record("lot_arrived", body, CHUZHOU, "CZ01", ("weigh_ticket",))

    def path(self, lot: str) -> str:
        return f"/L/{lot}/{reports.lot_view(self.ledger, lot)['fingerprint']}"


def open_shop(data: Path, url: str | None = None) -> Shop:
    """A new ledger with everything the pages have to show."""
    where = settings.load(str(data), url)
    shop = Shop(service.create(where, ORIGIN, OPERATOR, {}))
    shop.ledger.sequencer.start()
    try:
        _week(shop)
        shop.labels = {lot: shop.path(lot) for lot in LOTS}
    finally:
        shop.ledger.sequencer.stop()
    return shop


LOTS = (
    "HB01/A", "HB01/CERT", "HB01/LEFT", "HB01/ROAD", "HB01/DRAWN", "HB01/PLAIN", "HB01/WIDE",
    "HB01/PROVISIONAL", "HB01/MANY",
)  # fmt: skip


def _week(shop: Shop) -> None:
    to_chuzhou = {"party": CHUZHOU, "site": "CZ01"}
    shop.register(HUAIBEI, "HB01", "open")
    shop.register(CHUZHOU, "CZ01", "customers")
    shop.register(COLLECT, "SX01", "closed")
    heats = len(HEATS)
    mass_b, mass_c = f"{6 * heats} t", f"{4 * heats} t"
    # One part of the old scrap comes from a collector who shows nothing.
    assay = {"Al": "93.0 %", "Si": "3 %", "Fe": "0.6 %"}
    shop.receive("SX01/ROOF", "1 t", assay, "POST", "waste_note", party=COLLECT, moisture="1.5 %")
    body: dict[str, Any] = {"consignment": "SX01/C-1", "lots": ["SX01/ROOF"]}
    body["to"] = {"party": HUAIBEI, "site": "HB01"}
    shop.record("lot_dispatched", body, COLLECT, "SX01")
    body = {"consignment": "SX01/C-1", "lots": [{"lot": "SX01/ROOF", "mass": "1 t"}]}
    shop.record("lot_arrived", body, HUAIBEI, "HB01", ("weigh_ticket",))
    rest = f"{10 * heats - 1} t"
    shop.receive("HB01/A0", rest, assay, "POST", "waste_note", moisture="1.5 %")
    body = {"run": "HB01/M-1", "step": "MERGE", "outputs": [
        {"lot": "HB01/A", "role": "product", "mass": f"{10 * heats} t",
         "material": {"metal": "aluminium", "form": "old_scrap"}}]}  # fmt: skip
    body["inputs"] = [{"lot": lot, "mass": "all"} for lot in ("SX01/ROOF", "HB01/A0")]
    shop.record("run_recorded", {**body, "scope": "CAST"}, HUAIBEI, "HB01")
    shop.receive("HB01/B", mass_b, {"Al": "97.2 %"}, "PRE", "scrap_declaration")
    shop.receive("HB01/C", mass_c, {"Al": "99.7 %"}, "PRIM", "invoice")
    for name in HEATS:
        shop.melt(name)
    shop.certify("CERT", ["HB01/CERT"], ["POST"], holder={"party": CHUZHOU})
    shop.certify("REVOKED", ["HB01/REVOKED"], ["POST", "PRE"])
    revoked = {"serial": shop.serials["REVOKED"], "reason": "error", "lots": ["HB01/REVOKED"]}
    shop.record("certificate_revoked", revoked, HUAIBEI)
    shop.certify("LEFT", ["HB01/LEFT"], ["POST"], holder={"external": True})
    shop.send("HB01/LEFT", {"external": True, "country": "CN"}, "HB01/C-1")
    shop.certify("DRAWN", ["HB01/DRAWN"], ["POST"], holder={"party": CHUZHOU})
    shop.send("HB01/DRAWN", to_chuzhou, "HB01/C-2")
    shop.arrive("HB01/DRAWN", "18.7 t", "HB01/C-2")
    rolled = {"run": "CZ01/R-1", "step": "ROLL", "scope": "CAST"}
    rolled["inputs"] = [{"lot": "HB01/DRAWN", "mass": "9 t"}]  # type: ignore[assignment]
    rolled["outputs"] = [  # type: ignore[assignment]
        {"lot": "CZ01/COIL", "role": "product", "mass": "8.9 t", "assay": FINAL}
    ]
    shop.record("run_recorded", rolled, CHUZHOU, "CZ01")
    shop.certify("DISPUTED", ["HB01/DISPUTED"], ["POST", "PRE"])
    finals = [{"lot": "HB01/DISPUTED", "assay": {**FINAL, "Al": "95 %"}}]
    shop.record("run_finalized", {"run": "HB01/H-DISPUTED", "outputs": finals}, HUAIBEI, "HB01")
    shop.certify("EXPIRED", ["HB01/EXPIRED"], ["POST"], valid_until="2026-04-30")
    shop.certify("NOBODY", ["HB01/NOBODY"], ["POST"], valid_until="2099-12-31")
    wide = {"Al": "60 %"} | dict.fromkeys(WIDE, "0.3 %")
    shop.receive("HB01/WIDE", "1 t", wide, "POST", "waste_note")
    shop.receive("HB01/PLAIN", "500 kg", {}, "POST", "waste_note")
    shop.receive("HB01/ROAD", "12 480 kg", {"Al": "93 %"}, "PRE", "scrap_declaration")
    shop.send("HB01/ROAD", to_chuzhou, "HB01/C-3")
    shop.receive("HB01/MANY", "20 t", {"Cu": "90 %"}, "POST", "waste_note")
    for number in range(12):
        body = {"amount": "1 t", "substance": "Cu"}
        shop.certify(f"MANY-{number}", ["HB01/MANY"], ["POST"], **body)
    more = {"assay_grade": "provisional"}
    shop.receive("HB01/PROVISIONAL", "2.5 t", {"Al": "90 %"}, "POST", "waste_note", **more)


WIDE = (
    "H He Li Be B C N O F Ne Na Mg Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br "
    "Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho "
    "Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es "
    "Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
).split()


@contextlib.contextmanager
def serve(data: Path) -> Iterator[httpx.Client]:
    """A server process on a free port, and a client for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app"]
    command += ["--port", str(port), "--log-level", "warning"]
    environment = {**os.environ, "REMELT_DATA": str(data)}
    address = f"http://127.0.0.1:{port}"
    with (
        (data / "server.log").open("wb") as output,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        ) as process,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        try:
            _wait(client, process)
            yield client
        finally:
            process.terminate()
            process.wait(30)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        with contextlib.suppress(httpx.TransportError):
            if client.get("/healthz").status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the server does not answer")
