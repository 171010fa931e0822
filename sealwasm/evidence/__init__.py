"""Evidence, endorsements and receipts, from files to findings."""
