"""A simulated machine with a TPM: its vendor, its boot, its quotes."""
