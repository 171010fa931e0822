"""Sealed modules in OCI registries and image-layout folders: references, stores, push and pull."""
