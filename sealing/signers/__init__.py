"""Where an owner's key may be kept: files of other tools, tokens, key services.

`open_signer` in `sealing.signers.open` is the one door. What a place needs beyond the base
install is imported when a key there is asked for.
"""
