"""What is wrong with what was asked."""


class UsageError(ValueError):
    """What was asked cannot be done; the message says what was given and what to do."""
