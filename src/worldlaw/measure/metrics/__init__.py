"""One number per clip, each a function of a case; decorated with its unit, its best value and its version."""

from worldlaw.measure.metrics.metric import Metric, metric, metrics

__all__ = ["Metric", "metric", "metrics"]
