"""Guests of our own: sources here, modules in build/guests, built when first needed."""
