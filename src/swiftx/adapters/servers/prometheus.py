"""Metrics in the form that Prometheus collects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from swiftx.domain.plans.serving import Metric


def exposition(metrics: Sequence[Metric]) -> tuple[bytes, str]:
    """Return the text of metrics and its media type."""
    registry = CollectorRegistry()
    registry.register(_Collector(metrics))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Collector(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Family]:
        for metric in self._metrics:
            yield _family(metric)


def _family(metric: Metric) -> Family:
    labels = list(metric.samples[0][0]) if metric.samples else []
    if metric.kind == "histogram":
        family = HistogramMetricFamily(metric.name, metric.text)
        buckets = [
            ("+Inf" if bound == float("inf") else str(bound), float(count))
            for bound, count in metric.buckets
        ]
        family.add_metric([], buckets, metric.total)
        return family
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    counted = kind(metric.name, metric.text, labels=labels)
    for names, value in metric.samples:
        counted.add_metric([names[label] for label in labels], value)
    return counted
