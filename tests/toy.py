"""A data set small enough to train on in milliseconds, and a context that knows it."""

from concurrent.futures import Future
from pathlib import Path

import torch

from depthbench import runtime
from depthbench.datasets import Dataset
from depthbench.datasets.image_data import ImageData
from depthbench.registry import Registry
from depthbench.trial import run as trial


def toy_data(num_train: int = 70, num_test: int = 20, size: int = 8) -> ImageData:
    """Ten classes of small grey images: noisy templates, learnt in a few steps."""
    source = torch.Generator().manual_seed(0)
    templates = torch.randint(0, 256, (10, 1, size, size), generator=source)

    def split(num: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.arange(num) % 10
        noise = torch.randint(-40, 41, (num, 1, size, size), generator=source)
        images = (templates[labels] + noise).clamp(0, 255).to(torch.uint8)
        return images, labels

    return ImageData.from_tensors("toy", split(num_train), split(num_test), 10)


def load(folder: Path) -> ImageData:
    """The same whatever the folder."""
    del folder
    return toy_data()


TOY_SETS = Registry("data set", {"toy": Dataset("toy", "", "", load, lambda _: None)})


def know_toy() -> None:
    """Make a process train on the toy set; for workers, who inherit nothing."""
    runtime.configure_process(num_threads=1)
    trial.DATASETS = TOY_SETS


class Inline:
    """In place of worker processes: the same calls, in this process."""

    def __init__(self, num_workers, *, prepare):
        del num_workers, prepare

    def submit(self, fn, *args):
        future = Future()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, **kwargs):
        del kwargs
