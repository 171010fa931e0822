"""CoRIM (draft-ietf-rats-corim): reference values and keys that makers publish and sign."""
