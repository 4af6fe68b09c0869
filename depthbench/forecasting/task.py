"""The forecast of a cell as a worker makes it, within so much processor time."""

from depthbench import runtime
from depthbench.forecasting.limit import Forecast
from depthbench.forecasting.predict import predict
from depthbench.spec import Cell
from depthbench.trial import TrialContext, architecture_of, data_of

LIMIT_SECONDS = 120.0  # of processor time


def make_forecast(cell: Cell, context: TrialContext) -> Forecast:
    """The forecast of a cell, with what its trials are made of.

    Raises:
        TimeoutError: If it takes longer than `LIMIT_SECONDS`.
        DataError: If the data set cannot be had.
        Exception: What a user's builder raises.
    """
    return predict(
        cell,
        architecture_of(cell.template, context),
        data_of(cell.template, context),
        until=runtime.cpu_seconds() + LIMIT_SECONDS,
    )
