"""TPM 2.0 quotes. Start reading at `verifier`; the checks are docs/specs/evidence-tpm.md."""
