"""Blocks and initialisers that architectures share, each with its source."""
