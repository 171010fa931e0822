"""Arm CCA tokens: docs/specs/evidence-cca.md."""
