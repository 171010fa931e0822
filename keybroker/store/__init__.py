"""What the broker remembers: one interface of business acts, and its backends."""
