"""AWS Nitro Enclaves. Start at `verifier`; the numbered checks are docs/specs/evidence-nitro.md."""
