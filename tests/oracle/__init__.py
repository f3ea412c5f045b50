"""A second, naive implementation of the event contract, kept apart from the ledger on purpose."""
