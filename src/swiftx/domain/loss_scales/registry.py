"""Loss scales by name, and their sums: `last_round+hermes`."""

from __future__ import annotations

from swiftx.domain.loss_scales.agent import AGENT_SCALES
from swiftx.domain.loss_scales.base import LossScale
from swiftx.domain.loss_scales.plain import PLAIN_SCALES
from swiftx.domain.naming import Names

SCALES: Names[LossScale] = Names("loss scale", (*PLAIN_SCALES, *AGENT_SCALES))
names, register = SCALES.names, SCALES.register


def get(name: str) -> LossScale:
    """Return a scale by name, or the sum of several joined by `+`.

    A sum trains what every part trains: only the last answer if one part says so, the prompt too if
    one part says so, with the key words and patterns of all parts (the later part wins).

    Raises:
        NotFound: There is no scale of that name; the hint has close matches.

    Example:
        >>> get("last_round+hermes").rounds
        'last'
    """
    if name in SCALES:
        return SCALES.get(name)
    parts = [SCALES.get(part.strip()) for part in name.split("+")]
    return LossScale(
        name=name,
        rounds="last" if any(part.rounds == "last" for part in parts) else "every",
        context_weight=max(part.context_weight for part in parts),
        keys={key: weights for part in parts for key, weights in part.keys.items()},
        patterns={text: weight for part in parts for text, weight in part.patterns.items()},
        query_keys={text: weight for part in parts for text, weight in part.query_keys.items()},
    )
