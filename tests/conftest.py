"""What all tests share."""

from __future__ import annotations

import os

import hypothesis

# No deadline: a busy machine is not a bug. Under CI the examples are the same in every run.
hypothesis.settings.register_profile(
    "remelt", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("remelt")
