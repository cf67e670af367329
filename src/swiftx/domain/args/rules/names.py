"""Names that something must be registered under: told before anything is loaded (rule D17)."""

from __future__ import annotations

from collections.abc import Sequence

from swiftx.domain.args.coerce import one_of
from swiftx.domain.args.plugins import ARGUMENTS as PLUGINS
from swiftx.domain.args.plugins import all_ran
from swiftx.domain.args.rule import Check, Facts, Values
from swiftx.domain.plans.tuner_names import BUILT_IN_TUNERS
from swiftx.errors import ArgError

_REGISTERED_AS = {
    "model_type": "model_type",
    "ref_model_type": "model_type",
    "reward_model_type": "model_type",
    "teacher_model_type": "model_type",
    "template": "template",
    "loss_scale": "loss_scale",
    "agent_template": "agent_template",
    "optimizer": "optimizer",
    "loss_type": "loss_type",
    "reward_funcs": "reward_funcs",
    "metric": "metric",
    "train_type": "train_type",
    "lr_scheduler_type": "lr_scheduler_type",
    "report_to": "report_to",
}
_BUILT_IN = {
    "train_type": BUILT_IN_TUNERS,
    "optimizer": frozenset({"galore", "lorap", "muon", "multimodal"}),
    "loss_type": frozenset(
        {
            "cosine_similarity", "contrastive", "online_contrastive", "infonce", "reranker",
            "generative_reranker", "listwise_reranker", "listwise_generative_reranker",
        }
    ),
    "lr_scheduler_type": frozenset(
        {
            "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup",
            "inverse_sqrt", "reduce_lr_on_plateau", "cosine_with_min_lr", "cosine_warmup_with_min_lr",
            "warmup_stable_decay", "greedy",
        }
    ),
    "report_to": frozenset(
        {
            "all", "none", "tensorboard", "wandb", "swanlab", "trackio", "mlflow", "comet_ml", "clearml",
            "neptune", "azure_ml", "codecarbon", "dagshub", "dvclive", "flyte",
        }
    ),
    "reward_funcs": frozenset(
        {"accuracy", "format", "react_format", "cosine", "repetition", "soft_overlong"}
    ),
}  # fmt: skip
_SUMS = ("loss_scale",)  # `last_round+hermes`


def _registered(name: str) -> Check:
    registry = _REGISTERED_AS[name]

    def find(values: Values, facts: Facts) -> Sequence[ArgError]:
        """A plugin may register more names, so they are judged when every one that was named has run."""
        known = facts.known.get(registry) or _BUILT_IN.get(name)
        plugins = [path for argument in PLUGINS for path in getattr(values, argument) or ()]
        told = registry in facts.known and all_ran(plugins, facts.plugins, facts.storage)
        if not known or (plugins and not told):
            return ()
        value = values.given(name)
        asked = (value,) if isinstance(value, str) else value or ()
        if name in _SUMS:
            asked = [part.strip() for word in asked for part in word.split("+")]
        return [
            ArgError(name, f"{name}: nothing is registered as {word!r}.", one_of(word, known))
            for word in asked
            if word not in known
        ]

    commands = ("pt", "sft") if name == "loss_type" else ()
    return Check(
        name=f"{name.replace('_', '-')}-is-registered",
        find=find,
        needs=(name, *PLUGINS),
        commands=commands,
    )


CHECKS = tuple(_registered(name) for name in _REGISTERED_AS)
