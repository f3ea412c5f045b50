"""The Remelt ledger: usable without HTTP."""
