"""The rows of the commands that read somebody's log, or bring back one's own."""

from __future__ import annotations

from typing import Final

from api.commands.row import DATA, JSON, Command, arg

_REPEATED: Final = (
    arg("--once", action="store_true", help="look once, instead of over and over"),
    arg("--every", metavar="SPAN", help="how often, such as 10s or 5m"),
)

ROWS: Final[dict[str, Command]] = {
    "monitor": Command(
        "hold every checkpoint of a log that anybody shows against all others; tell what others "
        "state about a party",
        "remelt monitor --url https://log.example/site1 --policy policy.txt --state watch\n"
        "remelt monitor --url https://log.example/site1 --url https://mirror.example/site1 \\\n"
        "    --policy policy.txt --state watch --party HUAIBEI-AL --api-key rmk_… --once",
        "monitoring.watch",
        (
            arg("--url", required=True, action="append", metavar="URL|DIR",
                 help="a log, a mirror or a witness's …/<hex>; entries come from the first"),
            arg("--policy", required=True, metavar="POLICY"),
            arg("--state", required=True, metavar="DIR", help="what was seen is kept here"),
            arg("--party", help="tell what others state about this party"),
            arg("--own-key", action="append", metavar="KID",
                 help="tell statements of the party that other keys signed"),
            arg("--api-key", help="of the first URL, with scope audit (REMELT_API_KEY)"),
            arg("--max-age", metavar="SPAN", help="36h: tell when no quorum cosigned since"),
            *_REPEATED,
            JSON,
        ),
    ),
    "mirror": Command(
        "keep a copy of a log as static files that any web server can give",
        "remelt mirror https://log.example/site1 /srv/mirror --policy policy.txt --every 60s\n"
        "remelt mirror https://log.example/site1 copy --log-key log.example/site1+…+… --once",
        "monitoring.keep_mirror",
        (
            arg("source", metavar="URL|DIR"),
            arg("directory", metavar="DIR"),
            arg("--policy", metavar="POLICY", help="whose log keys count"),
            arg("--log-key", action="append", metavar="VKEY", help="a log key that counts"),
            arg("--api-key", help="API key with scope audit (REMELT_API_KEY)"),
            *_REPEATED,
        ),
    ),
    "replay": Command(
        "bring back what a database that was set back lost, from a mirror or another server",
        "remelt replay /srv/mirror --data /srv/remelt\n"
        "remelt replay https://standby.example --api-key rmk_… --policy policy.txt",
        "monitoring.replay_log",
        (
            *DATA,
            arg("source", metavar="URL|DIR"),
            arg("--policy", metavar="POLICY", help="log keys that the database does not name yet"),
            arg("--dossier", action="append", metavar="FILE",
                help="keep the private fields that this dossier holds"),
            arg("--api-key", help="API key with scope audit for a URL (REMELT_API_KEY)"),
            JSON,
        ),
    ),
}  # fmt: skip
