"""What owners and the operator tell the broker: owners, policies, rotations, revocations."""
