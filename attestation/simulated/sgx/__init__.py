"""Simulated Intel SGX. Start reading at `platform`."""
