"""Simulated Azure confidential guests: a paravisor on simulated silicon, with a virtual TPM."""
