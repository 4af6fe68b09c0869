"""The closed form of the notebook's eight networks against what untrained ones show."""

import pytest

from depthbench import runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.datasets import DATASETS
from depthbench.forecasting.measured import Untrained
from depthbench.forecasting.stack_theory import stack_theory
from depthbench.spec import TrialSpec

DEPTH = 12
# Nats. The first stage has four channels: a BatchNorm there is far from its limit of
# many (`docs/forecast.md`).
NEAR, NEAR_WITH_NORM = 0.6, 1.8


@pytest.mark.slow
@pytest.mark.parametrize("stack", NOTEBOOK_STACKS, ids=lambda stack: stack.name)
def test_theory_is_near_the_mean_of_untrained_networks(stack):
    item = ARCHITECTURES[stack.name]
    spec = TrialSpec(
        architecture=item.name, depth=DEPTH, data="stroke_digits", seed=0, lr=item.lr
    )
    data = DATASETS["stroke_digits"].load(runtime.data_dir())
    untrained = Untrained(item, spec, data)
    nats = untrained.at(DEPTH, range(6)).nats
    images = untrained.images[:4].double().numpy()
    difference = stack_theory(stack, DEPTH, images).nats - sum(nats) / len(nats)
    assert abs(difference) < (NEAR_WITH_NORM if stack.batch_norm else NEAR)
