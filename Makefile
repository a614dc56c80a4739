# Each target sets up what it needs: a clone, make and Rust are enough.
.DEFAULT_GOAL := help
.PHONY: help setup build stacks up test lint unit end-to-end test-kill fuzz bench clean

host := target/debug/mlflow-host

help: ## Show this.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what this machine lacks, or say the command.
	@scripts/setup

build: setup stacks ## Compile the host and the stacks.
	cargo build --package mlflow-host

stacks: setup ## Compile the stacks to Wasm.
	scripts/build-stacks

up: build ## The main job: a working MLflow on the local cloud.
	$(host) up stacks/dev.wasm --yes

test: lint unit end-to-end ## Everything that CI checks.

lint: setup ## Check formatting and lints.
	scripts/lint

unit: build ## Unit tests of the host, the guest SDK and the stacks.
	cargo test --no-fail-fast --workspace --exclude mlflow-host-tests
	scripts/test-guests

end-to-end: build ## A stack's whole life on the local cloud, judged by real clients.
	"$$(scripts/test-environment)/bin/python" scripts/generate-gcp-api --installed --check
	scripts/build-failpoints >/dev/null
	cargo test --no-fail-fast --package mlflow-host-tests
	scripts/setup languages
	MLFLOW_HOST=$(host) scripts/test-languages

test-kill: build ## The whole kill matrix: the host dies at every request and every entry of its journal.
	scripts/build-failpoints >/dev/null
	KILL_POINTS=all cargo test --package mlflow-host-tests --test kill_matrix

fuzz: setup ## Damaged programs, properties, plans and states, FUZZ_SECONDS (60) for each.
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} cargo test --no-fail-fast --package mlflow-host --package mlflow-host-fuzz \
		--test loader --test plan --test properties --test state -- --nocapture

bench: setup stacks ## Start-up and apply times; thousands of resources, beside Terraform.
	cargo build --release --package mlflow-host
	scripts/bench
	scripts/bench-scale
	scripts/setup languages
	scripts/bench-languages

clean: ## Remove what was built. The local cloud's data stays: see `mlflow-host cloud reset`.
	rm -rf target stacks/*.wasm
