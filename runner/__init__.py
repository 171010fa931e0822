"""The runner: attests, unseals in memory, runs under a grant, signs a receipt."""
