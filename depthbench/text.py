"""Numbers as people read them; percent exists in text alone."""


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as "1.95 %"; nothing for None."""
    return "" if fraction is None else f"{100 * fraction:.{digits}f} %"


def short_percent(fraction: float) -> str:
    """A fraction without trailing zeros: "20 %", "12.5 %"."""
    return f"{100 * fraction:.6g} %"


def duration(seconds: float) -> str:
    """Wall time to two units at most: "48 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 9.5 or seconds == 0 else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s".removesuffix(" 0 s")
    return f"{whole // 3600} h {whole % 3600 // 60} min".removesuffix(" 0 min")


def count(number: int, noun: str) -> str:
    """The number and its noun: "1 trial", "2 trials"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
