"""What Arm's tokens have in common: CCA platform and realm tokens, PSA tokens."""
