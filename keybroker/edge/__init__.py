"""The broker as a service: HTTP in, problems out, and what a peer may cost."""
