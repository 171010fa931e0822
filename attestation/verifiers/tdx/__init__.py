"""Intel TDX: from a quote to verified claims."""
