"""The sealed-module format: seal, unseal, envelope, owner signature, OCI artifact, registry."""
