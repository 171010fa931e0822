"""Who can open a module: brokers, shares, recovery keys, and tools outside the house."""
