"""NVIDIA GPUs and switches: SPDM measurement reports."""
