"""HTTP addresses, by what they are about."""
