# Every target sets up what it needs, asks nothing, and may be run again at any time.
# What is fetched goes to .cache/ (`make clean` removes it), what is built to target/.

DIR ?= examples/orders
ARGS ?=

ROUNDS ?= 300

.PHONY: help dev test crash conformance-rabbitmq suites bench bench-micro fmt lint tidy tools clean

.DEFAULT_GOAL := help

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: ## Run the operator and a real broker on this machine: make dev [DIR=examples/orders] [ARGS=--until-ready]
	@scripts/dev $(DIR) $(ARGS)

test: ## Run every test: crates, house rules, conformance, end to end
	@scripts/test

crash: ## Kill the broker under load again and again: make crash [ROUNDS=300]
	cargo build --locked --package warren-broker
	WARREN_CRASH_ROUNDS=$(ROUNDS) cargo test --locked --package warren-tests --test crash -- --nocapture

conformance-rabbitmq: ## Hold RabbitMQ to the same rules: where it passes, the tests are right
	@scripts/conformance-rabbitmq

suites: ## Run the suites of other AMQP clients on RabbitMQ and Warren: make suites [ARGS=kombu]
	@scripts/suites $(ARGS)

bench: ## Measure the broker, and RabbitMQ beside it
	@scripts/bench

bench-micro: ## Measure codec, routing, queues and sessions on their own: make bench-micro [ARGS=topic]
	cargo bench --locked --package broker-protocol --package broker-core --package broker-session -- $(ARGS)

fmt: ## Format the sources
	cargo fmt --all

lint: ## Check the format and the lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

tidy: ## Check the house rules
	cargo test --locked --quiet --package warren-tests --test tidy

tools: ## Put kubectl, helm and the test clients in .cache/
	@scripts/setup-kubectl
	@scripts/setup-python
	@scripts/setup-node

clean: ## Remove what was built and fetched
	rm -rf target .cache
