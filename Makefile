# Each target is a script or a line, so a machine without make runs scripts/setup, scripts/demo, scripts/test.
# ARGS goes to the program: make test ARGS="-k conservation".

.PHONY: setup demo test check bench fuzz labels hammer faults

setup:
	@scripts/setup

demo:
	@scripts/demo $(ARGS)

test:
	@scripts/test $(ARGS)

check:
	@scripts/check

labels: setup
	@.venv/bin/python -m bench.labels $(ARGS)

bench: setup
	@.venv/bin/python -m bench $(ARGS)

# Bytes for every parser, and requests made up from /openapi.json on both databases; make test tries a few of them.
fuzz: setup
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-200} .venv/bin/python -m pytest -q -s tests/fuzz tests/http/test_schemathesis.py $(ARGS)

# Writers and readers for ten minutes on each database, every proof checked: docs/durability.md.
hammer: setup
	@FAULTS=long .venv/bin/python -m pytest -q -s tests/faults/test_hammer.py $(ARGS)

# Processes killed, disks and connections that fail, for an hour or two; make test does a little of each.
faults: setup
	@FAULTS=long .venv/bin/python -m pytest -q -s tests/faults --ignore=tests/faults/test_hammer.py $(ARGS)
