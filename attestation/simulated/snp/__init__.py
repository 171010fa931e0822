"""Simulated SEV-SNP silicon: a chip, its vendor, its guests."""
