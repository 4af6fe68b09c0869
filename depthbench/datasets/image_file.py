"""One image file, decoded by Pillow: what is taken as it is, and what is refused."""

import struct
import zlib
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from depthbench.datasets.image_data import DataDamagedError

# Not all that Pillow knows: some of its readers start other programs.
FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP")

# By the mode of an opened image, what it becomes.
_BECOMES = {
    "1": "L",
    "L": "L",
    "LA": "L",
    "P": "RGB",
    "PA": "RGB",
    "RGB": "RGB",
    "RGBA": "RGB",
}

# What Pillow is known to raise for a damaged file, besides not knowing its format.
_DECODING_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def decoded(path: str) -> npt.NDArray[np.uint8]:
    """The image, [H, W] if it is grey and [H, W, 3] if not.

    Raises:
        OSError: If the file cannot be read.
        DataDamagedError: If it is no image, or of a kind that `image_folder` refuses.
    """
    with open(path, "rb") as file:  # noqa: PTH123  a Path for each takes its time
        content = BytesIO(file.read())
    try:
        with Image.open(content, formats=FORMATS) as image:
            return np.asarray(_plain(path, image))
    except UnidentifiedImageError as error:
        raise DataDamagedError(
            f"{path} is not an image of a known format ({', '.join(FORMATS)}); move it "
            "away or convert it"
        ) from error
    except _DECODING_ERRORS as error:
        raise DataDamagedError(
            f"{path} is a damaged image ({error}); replace it or move it away"
        ) from error


def size_of(path: str) -> str:
    """Width x height of an image, "?" if it has none, from its first bytes."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            return f"{image.width} x {image.height}"
    except _DECODING_ERRORS:
        return "?"


def _plain(path: str, image: Image.Image) -> Image.Image:
    """The image in mode L or RGB."""
    num_pictures = getattr(image, "n_frames", 1)
    if image.format == "MPO":
        raise DataDamagedError(
            f"{path} is a photograph with {num_pictures - 1} more behind it, as phones "
            "and cameras add a preview or a depth; save the first alone, as PNG or JPEG"
        )
    if num_pictures != 1:
        raise DataDamagedError(
            f"{path} holds {num_pictures} pictures; keep one per file"
        )
    if image.mode not in _BECOMES or _has_16_bits(image):
        bits = " with 16 bits a channel" if _has_16_bits(image) else ""
        raise DataDamagedError(
            f"{path} is of mode {image.mode}{bits}; convert it to grey or RGB with 8 "
            "bits a channel"
        )
    mode = _BECOMES[image.mode]
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise DataDamagedError(
                f"{path} is transparent in places, and what shows there is not known; "
                "save it without an alpha channel"
            )
    return image if image.mode == mode else image.convert(mode)


def _has_16_bits(image: Image.Image) -> bool:
    """Whether the file has, of which Pillow would keep the upper 8 in silence."""
    for codec, _, _, arguments in getattr(image, "tile", ()):
        texts = arguments if isinstance(arguments, tuple) else (arguments,)
        if any(isinstance(text, str) and ";16" in text for text in texts):
            return True
        if codec.startswith("ppm") and texts[-1] > 255:
            return True
    return image.mode.startswith("I;16")
