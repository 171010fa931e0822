"""The claims of each TEE: one module per TEE, in the words of its vendor's manual."""
