"""Signed XML (XML-DSig) in the one profile that reference manifests use, strict."""
