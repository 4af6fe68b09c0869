"""Searches simulated on truths whose k50 is known: bias, error, coverage and cost."""
