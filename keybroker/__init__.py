"""The key broker: verifies, decides, releases, records."""
