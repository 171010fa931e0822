"""What simulated Arm silicon has in common: a device with its key, and signed messages."""
