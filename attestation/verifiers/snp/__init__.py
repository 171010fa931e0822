"""AMD SEV-SNP. Start reading at `verifier`; the numbered checks are docs/specs/evidence-snp.md."""
