# Each target is a script or a line, so a machine without make runs scripts/setup, scripts/demo, scripts/test.
# ARGS goes to the program: make test ARGS="-k conservation".

.PHONY: setup demo test check bench labels

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
