"""A simulated PSA device with its initial attestation key."""
