"""What is particular to a tuner, against hand-derived values and slow references."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("peft")

import torch
from tests.contract.trainer_contract import row
from tests.integration.test_tuners import IDS, difference, fit, logits, new_model
from tests.integration.tuner_cases import CASES, lora, save_lively_model
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from swiftx.adapters.models.shifted_attention import attend_in_groups, group_lengths
from swiftx.adapters.trainers.adalora import RankSchedule
from swiftx.adapters.trainers.lisa import LayerTurns
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import (
    BottleneckPlan,
    FullPlan,
    LisaPlan,
    LlamaProPlan,
    PeftPlan,
    ReftPlan,
    SampledInit,
    TunerPlan,
)
from swiftx.domain.tuning.lisa import active_layers
from swiftx.errors import BackendError, UsageError

BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module")
def base(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_lively_model(tiny_model, tmp_path_factory.mktemp("lively"))


def attached(base: str, plan: TunerPlan) -> Any:
    return make_tuner().attach(ModelHandle(AutoModelForCausalLM.from_pretrained(base)), plan)


# --- AdaLoRA ------------------------------------------------------------------------------------


def test_adalora_takes_ranks_away_until_the_budget_is_met(base: str, tmp_path: Path) -> None:
    case = BY_NAME["adalora"]
    model = cast(nn.Module, new_model(base, case))

    fit(ModelHandle(model), case, tmp_path)

    scales = [tensor for name, tensor in model.named_parameters() if "lora_E" in name]
    left = sum(int((scale != 0).sum()) for scale in scales)
    assert sum(scale.numel() for scale in scales) == 4 * len(scales)
    assert left == 2 * len(scales)


def test_the_penalty_is_the_one_that_peft_adds_to_its_loss(base: str) -> None:
    model = attached(base, BY_NAME["adalora"].plan)
    with torch.no_grad():
        ours = RankSchedule(model).penalty()
        theirs = model(IDS, labels=IDS).loss - model.get_base_model()(IDS, labels=IDS).loss

    assert float(ours) == pytest.approx(float(theirs), abs=1e-5)


def test_a_run_too_short_for_the_schedule_is_refused(base: str, tmp_path: Path) -> None:
    plan = dataclasses.replace(cast(Any, BY_NAME["adalora"].plan), tinit=8, tfinal=8)
    case = dataclasses.replace(BY_NAME["adalora"], plan=plan)

    with pytest.raises(UsageError, match="leave none of the 16 steps"):
        fit(new_model(base, case), case, tmp_path)


# --- LoRA-GA ------------------------------------------------------------------------------------


def test_a_resumed_lora_ga_does_not_depend_on_the_rows_it_would_look_at_now(
    base: str, tmp_path: Path
) -> None:
    case = BY_NAME["lora lora-ga"]
    whole = fit(new_model(base, case), case, tmp_path / "a")
    plain = ModelHandle(AutoModelForCausalLM.from_pretrained(base))
    other = make_tuner().attach(
        plain, case.plan, [row("quite other rows"), row("and more of them")]
    )

    rest = fit(other, case, tmp_path / "b", resume_from=whole.checkpoints[0][1])

    assert rest.losses == pytest.approx(whole.losses[8:], rel=1e-4)


def test_lora_ga_starts_with_the_singular_vectors_of_the_gradient(base: str) -> None:
    samples = [row("The quick brown fox jumps over the lazy dog; 0123456789!", untrained=0)]
    sampled = SampledInit(batch_size=1, batches=1, max_length=100)
    options = {"direction": "ArBr", "scale": "gd", "stable_gamma": 16}
    plan = lora(
        init_weights="lora-ga", sampled=sampled, lora_ga=options, targets=("q_proj",), rank=8
    )
    plain = AutoModelForCausalLM.from_pretrained(base)
    ids = torch.tensor([list(samples[0].input_ids)])
    plain(ids, labels=ids).loss.backward()
    gradient = plain.model.layers[0].self_attn.q_proj.weight.grad

    tuned: Any = make_tuner().attach(
        ModelHandle(AutoModelForCausalLM.from_pretrained(base)), plan, samples
    )

    down = tuned.get_base_model().model.layers[0].self_attn.q_proj.lora_A["default"].weight
    right = torch.linalg.svd(gradient).Vh[1:16:2]  # its odd rows
    cosines = torch.nn.functional.cosine_similarity(down, right).abs()
    assert torch.allclose(cosines, torch.ones(8), atol=1e-3)


# --- LongLoRA -----------------------------------------------------------------------------------


class _Attention(nn.Module):
    is_causal = True
    num_key_value_groups = 2


def _slow(query: Tensor, key: Tensor, value: Tensor, lengths: Any) -> Tensor:
    """Attention of one head, shape (T, D), over all pairs with an explicit mask."""
    numbers = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    allowed = (numbers[:, None] == numbers[None]).tril()
    scores = (query @ key.T / query.shape[1] ** 0.5).masked_fill(~allowed, -torch.inf)
    return scores.softmax(dim=1) @ value


@pytest.mark.parametrize("tokens", [2, 4, 7, 16, 21])
def test_shifted_attention_is_that_of_a_slow_reference(tokens: int) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, heads, tokens, 8) for heads in (4, 2, 2))

    found, _ = attend_in_groups(_Attention().train(), query, key, value, None)

    for head in range(4):
        lengths = group_lengths(tokens)[head // 2]
        for each in range(2):
            slow = _slow(query[each, head], key[each, head // 2], value[each, head // 2], lengths)
            assert torch.allclose(found[each, :, head], slow, atol=1e-6)


def test_padding_changes_no_real_token_of_shifted_attention() -> None:
    torch.manual_seed(0)
    states = [torch.randn(1, 2, 8, 8) for _ in range(3)]
    mask = torch.ones(8, 8).tril().bool()[None, None].clone()
    mask[..., 6:] = False
    moved = [state.clone() for state in states]
    for state in moved:
        state[:, :, 6:] = 9.0
    module = _Attention().train()
    module.num_key_value_groups = 1

    first, second = (
        attend_in_groups(module, each[0], each[1], each[2], mask)[0] for each in (states, moved)
    )

    assert torch.allclose(first[:, :6], second[:, :6])
    assert torch.isfinite(second).all()


def test_longlora_shifts_in_training_only(base: str) -> None:
    model = attached(base, BY_NAME["longlora"].plan)
    plain = AutoModelForCausalLM.from_pretrained(base)

    assert difference(model, plain) < 1e-6
    with torch.no_grad():
        trained = model.train()(IDS).logits
    assert float((trained - logits(plain)).abs().max()) > 1e-3


# --- LISA ---------------------------------------------------------------------------------------


def test_lisa_switches_layers_every_interval_and_drops_what_the_others_kept(base: str) -> None:
    plan = LisaPlan(layers=1, interval=3)
    model = cast(Any, AutoModelForCausalLM.from_pretrained(base))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    turns = LayerTurns(model, plan)
    state = cast(Any, type("State", (), {"global_step": 0}))
    turns.on_train_begin(cast(Any, None), state, cast(Any, None), optimizer=optimizer)
    seen = set()

    for step in range(12):
        state.global_step = step
        turns.on_step_begin(cast(Any, None), state, cast(Any, None), optimizer=optimizer)
        before = [layer.mlp.up_proj.weight.clone() for layer in model.model.layers]
        model(IDS, labels=IDS).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        after = [layer.mlp.up_proj.weight for layer in model.model.layers]
        changed = {
            i for i, pair in enumerate(zip(before, after, strict=True)) if not torch.equal(*pair)
        }
        kept = {i for i, weight in enumerate(after) if weight in optimizer.state}
        assert changed == kept == active_layers(plan, step=step, depth=2)
        seen |= changed

    assert seen == {0, 1}
    assert model.get_input_embeddings().weight in optimizer.state


def test_lisa_wants_no_more_layers_than_there_are(base: str) -> None:
    with pytest.raises(UsageError, match="the model has 2 layers"):
        LayerTurns(AutoModelForCausalLM.from_pretrained(base), LisaPlan(layers=3, interval=1))


# --- LLaMA Pro ----------------------------------------------------------------------------------


def test_a_deeper_model_begins_as_the_old_one_also_with_a_cache(base: str) -> None:
    deeper = attached(base, LlamaProPlan(new_blocks=4, groups=2))
    plain = AutoModelForCausalLM.from_pretrained(base)

    assert difference(deeper, plain) < 1e-6
    assert deeper.config.num_hidden_layers == len(deeper.model.layers) == 6
    for use_cache in (True, False):
        answers = [
            model.generate(IDS, max_new_tokens=8, do_sample=False, use_cache=use_cache)
            for model in (deeper, plain)
        ]
        assert torch.equal(*answers)


def test_more_places_than_layers_are_refused(base: str) -> None:
    with pytest.raises(UsageError, match="do not fit between 2 layers"):
        attached(base, LlamaProPlan(new_blocks=3, groups=3))


# --- ReFT, bottlenecks --------------------------------------------------------------------------


def _reft(kind: str, **changes: Any) -> ReftPlan:
    plan: dict[str, Any] = {"layers": (1,), "layer_key": None, "rank": 3, "intervention": kind}
    return ReftPlan(**{**plan, **changes})


def _edit(edit: Any, hidden: Tensor, kind: str) -> Tensor:
    """The forms of the module's docstring, written out a position at a time."""
    rows = edit.projection.weight
    edited = []
    for state in hidden:
        source = (
            edit.constant
            if edit.constant is not None
            else edit.source.weight @ state + edit.source.bias
        )
        own = rows @ state
        if kind == "NoreftIntervention":
            own = own + edit.projection.bias
        without = kind in ("DireftIntervention", "NodireftIntervention", "LobireftIntervention")
        edited.append(state + rows.T @ (source if without else source - own))
    return torch.stack(edited)


@pytest.mark.parametrize(
    "kind",
    [case.plan.intervention for case in CASES if isinstance(case.plan, ReftPlan)],
)
def test_an_intervention_is_its_formula(kind: str, base: str) -> None:
    options = {"add_bias": True} if kind == "NoreftIntervention" else {}
    edit = attached(base, _reft(kind, options=options)).model.layers[1].reft
    hidden = torch.randn(5, 32)

    with torch.no_grad():
        assert torch.allclose(edit(hidden), _edit(edit, hidden, kind), atol=1e-5)


@pytest.mark.parametrize(
    "kind", ["LoreftIntervention", "ConsreftIntervention", "DireftIntervention"]
)
def test_the_rows_of_loreft_stay_orthonormal_while_weights_decay(
    kind: str, base: str, tmp_path: Path
) -> None:
    case = BY_NAME[f"reft {kind}"]
    model = cast(Any, new_model(base, case))
    decay = {"learning_rate": case.rate, "weight_decay": 0.1}

    heard = fit(model, case, tmp_path, arguments=decay)

    assert heard.losses[-1] < 3

    rows = model.model.layers[0].reft.projection.weight
    assert torch.allclose(rows @ rows.T, torch.eye(4), atol=1e-5)


def test_only_the_chosen_layers_are_edited(base: str) -> None:
    model = attached(base, _reft("LoreftIntervention"))

    edited = [hasattr(layer, "reft") for layer in model.model.layers]

    assert edited == [False, True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layers": (2,)}, "there is no layer 2"),
        ({"rank": 32}, "not between 1 and 31"),
        ({"options": {"act": "relu"}}, "unknown act"),
        ({"options": {"act_fn": "rellu"}}, "act_fn='rellu'"),
        ({"layer_key": "blocks"}, "no list of layers called 'blocks'"),
    ],
    ids=str,
)
def test_an_impossible_edit_is_refused(changes: dict[str, Any], words: str, base: str) -> None:
    with pytest.raises(UsageError, match=words):
        attached(base, _reft("LoreftIntervention", **changes))


def test_bottlenecks_begin_as_the_identity(base: str) -> None:
    model = attached(base, BottleneckPlan(width=8, activation="relu"))

    assert difference(model, AutoModelForCausalLM.from_pretrained(base)) == 0
    for layer in model.model.layers:
        assert hasattr(layer.self_attn, "bottleneck")
        assert hasattr(layer.mlp, "bottleneck")


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("name", ["adapter", "reft LoreftIntervention", "llamapro", "longlora"])
def test_gradient_checkpoints_change_no_loss(
    name: str, reentrant: bool, base: str, tmp_path: Path
) -> None:
    case = BY_NAME[name]
    kept = {"gradient_checkpointing": True, "max_steps": 3, "learning_rate": case.rate,
            "gradient_checkpointing_kwargs": {"use_reentrant": reentrant}}  # fmt: skip

    plain, checkpointed = (
        fit(new_model(base, case), case, tmp_path / str(index), arguments=arguments).losses
        for index, arguments in enumerate(({"max_steps": 3, "learning_rate": case.rate}, kept))
    )

    assert checkpointed == pytest.approx(plain, abs=1e-4)


# --- saved adapters ------------------------------------------------------------------------------


def test_adapters_of_several_kinds_go_on_one_after_another(base: str, tmp_path: Path) -> None:
    names = ("lora random", "bone", "reft LoreftIntervention")
    folders = []
    for name in names:
        case = BY_NAME[name]
        heard = fit(new_model(base, case), case, tmp_path / name)
        folders.append(heard.checkpoints[-1][1])
    plain = ModelHandle(AutoModelForCausalLM.from_pretrained(base))
    tuner = make_tuner()
    one_by_one = tuner.fold(tuner.load(plain, folders[:1]))
    one_by_one = tuner.load(tuner.fold(tuner.load(one_by_one, folders[1:2])), folders[2:])

    together = tuner.load(ModelHandle(AutoModelForCausalLM.from_pretrained(base)), folders)

    assert difference(together, one_by_one) == 0
    with pytest.raises(BackendError, match="cannot be merged"):
        tuner.load(ModelHandle(AutoModelForCausalLM.from_pretrained(base)), folders[::-1])


def test_an_adapter_of_an_unknown_tuner_is_refused_with_the_known_ones(
    base: str, tmp_path: Path
) -> None:
    (tmp_path / "adapter_config.json").write_text('{"swiftx_tuner": "later"}')

    with pytest.raises(BackendError, match="'later'") as caught:
        make_tuner().load(ModelHandle(nn.Linear(1, 1)), [str(tmp_path)])

    assert "reft" in str(caught.value.hint)


def test_options_that_a_method_does_not_have_are_refused_with_those_it_has(base: str) -> None:
    with pytest.raises(UsageError, match="OFT has no rank") as caught:
        attached(base, PeftPlan(method="OFT", options={"rank": 4}))

    assert "oft_block_size" in str(caught.value.errors[0].hint)


def test_full_plans_fold_to_themselves(base: str) -> None:
    model = attached(base, FullPlan())

    assert make_tuner().fold(model) is model
