"""Unit tests of the policy language."""
