"""PSA tokens: docs/specs/evidence-psa.md."""
