"""Sealed modules where they are kept: bringing, listing, looking, verifying."""
