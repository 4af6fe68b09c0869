"""How long a step takes, for estimates."""

from dataclasses import replace

from torch import nn

from depthbench.runtime import generator, monotonic_seconds
from depthbench.spec import TrialSpec
from depthbench.training.loop import train
from depthbench.training.resident import ResidentData, Split


def seconds_per_epoch(net: nn.Module, data: ResidentData, spec: TrialSpec) -> float:
    """Seconds of one epoch with its evaluation, judged by three steps on one batch.

    Trains `net` a little: build another for anything but timing.
    """
    batch = spec.batch_size
    one_batch = replace(
        data,
        train=Split(data.train.images[:batch], data.train.labels[:batch]),
        test=Split(data.test.images[:batch], data.test.labels[:batch]),
    )
    one_epoch = replace(spec, epochs=1, max_train_seconds=None)
    times = []
    for _ in range(3):
        began = monotonic_seconds()
        train(net, one_batch, one_epoch, generator(spec.seed, "order"))
        times.append(monotonic_seconds() - began)
    # The batch is evaluated as often as it is trained on, more than in an epoch.
    return min(times) * len(data.train) / batch
