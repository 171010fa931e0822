"""What simulated SGX and TDX platforms share: the vendor, its collateral, the quoting enclave."""
