"""Benchmarks: programs that print ratios measured in one run. They assert nothing."""
