"""The subcommands of `remelt`: one row each. A row names the function that runs it."""

from __future__ import annotations

from typing import Final

from api.commands.row import DATA as _DATA
from api.commands.row import JSON as _JSON
from api.commands.row import PORT, PROCESSES, Command, schemeless
from api.commands.row import arg as _arg
from api.commands.table_logs import ROWS

_DISCLOSE: Final = _arg(
    "--disclose", action="append", default=[], metavar="N:NAME",
    help="a private field of an entry that goes along; whoever has the file reads it",
)  # fmt: skip
_SERVER: Final = (
    _arg("--url", help="record through this server instead of the local ledger"),
    _arg("--api-key", help="API key for --url (REMELT_API_KEY)"),
    _arg("--key", metavar="PEM", help="sign with this self-held key before sending"),
    _arg("--ca-file", metavar="PEM", help="trust these authorities instead of the system's"),
    _arg("--insecure-http", action="store_true", help="send the API key over plain http"),
)

COMMANDS: Final[dict[str, Command]] = {
    "init": Command(
        "create a ledger: database, keys, entry 0, a policy for buyers",
        "remelt init --origin demo.remelt.example/anhui\n"
        "remelt init --origin log.example.org/site1 --operator MYFIRM --data /srv/remelt",
        "ledgers.init",
        (
            *_DATA,
            _arg("--origin", required=True, type=schemeless,
                 help="the log's name for ever: a URL without https"),
            _arg("--operator", default="OPERATOR", help="the operator's party id"),
            _JSON,
        ),
    ),
    "serve": Command(
        "run the HTTP server and the pages",
        "remelt serve\nremelt serve --host 0.0.0.0 --port 8731 --data /srv/remelt",
        "serving.serve",
        (
            *_DATA,
            _arg("--host", default="127.0.0.1"),
            _arg("--port", type=PORT, default=8731),
            _arg(
                "--processes", type=PROCESSES, default=1, metavar="N",
                help="server processes on this port, up to one a core (default 1)",
            ),
        ),
    ),
    "key new": Command(
        "make a self-held party key; the public half and a proof are printed",
        "remelt key new --out huaibei.pem --log demo.remelt.example/anhui --party HUAIBEI-AL",
        "party.key_new",
        (
            _arg("--out", required=True, metavar="PEM"),
            _arg("--log", help="origin of the log, for a proof of possession"),
            _arg("--party", help="party the key is for, for a proof of possession"),
        ),
    ),
    "key show": Command(
        "print the public half and thumbprint of a key",
        "remelt key show huaibei.pem",
        "party.key_show",
        (_arg("file", metavar="PEM"),),
    ),
    "logkey list": Command(
        "print the log's own keys, and which of them sign",
        "remelt logkey list",
        "logkeys.list_all",
        (*_DATA, _JSON),
    ),
    "logkey add": Command(
        "make a further key of the log, name it in the log, and sign with it too",
        "remelt logkey add",
        "logkeys.add",
        _DATA,
    ),
    "logkey retire": Command(
        "sign no more with an old key; what it signed stays valid",
        "remelt logkey retire 0bf5d5b9",
        "logkeys.retire",
        (*_DATA, _arg("key", help="its id: 8 hex digits")),
    ),
    "apikey new": Command(
        "make an API key for a party; it is shown once",
        "remelt apikey new HUAIBEI-AL --scope record read --label 'scale house'",
        "party.apikey_new",
        (
            *_DATA,
            _arg("party"),
            _arg("--scope", nargs="+", default=["record", "read"], metavar="SCOPE",
                 help="record, read, audit"),
            _arg("--label", default=""),
            _JSON,
        ),
    ),
    "apikey list": Command(
        "list API keys, without their secrets",
        "remelt apikey list",
        "party.apikey_list",
        (*_DATA, _JSON),
    ),
    "apikey revoke": Command(
        "revoke an API key by its id",
        "remelt apikey revoke 1f2e3d4c",
        "party.apikey_revoke",
        (*_DATA, _arg("key_id")),
    ),
    "person add": Command(
        "let a person log in for a party; the password is asked for, or read from stdin",
        "remelt person add wang.li HUAIBEI-AL\n"
        "remelt person add auditor WATCHDOG --scope audit < password.txt",
        "persons.add",
        (
            *_DATA,
            _arg("name"),
            _arg("party"),
            _arg("--scope", nargs="+", default=["read"], metavar="SCOPE",
                 help="record, read, audit (default: read)"),
        ),
    ),
    "person list": Command(
        "list who may log in",
        "remelt person list",
        "persons.list_all",
        (*_DATA, _JSON),
    ),
    "person disable": Command(
        "let a person in no longer, and end all their sessions",
        "remelt person disable wang.li",
        "persons.disable",
        (*_DATA, _arg("name")),
    ),
    "person password": Command(
        "give a person a new password, and end all their sessions",
        "remelt person password wang.li",
        "persons.password",
        (*_DATA, _arg("name")),
    ),
    "sign": Command(
        "sign events once, into a file that may be recorded any number of times",
        "remelt sign events.ndjson --key huaibei.pem --out signed.ndjson",
        "sending.sign",
        (
            _arg("file"),
            _arg("--key", required=True, metavar="PEM", help="the party's own key"),
            _arg("--out", required=True, metavar="FILE", help="a new file"),
        ),
    ),
    "record": Command(
        "record events from a file, one JSON object per line (or a story in TOML)",
        "remelt record events.ndjson\n"
        "remelt record events.ndjson --url http://127.0.0.1:8731 --api-key rmk_… --key huaibei.pem",
        "sending.record",
        (*_DATA, *_SERVER, _arg("file"), _JSON),
    ),
    "try": Command(
        "try events against the rules; nothing is written",
        "remelt try events.ndjson\nremelt try events.ndjson --json",
        "trying.try_events",
        (_arg("file"), _JSON),
    ),
    "certify": Command(
        "issue a certificate on lots and write its dossier",
        "remelt certify HB01/INGOT-1 --party HUAIBEI-AL --site HB01 --substance Al \\\n"
        "    --key huaibei.pem\n"
        "remelt certify HB01/S-1 HB01/S-2 --party HUAIBEI-AL --site HB01 --substance Al \\\n"
        "    --classes POST PRE --amount '40 %' --holder CHUZHOU-PROFILE",
        "recording.certify",
        (
            *_DATA,
            _arg("lots", nargs="+"),
            _arg("--party", required=True),
            _arg("--site", required=True),
            _arg("--substance", required=True),
            _arg("--classes", nargs="+", default=["POST"]),
            _arg("--amount", default="all"),
            _arg("--holder", help="a party id, or 'external'"),
            _arg("--occurred-at", help="RFC 3339 time (default: now)"),
            _arg("--key", metavar="PEM", help="the party's own key, if it signs for itself"),
            _arg("--out", metavar="FILE", help="default: <serial>.remelt.json"),
            _DISCLOSE,
            _JSON,
        ),
    ),
    "dossier": Command(
        "make a certificate's dossier anew, smaller, or with private fields",
        "remelt dossier WXAG2FVZ5MKR --budget 300kB\n"
        "remelt dossier WXAG2FVZ5MKR --disclose 12:seller --out for-the-auditor.remelt.json",
        "recording.dossier",
        (
            *_DATA, _arg("serial"), _DISCLOSE,
            _arg("--budget", default="1500kB", metavar="SIZE", help="300kB, 4MB (default 1500kB)"),
            _arg("--out", metavar="FILE", help="default: <serial>.remelt.json"),
        ),
    ),
    "proof": Command(
        "write the proof that an entry is in the log, or check one (C2SP tlog-proof)",
        "remelt proof 12 --out 12.tlog-proof\n"
        "remelt proof --check 12.tlog-proof --entry 12.json --policy policy.txt",
        "proofs.proof",
        (
            *_DATA, _arg("n", nargs="?", type=int, metavar="ENTRY"),
            _arg("--out", metavar="FILE", help="default: <entry>.tlog-proof"),
            _arg("--check", metavar="FILE", help="check this file; needs no ledger"),
            _arg("--entry", metavar="FILE", help="the entry, as the API or a bundle gives it"),
            _arg("--leaf-hash", metavar="HEX", help="or the hash of its leaf"),
            _arg("--policy", metavar="POLICY"), _JSON,
        ),
    ),
    "forget": Command(
        "erase private fields; log, proofs and certificates stay as they are",
        "remelt forget --entry 12 --name seller --yes\n"
        "remelt forget --party HEFEI-COLLECT\n"
        "remelt forget --value-file names.txt --yes",
        "privacy.forget",
        (
            *_DATA, _JSON, _arg("--entry", type=int, metavar="N"),
            _arg("--name", action="append", default=[], help="only fields of this name"),
            _arg("--party", metavar="P", help="all that it stated, its own name and its sites'"),
            _arg("--value-file", metavar="FILE", help="whole values, one a line: never arguments"),
            _arg("--yes", action="store_true", help="else it only shows what would be erased"),
        ),
    ),
    "verify": Command(
        "verify a dossier offline, with the keys of your own policy file",
        "remelt verify WXAG2FVZ5MKR.remelt.json --policy policy.txt\n"
        "remelt verify FILE --policy policy.txt --lot HB01/INGOT-1",
        "proving.verify",
        (
            _arg("file"),
            _arg("--policy", required=True, metavar="POLICY"),
            _arg("--lot", help="is this the lot in front of me?"),
            _arg("--serial", help="is this the serial on my paper?"),
            _JSON,
        ),
    ),
    "audit": Command(
        "rebuild everything from entry 0 and compare; with --url anybody's log, entry by entry",
        "remelt audit\nremelt audit --rebuild-views\n"
        "remelt audit --url https://log.example --policy policy.txt --api-key rmk_… --processes 2",
        "auditing.audit",
        (
            *_DATA,
            _arg("--rebuild-views", action="store_true", help="make all views again first"),
            _arg("--url", metavar="URL|DIR", help="a log's address, or a directory of its tiles"),
            _arg("--policy", metavar="POLICY", help="for --url: the keys that you trust"),
            _arg("--api-key", help="for --url: key with scope audit (REMELT_API_KEY)"),
            _arg("--processes", type=PROCESSES, metavar="N",
                 help="for --url: processes that check entries (default 1)"),
            _JSON,
        ),
    ),
    "witness": Command(
        "cosign the checkpoints of logs, so that none of them can show two histories",
        "remelt witness --dir ./remelt-witness --name witness.example/w1 \\\n"
        "    --log demo.remelt.example/anhui+…\n"
        "remelt witness --dir ./remelt-witness --logs logs.txt --host 0.0.0.0 --port 8741\n"
        "remelt witness --log demo.remelt.example/anhui+… --audit --url https://log.example\n"
        "remelt witness --dir ./remelt-witness --show",
        "witnessing.witness",
        (
            _arg("--dir", default="./remelt-witness", help="keys and what was cosigned last"),
            _arg("--name", type=schemeless, help="of a new witness, for ever: a URL without https"),
            _arg("--log", action="append", metavar="VKEY", help="a log's public key; repeatable"),
            _arg("--logs", metavar="FILE", help="lines `log VKEY`, or a witness network's list"),
            _arg("--host", default="127.0.0.1"),
            _arg("--port", type=PORT, default=8741),
            _arg("--ml-dsa", action="store_true", help="cosign with an ML-DSA-44 key as well"),
            _arg("--audit", action="store_true",
                 help="run every rule over every entry before cosigning"),
            _arg("--url", help="for --audit: the log's address, if its line names none"),
            _arg("--api-key", help="for --audit: key with scope audit (REMELT_API_KEY)"),
            _arg("--show", action="store_true", help="print the public keys and end"),
        ),
    ),
    "label": Command(
        "print labels of lots and certificates: PNG, SVG, PDF sheets, ZPL, CSV; or show QR codes",
        "remelt label HB01/INGOT-1 --out ingot-1.png\n"
        "remelt label HB01/INGOT-1 HB01/INGOT-2 --stock a4-3x8 --skip 5 --out labels.pdf\n"
        "remelt label HB01/INGOT-1 --stock 100x50 --dpi 203 --copies 4 --out labels.zpl\n"
        "remelt label --stock a4-3x8 --test-page test.pdf\n"
        "remelt label WXAG2FVZ5MKR",
        "labelling.label",
        (
            *_DATA,
            _arg("subjects", nargs="*", metavar="LOT|SERIAL"),
            _arg("--out", metavar="FILE", help=".png or .svg of one; .pdf, .zpl, .csv of any"),
            _arg("--stocks", action="store_true", help="list the label stocks"),
            _arg("--stock", default="100x50"),
            _arg("--copies", type=int, default=1),
            _arg("--skip", type=int, default=0, help="cells of the first sheet used already"),
            _arg("--dpi", type=int, default=300, help="203, 300 or 600"),
            _arg("--offset-x", default="0", metavar="MM", help="move the print to the right"),
            _arg("--offset-y", default="0", metavar="MM", help="move the print down"),
            _arg("--pitch-x", default="0", metavar="MM", help="add to the distance of columns"),
            _arg("--pitch-y", default="0", metavar="MM", help="add to the distance of rows"),
            _arg("--border", action="store_true", help="draw cut lines"),
            _arg("--reprint", action="store_true", help="mark the label as printed again"),
            _arg("--medium", default="", help="paper, polyester or metal: prints its warning"),
            _arg("--form", default="native", help="of ZPL: native or graphics"),
            _arg("--lang", default="en", choices=("en", "zh")),
            _arg("--gtin", action="store_true", help="code a GS1 Digital Link of the site's GTIN"),
            _arg("--battery-code", default="", metavar="CODE", help="GB/T 34014"),
            _arg("--damaged", action="store_true", help="damaged or defective batteries"),
            _arg("--test-page", metavar="FILE.pdf", help="rulers to hold against a sheet"),
        ),
    ),
    "gtin add": Command(
        "register a GTIN for the goods of a site, or say anew what it is for",
        "remelt gtin add 9506000134352 HB01\n"
        "remelt gtin add 9506000134352 HB01 --metal aluminium --form ingot --grade aa:3105",
        "labelling.gtin_add",
        (
            *_DATA,
            _arg("gtin"),
            _arg("site"),
            _arg("--metal", help="only for goods of this metal"),
            _arg("--form", help="only in this form"),
            _arg("--grade", metavar="SCHEME:CODE", help="only of this grade"),
            _arg("--demo", action="store_true", help="take a number for demonstrations (952)"),
        ),
    ),
    "gtin list": Command(
        "list GTINs, those of a party or all",
        "remelt gtin list\nremelt gtin list HUAIBEI-AL",
        "labelling.gtin_list",
        (*_DATA, _arg("party", nargs="?", default=""), _JSON),
    ),
    "gtin remove": Command(
        "print no more labels with a GTIN; those there are lead on to their lots",
        "remelt gtin remove 9506000134352",
        "labelling.gtin_remove",
        (*_DATA, _arg("gtin")),
    ),
    "backup": Command(
        "write the whole ledger into one file while the server runs, and audit that copy",
        "remelt backup /srv/backup\nremelt backup /safe/with-keys.zip --with-keys",
        "operating.make_backup",
        (
            *_DATA,
            _arg("target", metavar="DIR|FILE"),
            _arg("--with-keys", action="store_true",
                 help="private keys too: who has this file can be the operator"),
            _JSON,
        ),
    ),
    "restore": Command(
        "put a backup where no ledger is, and audit it",
        "remelt restore /srv/backup/remelt-4XKQ2M7A-20260302T010000Z.zip --data /srv/remelt\n"
        "remelt restore backup.zip --checkpoint newest-checkpoint.txt",
        "operating.restore_backup",
        (
            *_DATA,
            _arg("file", metavar="ARCHIVE"),
            _arg("--expect-size", type=int, default=0, metavar="N",
                 help="refuse a backup of fewer entries than the log is known to have had"),
            _arg("--checkpoint", metavar="FILE",
                 help="the newest checkpoint anybody has: refuse what is older, or another log"),
            _JSON,
        ),
    ),
    "doctor": Command(
        "look at settings, keys, database, log, disk and clock, and say what to do",
        "remelt doctor\nremelt doctor --data /srv/remelt --json",
        "operating.examine",
        (*_DATA, _JSON),
    ),
    "config show": Command(
        "print every setting and where it comes from; secrets are hidden",
        "remelt config show\nremelt config show --json",
        "operating.config_show",
        (*_DATA, _JSON),
    ),
    "db upgrade": Command(
        "bring the database's tables up to date",
        "remelt db upgrade --data /srv/remelt",
        "ledgers.db_upgrade",
        _DATA,
    ),
    "db grant": Command(
        "give the role of a server its rights in PostgreSQL: not to change the log",
        "remelt db grant remelt_app --database postgresql://remelt_owner@/remelt\n"
        "remelt db grant remelt_app --print",
        "ledgers.db_grant",
        (
            *_DATA,
            _arg("role"),
            _arg("--print", action="store_true", dest="only_print",
                 help="print the SQL, change nothing"),
        ),
    ),
    **ROWS,
}  # fmt: skip
