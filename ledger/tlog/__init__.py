"""The log: bytes in, hashes and signed heads out. Pure; it knows nothing of metal."""
