"""The audit log: typed leaves, an RFC 9162 tree, C2SP checkpoints and offline proofs."""
