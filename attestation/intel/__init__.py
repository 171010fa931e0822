"""What Intel SGX and TDX share: quotes, PCK certificates, collateral and the appraisal of a TCB."""
