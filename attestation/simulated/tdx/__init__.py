"""Simulated Intel TDX. Start reading at `platform`."""
