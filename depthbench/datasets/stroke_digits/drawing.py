"""How the digits of `stroke_digits` are drawn.

The bytes are the same on every machine: the random numbers are the raw output of
PCG64, which numpy keeps stable, and what follows uses only elementwise + - * / sqrt,
minimum, maximum and comparisons, each correctly rounded by IEEE 754. So no sine or
exponential, no sum over an axis and no fused multiply-add may come in here.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]

# Two ways to write each digit. Points "x y" of the pen's path in hundredths, y down,
# from -100 to 100; "|" lifts the pen.
_STYLES = (
    "10 -100 -50 -75 -70 10 -45 80 5 100 55 70 68 -10 45 -80 0 -100",
    "45 -75 0 -100 -50 -55 -60 35 -15 100 45 75 60 -10 35 -95",
    "0 -100 0 0 0 100",
    "-30 -65 5 -100 2 0 0 100",
    "-60 -55 -30 -100 30 -100 55 -50 10 25 -60 95 -40 95 65 90",
    "-50 -70 0 -100 50 -75 40 -10 -20 70 -60 95 -60 60 -10 70 65 100",
    "-55 -75 -10 -100 50 -85 45 -25 -20 -5 50 10 65 65 10 100 -55 80",
    "-50 -95 50 -95 45 -80 -10 -15 50 5 60 65 10 100 -60 75",
    "-45 -100 -60 0 -50 10 60 5 | 40 -90 30 0 25 100",
    "30 -100 -20 -40 -65 30 -50 35 65 30 | 35 -100 30 0 30 100",
    "60 -95 -35 -95 -40 -90 -45 -15 10 -30 65 15 45 85 -10 100 -60 75",
    "-30 -90 -50 -10 20 -20 60 35 30 95 -55 90 | -30 -90 10 -95 65 -100",
    "45 -100 -20 -60 -60 15 -45 85 10 100 55 65 40 10 -10 5 -55 45",
    "0 -100 -40 -30 -50 50 -10 100 45 75 35 25 -40 60",
    "-60 -85 50 -95 60 -85 20 0 -10 100",
    "-60 -80 50 -90 55 -80 15 0 -15 100 | -30 5 10 0 50 -2",
    "50 -75 0 -100 -50 -70 -20 -20 40 20 50 75 0 100 -50 75 -30 15 30 -25 50 -75",
    "10 -5 -40 -40 -30 -95 30 -95 40 -40 -10 0 -50 50 -20 100 35 90 40 35 -5 0",
    "50 -70 5 -100 -50 -70 -45 -20 10 -10 50 -55 55 -70 45 20 25 100",
    "45 -85 -20 -95 -55 -50 -20 -10 40 -40 50 -90 45 10 10 90 -40 90",
)

# Spread of the pen's habits. Lengths in units of half a digit's height, except those
# in pixels.
_JITTER = 0.225
_TILT = 0.15  # Tangent of half the angle of rotation: 17 degrees either way.
_SLANT = (-0.2, 0.5)
_STRETCH = (0.75, 1.25)
_BEND = 0.22
_HALF_SIZE_PIXELS = (8.75, 10.75)  # Of the box round the points; the curve is less.
_SHIFT_PIXELS = 2.2
_PEN_RADIUS_PIXELS = (0.75, 1.6)

# Columns of random numbers for an image: 13 habits, then 4 for each point.
_NUM_HABITS, _MAX_POINTS = 13, 11
_NUM_DRAWS = 1 + _NUM_HABITS + 4 * _MAX_POINTS
_SEED = 1


def generate(num_images: int, images_at_once: int = 256) -> tuple[Bytes, Labels]:
    """The first images [N, 28, 28] of the endless sequence and their labels [N].

    An image depends on its place in the sequence alone; `images_at_once` changes
    memory and speed, never a byte.
    """
    raw = np.random.PCG64(_SEED).random_raw(num_images * _NUM_DRAWS)
    raw = raw.reshape(num_images, _NUM_DRAWS)
    styles = raw[:, 0] % len(_STYLES)
    images = np.empty((num_images, 28, 28), np.uint8)
    for style, path in enumerate(_STYLES):
        places = np.flatnonzero(styles == style)
        for start in range(0, len(places), images_at_once):
            chosen = places[start : start + images_at_once]
            # 53 bits make a float64 in [0, 1) without rounding.
            draws = (raw[chosen, 1:].T >> np.uint64(11)) * 2.0**-53
            images[chosen] = _drawn(path, draws).transpose(2, 0, 1)
    return images, (styles // 2).astype(np.int64)


def _drawn(path: str, draws: Floats) -> Bytes:
    """Images [28, 28, N] of one style from random numbers [draws, N]."""
    habits, jitter = draws[:_NUM_HABITS], draws[_NUM_HABITS:]
    strokes = [_points(stroke) for stroke in path.split("|")]
    handwriting = _handwritten(np.concatenate(strokes), habits, jitter)
    lifts = np.cumsum([len(stroke) for stroke in strokes])[:-1]
    segments: list[Floats] = []
    for stroke in np.split(handwriting, lifts, axis=1):
        curve = _smoothed(stroke).astype(np.float32)
        ends = np.concatenate([curve[:, :-1], curve[:, 1:]])
        segments.extend(ends.swapaxes(0, 1))
    radius = _between(_PEN_RADIUS_PIXELS, habits[12]).astype(np.float32)
    return _inked(segments, radius)


def _points(stroke: str) -> Floats:
    """The points [P, 2] of a stroke."""
    return np.array(stroke.split(), dtype=np.float64).reshape(-1, 2) / 100.0


def _handwritten(points: Floats, habits: Floats, jitter: Floats) -> Floats:
    """The points [P, 2] as N hands would set them: x and y in pixels [2, P, N]."""
    off = jitter[: 4 * len(points)].reshape(len(points), 4, -1)
    x = points[:, :1] + (off[:, 0] + off[:, 1] - 1.0) * _JITTER
    y = points[:, 1:] + (off[:, 2] + off[:, 3] - 1.0) * _JITTER
    b = _either_way(_BEND, habits[3:9])
    bent_x = x + b[0] * y * y + b[1] * x * y + b[2] * x * x
    bent_y = y + b[3] * y * y + b[4] * x * y + b[5] * x * x
    x = bent_x * _between(_STRETCH, habits[2]) - bent_y * _between(_SLANT, habits[1])
    y = bent_y
    t = _either_way(_TILT, habits[0])
    cosine, sine = (1.0 - t * t) / (1.0 + t * t), (t + t) / (1.0 + t * t)
    x, y = cosine * x - sine * y, sine * x + cosine * y
    half = np.maximum(x.max(axis=0) - x.min(axis=0), y.max(axis=0) - y.min(axis=0)) / 2
    scale = _between(_HALF_SIZE_PIXELS, habits[9]) / half
    return np.stack(
        [
            (v - (v.max(axis=0) + v.min(axis=0)) / 2) * scale
            + (13.5 + _either_way(_SHIFT_PIXELS, shift))
            for v, shift in ((x, habits[10]), (y, habits[11]))
        ]
    )


def _between(limits: tuple[float, float], draws: Floats) -> Floats:
    return limits[0] + (limits[1] - limits[0]) * draws


def _either_way(limit: float, draws: Floats) -> Floats:
    return (draws + draws - 1.0) * limit


def _smoothed(stroke: Floats) -> Floats:
    """The path [2, P, N] with its corners cut once (Chaikin, 1974): [2, 2 P, N]."""
    here, there = stroke[:, :-1], stroke[:, 1:]
    near, far = here * 0.75 + there * 0.25, here * 0.25 + there * 0.75
    cut = np.stack([near, far], axis=2).reshape(2, -1, stroke.shape[2])
    return np.concatenate([stroke[:, :1], cut, stroke[:, -1:]], axis=1)


def _inked(segments: list[Floats], radius: Floats) -> Bytes:
    """Images [28, 28, N]: ink within `radius` [N] of a segment, its rim a pixel wide.

    Args:
        segments: Each the ends' x, y, x, y [4, N], float32, in pixels.
        radius: In pixels, float32.
    """
    grid = np.arange(28, dtype=np.float32)[:, None]
    nearest = np.full((28, 28, len(radius)), np.inf, np.float32)
    along, across = np.empty_like(nearest), np.empty_like(nearest)
    for ax, ay, bx, by in segments:
        length = np.sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay))
        dx, dy = ((end / np.maximum(length, 1e-3)) for end in (bx - ax, by - ay))
        x, y = grid - (ax + bx) * 0.5, grid - (ay + by) * 0.5
        # In place: the squared distance along the segment, past its ends, and across.
        np.add((y * dy)[:, None], (x * dx)[None], out=along)
        np.subtract(np.abs(along, out=along), length * 0.5, out=along)
        np.maximum(along, 0.0, out=along)
        np.multiply(along, along, out=along)
        np.subtract((y * dx)[:, None], (x * dy)[None], out=across)
        np.multiply(across, across, out=across)
        np.minimum(nearest, np.add(along, across, out=along), out=nearest)
    ink = np.minimum(np.maximum(radius - np.sqrt(nearest) + 0.5, 0.0), 1.0)
    drawn: Bytes = (ink * 255.0 + 0.5).astype(np.uint8)
    return drawn
