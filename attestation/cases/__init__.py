"""How a manifest's case of each kind becomes a call: one module per kind, `INPUTS` and `run`.

Each verifies under the strict base policy that such folders assume.
"""
