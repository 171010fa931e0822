"""Attestation keys of TPMs: tokens, the two steps of certification, the authority."""
