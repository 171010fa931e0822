"""The cases of the policy vectors, one module per folder."""
