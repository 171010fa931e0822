"""The worker process: holds the release key and the plaintext, runs the module locked down."""
