"""What owners and others sign, in which form, and whose signatures count."""
