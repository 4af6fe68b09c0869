"""How long a step takes, for estimates."""

from dataclasses import replace

from torch import nn

from depthbench.runtime import generator, monotonic_seconds
from depthbench.spec import TrialSpec
from depthbench.training.loop import train
from depthbench.training.resident import ResidentData


def seconds_per_epoch(net: nn.Module, data: ResidentData, spec: TrialSpec) -> float:
    """Seconds of one epoch with its evaluation, judged by three steps on one batch.

    Trains `net` a little: build another for anything but timing.
    """
    batch = spec.batch_size
    one_batch = replace(
        data,
        train=data.train[:batch],
        test=data.test[:batch],
        validation=None,
    )
    one_epoch = replace(spec, epochs=1, max_train_seconds=None)
    times = []
    for _ in range(3):
        began = monotonic_seconds()
        train(net, one_batch, one_epoch, generator(*spec.entropy, "order"))
        times.append(monotonic_seconds() - began)
    # The batch is evaluated as often as it is trained on, more than in an epoch of all
    # images. In one of few, evaluating takes most of the time: a third of training.
    num_tested = len(data.test) + (len(data.validation) if data.validation else 0)
    num_images = max(len(data.train), (3 * len(data.train) + num_tested) / 4)
    return min(times) * num_images / batch
