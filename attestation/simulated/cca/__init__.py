"""Simulated Arm CCA: a platform with its attestation key, realms that run on it."""
