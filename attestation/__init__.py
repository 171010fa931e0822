"""TEE evidence to verified claims to attestation result."""
