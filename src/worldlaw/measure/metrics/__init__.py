"""One number per clip, each a function of a case, decorated with its unit, its best value and its version.

- ``metric``: what a metric is, and the registry
- ``trajectory``: errors of the measured motion
- ``solved``, ``caps``: whether a clip is solved, and the caps of its measures
- ``presence``: what is lost, what is extra
- ``conservation``: what the law keeps
- ``pixels``: PSNR and SSIM
- ``study``: the study's own error, with every quirk
- ``verdicts``: mechanics of rigid bodies

One more metric: a function with ``@metric`` here, its module in the registry's list; docs/extending.md.
"""

from worldlaw.measure.metrics.metric import Metric, metric, metrics

__all__ = ["Metric", "metric", "metrics"]
