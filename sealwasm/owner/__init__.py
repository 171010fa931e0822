"""What a module's owner does: seal, publish, seal again, take back."""
