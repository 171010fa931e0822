"""The policy language: release policies, capability policies, guardrails."""
