"""SwanLab as a tracker: transformers' callback, on an experiment that is begun as the plan says."""

from __future__ import annotations

from typing import Any

from transformers.integrations import SwanLabCallback

from swiftx.domain.plans.training import SwanlabPlan
from swiftx.errors import BackendError, MissingDependency

try:
    import swanlab
except ImportError as error:
    raise MissingDependency("swanlab", extra="swanlab") from error

_MODES = {"cloud": "online", "local": "local"}


class SwanLab(SwanLabCallback):
    """Begins the experiment before transformers would begin one, and ends it with the training."""

    def __init__(self, plan: SwanlabPlan) -> None:
        super().__init__()
        self._plan = plan

    def setup(self, args: Any, state: Any, model: Any, **options: Any) -> None:
        """Begin the experiment, then let transformers note the model's and the trainer's values."""
        if state.is_world_process_zero and not swanlab.has_run():
            _begin(self._plan)
        super().setup(args, state, model, **options)

    def on_train_end(self, *given: Any, **options: Any) -> None:
        super().on_train_end(*given, **options)
        if swanlab.has_run():
            swanlab.finish()


def _begin(plan: SwanlabPlan) -> None:
    try:
        if plan.token is not None and plan.mode == "cloud":
            swanlab.login(api_key=plan.token)
        swanlab.init(
            mode=_MODES[plan.mode],
            project=plan.project,
            workspace=plan.workspace,
            name=plan.experiment,
            log_dir=plan.folder,
            callbacks=_told(plan),
            # It would hold the command line, where a token may stand.
            settings=swanlab.Settings(probe={"runtime": False}),
        )
    except Exception as error:  # it raises errors of many kinds, those of requests among them
        raise BackendError(
            f"SwanLab did not begin the experiment: {error}",
            hint="run `swanlab login`, pass --swanlab_token, or keep it here with --swanlab_mode local",
        ) from error


def _told(plan: SwanlabPlan) -> list[Any] | None:
    if plan.lark_url is None:
        return None
    from swanlab.plugin import LarkCallback

    return [LarkCallback(webhook_url=plan.lark_url, secret=plan.lark_secret)]
