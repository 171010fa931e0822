"""Contexts: what a config file holds, and the options it answers for."""
