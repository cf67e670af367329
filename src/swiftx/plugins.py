"""What a plugin registers with: all that `--external_plugins` and `--custom_register_path` files import.

A plugin is a Python file. What is data (templates, loss weights, data sets) it describes with the types
that are named here and registers; what is code (losses, metrics, optimisers …) it writes as a function under
a decorator. From then on its name works like a built-in one. A name that exists already is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from swiftx.domain.agents import registry as _agents
from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.chat.pieces import BOS, EOS, Pieces, SpecialToken
from swiftx.domain.chat.tool_calling import AgentTemplate, ToolCall, ToolPrompt, ToolTurn, UserTurn
from swiftx.domain.datasets import registry as _datasets
from swiftx.domain.datasets.registry import DatasetDeclaration, Subset
from swiftx.domain.loss_scales import registry as _loss_scales
from swiftx.domain.loss_scales.base import LossScale
from swiftx.domain.loss_scales.spans import KeyWeights
from swiftx.domain.models import registry as _models
from swiftx.domain.models.model_type import ModelType
from swiftx.domain.plans.extending import (
    CallbackPlugin,
    LossPlugin,
    MetricPlugin,
    OptimizerPlugin,
    OptimizerSettings,
    Predictions,
    RowBatch,
    TokenBatch,
    TunerPlugin,
    TunerSettings,
)
from swiftx.domain.templates import registry as _templates
from swiftx.domain.templates.spec import TemplateSpec, Thinking
from swiftx.domain.training import extensions as _training
from swiftx.domain.tuning import registry as _tuners

_F = TypeVar("_F", bound=Callable[..., Any])

__all__ = [
    "BOS",
    "EOS",
    "AgentFormat",
    "AgentTemplate",
    "DatasetDeclaration",
    "KeyWeights",
    "LossScale",
    "ModelType",
    "OptimizerSettings",
    "Pieces",
    "Predictions",
    "RowBatch",
    "SpecialToken",
    "Subset",
    "TemplateSpec",
    "Thinking",
    "TokenBatch",
    "ToolCall",
    "ToolPrompt",
    "ToolTurn",
    "TunerSettings",
    "UserTurn",
    "agent_template",
    "callback",
    "metric",
    "optimizer",
    "register_agent_template",
    "register_dataset",
    "register_loss_scale",
    "register_model_type",
    "register_template",
    "row_loss",
    "template",
    "token_loss",
    "tuner",
]


def register_dataset(declaration: DatasetDeclaration) -> None:
    """Make a data set known by its names and ids, for `--dataset`.

    A relative `path` starts at the working folder; `Path(__file__).with_name("rows.jsonl")` lies beside
    the plugin.

    Raises:
        TypeError: It is something else, or a text stands where a tuple of texts is expected.
        ValueError: It has neither a name nor an id nor a path.

    Example:
        >>> def flipped(row):
        ...     if not row["question"]:
        ...         return None  # leaves the row out
        ...     return {"query": row["answer"], "response": row["question"]}
        >>> register_dataset(
        ...     DatasetDeclaration(names=("jeopardy",), path="quiz.jsonl", preprocess=flipped)
        ... )
    """
    _expect(declaration, DatasetDeclaration)
    for subset in declaration.subsets:
        _expect(subset, Subset)
    _datasets.register(declaration)


def register_template(spec: TemplateSpec) -> None:
    r"""Make a prompt format known by its name, for `--template`.

    Raises:
        TypeError: It is something else, or a text stands where a tuple of texts is expected.
        ValueError: It has no name, or no place for the question or for its own system text.

    Example:
        >>> register_template(
        ...     TemplateSpec(
        ...         name="interview",
        ...         system_prefix=("{{SYSTEM}}\n",),
        ...         prompt=("Q: {{QUERY}}\nA:",),
        ...         chat_sep=("\n",),
        ...         suffix=(EOS,),
        ...     )
        ... )
        >>> template("interview").prompt
        ('Q: {{QUERY}}\nA:',)
    """
    _expect(spec, TemplateSpec)
    _named(spec.name, "template")
    if not any("{{QUERY}}" in piece for piece in spec.prompt if isinstance(piece, str)):
        raise ValueError(f"the prompt of template {spec.name!r} has no {{{{QUERY}}}}")
    if spec.default_system is not None and not spec.takes_system:
        raise ValueError(
            f"template {spec.name!r} has a default system text and no place for it: add system_prefix"
        )
    _templates.register(spec)


def register_model_type(model_type: ModelType) -> None:
    r"""Make a model type known by its name, for `--model_type`, and to those models that it fits.

    Raises:
        TypeError: It is something else, or a text stands where a tuple of texts is expected.
        ValueError: It has no name.
        re.error: A pattern of `ids` is no regular expression.

    Example:
        >>> register_model_type(
        ...     ModelType(name="acme_chat", template="chatml", ids=(r"acme-\d+b-chat",))
        ... )
    """
    _expect(model_type, ModelType)
    _named(model_type.name, "model type")
    _compile(model_type.ids)
    _models.register(model_type)


def register_loss_scale(loss_scale: LossScale) -> None:
    r"""Make loss weights known by their name, for `--loss_scale`; sums such as `last_round+mine` work too.

    Raises:
        TypeError: It is something else.
        ValueError: It has no name, or one with a `+`.
        re.error: A pattern is no regular expression.

    Example:
        >>> register_loss_scale(LossScale(name="numbers", patterns={r"\d+": 2.0}))
        >>> register_loss_scale(LossScale(name="verdict", keys={"Answer:": KeyWeights(1.0, 3.0)}))
    """
    _expect(loss_scale, LossScale)
    _named(loss_scale.name, "loss scale")
    if "+" in loss_scale.name:
        raise ValueError(f"{loss_scale.name!r}: a `+` in the name of a loss scale means a sum")
    for weights in loss_scale.keys.values():
        _expect(weights, KeyWeights)
    _compile(loss_scale.patterns)
    _loss_scales.register(loss_scale)


def register_agent_template(agent: AgentTemplate) -> None:
    """Make a format of tools and calls known by its name, for `--agent_template`.

    Any object with the methods of `AgentTemplate` will do; an `AgentFormat` is put together from functions.

    Raises:
        TypeError: A method is missing.
        ValueError: It has no name.

    Example:
        >>> from dataclasses import replace
        >>> def in_capitals(tools, system):
        ...     return f"{system or ''} TOOLS: {[tool['function']['name'] for tool in tools]}"
        >>> hermes = agent_template("hermes")
        >>> register_agent_template(replace(hermes, name="loud", declare=in_capitals))
    """
    methods = ("format_tools", "render_tool_calls", "render_tool_responses", "parse_tool_calls")
    missing = [name for name in ("name", *methods) if not hasattr(agent, name)]
    if missing:
        raise TypeError(f"an agent template needs {', '.join(missing)}; this is {agent!r}")
    _named(agent.name, "agent template")
    _agents.register(agent)


def token_loss(
    name: str,
) -> Callable[[Callable[[TokenBatch], Any]], Callable[[TokenBatch], Any]]:
    """Make a function a loss of tokens, for `--loss_type`: `TokenBatch` → the loss of each label, (B, K).

    The trainer adds them up and divides by the number of labels in the whole optimiser step, so do not take
    the mean, and return 0 where the label is -100.

    Example:
        >>> @token_loss("confident")
        ... def confident(batch):
        ...     logps = batch.logits.log_softmax(-1).gather(-1, batch.labels.clamp(min=0)[..., None])
        ...     return -(logps[..., 0] * (batch.labels != -100))
    """
    return _under(
        name,
        "loss",
        lambda function: _training.LOSSES.register(LossPlugin(name, "tokens", function)),
    )


def row_loss(name: str) -> Callable[[Callable[[RowBatch], Any]], Callable[[RowBatch], Any]]:
    """Make a function a loss of whole rows, for `--loss_type` of a task: `RowBatch` → the mean over rows.

    Example:
        >>> @row_loss("absolute")
        ... def absolute(batch):
        ...     return (batch.vectors - batch.targets).abs().mean()
    """
    return _under(
        name, "loss", lambda function: _training.LOSSES.register(LossPlugin(name, "rows", function))
    )


_Scores = Callable[[Predictions], Mapping[str, float]]


def metric(name: str) -> Callable[[_Scores], _Scores]:
    """Make a function a metric, for `--metric`: `Predictions` of all validation rows → named numbers.

    Example:
        >>> @metric("exact")
        ... def exact(said):
        ...     equal = [a == b for a, b in zip(said.predictions, said.labels)]
        ...     return {"exact": sum(equal) / max(len(equal), 1)}
    """
    return _under(
        name, "metric", lambda function: _training.METRICS.register(MetricPlugin(name, function))
    )


_MadeOptimizer = Callable[[Any, OptimizerSettings], Any]


def optimizer(name: str) -> Callable[[_MadeOptimizer], _MadeOptimizer]:
    """Make a function an optimiser, for `--optimizer`: model and settings → a `torch.optim.Optimizer`.

    Example:
        >>> @optimizer("plain_sgd")
        ... def plain_sgd(model, settings):
        ...     from torch.optim import SGD
        ...     trained = [each for each in model.parameters() if each.requires_grad]
        ...     return SGD(trained, lr=settings.learning_rate)
    """
    return _under(
        name,
        "optimizer",
        lambda function: _training.OPTIMIZERS.register(OptimizerPlugin(name, function)),
    )


def callback(name: str) -> Callable[[_F], _F]:
    """Make a class a callback: a new one of every training, without arguments, hears of its steps.

    Example:
        >>> @callback("counter")
        ... def counter():
        ...     from transformers import TrainerCallback
        ...     return TrainerCallback()
    """
    return _under(
        name,
        "callback",
        lambda function: _training.CALLBACKS.register(CallbackPlugin(name, function)),
    )


_MadeConfig = Callable[[TunerSettings], Any]


def tuner(name: str) -> Callable[[_MadeConfig], _MadeConfig]:
    """Make a function a tuner, for `--train_type`: settings → a `PeftConfig` of PEFT.

    What is trained is saved, loaded and merged by PEFT. A method of its own is registered with PEFT
    (`peft.utils.register_peft_method`) in the same file.

    Example:
        >>> @tuner("thin")
        ... def thin(settings):
        ...     from peft import LoraConfig
        ...     return LoraConfig(task_type=settings.task_type, r=1, target_modules=settings.targets)
    """
    return _under(
        name, "tuner", lambda function: _tuners.TUNERS.register(TunerPlugin(name, function))
    )


def _under(name: str, what: str, register: Callable[[Any], None]) -> Callable[[_F], _F]:
    """Return a decorator that registers a function and leaves it as it is."""
    _named(name, what)

    def decorated(function: _F) -> _F:
        if not callable(function):
            raise TypeError(f"a {what} is a function, not {function!r}")
        register(function)
        return function

    return decorated


def template(name: str) -> TemplateSpec:
    """Return a prompt format by name, to derive one from it.

    Raises:
        NotFound: There is none of that name; the hint has close matches.

    Example:
        >>> from dataclasses import replace
        >>> register_template(replace(template("chatml"), name="terse", default_system="Be brief."))
    """
    return _templates.get(name)


def agent_template(name: str) -> AgentFormat:
    """Return a format of tools and calls by name, to derive one from it.

    Raises:
        NotFound: There is none of that name; the hint has close matches.
        TypeError: A plugin registered it, and not as an AgentFormat.
    """
    found = _agents.get(name)
    if not isinstance(found, AgentFormat):
        raise TypeError(f"the agent template {name!r} is a {type(found).__name__}, no AgentFormat")
    return found


def _expect(value: object, expected: type) -> None:
    """Refuse what would fail later, far from the plugin: another type, or a text in place of a tuple."""
    if not isinstance(value, expected):
        raise TypeError(f"expected a {expected.__name__}, not {value!r}")
    for field in fields(expected) if hasattr(expected, "__dataclass_fields__") else ():
        given = getattr(value, field.name)
        if isinstance(given, str) and str(field.type).startswith(("tuple", "Pieces")):
            raise TypeError(
                f"{field.name} of a {expected.__name__} is a tuple, not a text: write ({given!r},)"
            )


def _named(name: str, what: str) -> None:
    if not name or not isinstance(name, str):
        raise ValueError(f"a {what} needs a name, not {name!r}")


def _compile(patterns: Iterable[str]) -> None:
    for pattern in patterns:
        re.compile(pattern)
