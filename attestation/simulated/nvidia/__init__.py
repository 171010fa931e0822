"""Simulated NVIDIA devices, their vendor and what it publishes. Start at `gpu`."""
