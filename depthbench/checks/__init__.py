"""Is an architecture sound? Conformance of any, a user's too, before a long run."""
