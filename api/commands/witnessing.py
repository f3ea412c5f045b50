"""A witness: its keys, what it knows, and its server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import uvicorn

from api import logs, witness_app
from api.commands import listening
from ledger import settings
from ledger import witness as witnesses
from ledger.errors import RuleError
from ledger.tlog import cosignature
from ledger.witness import logs as known_logs

# What api/commands/auditing.py keeps beside the key of a witness that audits.
AUDIT_DIRECTORY: Final = "audit"


def witness(arguments: argparse.Namespace) -> int:
    config = config_of(arguments)
    if arguments.show:
        _print_keys(config, arguments)
        return 0
    if not config.known:
        raise RuleError(
            "SETTING_INVALID", "witness: no log to witness",
            hint="name its key with --log, as its operator gives it out, or a file with --logs",
        )  # fmt: skip
    audits = (config.directory / AUDIT_DIRECTORY).exists()
    if arguments.audit and not audits and witnesses.has_cosigned(config.directory):
        raise RuleError(
            "SETTING_INVALID",
            f"{config.directory}: this witness has cosigned without auditing",
            hint="a key that audits never did anything else: make one in a directory of its own",
        )
    if arguments.audit:
        from api.commands import auditing  # which a plain witness need not load

        with auditing.auditors(config, arguments) as judges:
            return serve(config, arguments, judges)
    if arguments.url or arguments.api_key:
        raise RuleError(
            "SETTING_INVALID", "witness: --url and --api-key are for a witness that audits",
            hint="add --audit",
        )  # fmt: skip
    if audits:
        raise RuleError(
            "SETTING_INVALID",
            f"{config.directory}: this witness audits, and without that its key may not cosign",
            hint="add --audit; a plain witness needs a directory and a key of its own",
        )
    return serve(config, arguments)


def config_of(arguments: argparse.Namespace) -> witnesses.Config:
    known = [known_logs.of_vkey(vkey) for vkey in arguments.log or ()]
    if arguments.logs:
        known += known_logs.parse(Path(arguments.logs).read_bytes())
    return witnesses.Config(
        Path(arguments.dir), arguments.name or "", tuple(known), arguments.ml_dsa
    )


def serve(
    config: witnesses.Config,
    arguments: argparse.Namespace,
    judges: witnesses.Judges | None = None,
) -> int:
    """Serve until told to end. judges: by origin, for a witness that audits."""
    logs.configure(settings.load())
    listening.check(arguments.host, arguments.port)
    app = witness_app.serve_app(config, judges)
    _print_keys(config, arguments)
    uvicorn.run(
        app, host=arguments.host, port=arguments.port, log_config=None, log_level="warning",
        access_log=False, timeout_graceful_shutdown=10, server_header=False,
        http="h11",  # slower than httptools, and reads no more than 64 KiB of headers
    )  # fmt: skip
    return 0


def _print_keys(config: witnesses.Config, arguments: argparse.Namespace) -> None:
    url = f"http://{arguments.host}:{arguments.port}"
    for key in witnesses.ensure(config):
        name = key.cosigner.name + "-ml-dsa" * (key.cosigner.algorithm == cosignature.ML_DSA_44)
        print(key.cosigner.vkey)
        print(f"witness {name} {key.cosigner.vkey} {url}", flush=True)
