"""Intel SGX: from a quote to verified claims."""
