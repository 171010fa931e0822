"""One folder per TEE. Verifiers do not import each other; `attestation.verify` picks one."""
