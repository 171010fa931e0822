"""broker.yaml and the files it names, to what a broker works with."""
