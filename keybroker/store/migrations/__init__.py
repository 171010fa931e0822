"""Numbered SQL files: the schema's history. A released file is never edited, only followed."""
