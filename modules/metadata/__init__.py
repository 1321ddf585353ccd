"""Metadata of picture files, read and rewritten without touching a pixel."""
