"""Simulated Nitro: a security module, and the vendor that certifies it. Start at `platform`."""
