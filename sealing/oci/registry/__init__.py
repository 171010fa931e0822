"""The client of registries: transport, who we are to them, blobs, manifests, referrers."""
