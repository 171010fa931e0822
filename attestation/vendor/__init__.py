"""Certificates that vendors publish for everybody, shipped as data: material, never trust."""
