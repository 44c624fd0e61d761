# Steno: `make help` lists the targets. Every target sets up what it needs on a
# Debian machine (as root or with sudo) and says what it installs.

SHELL := /bin/bash
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help build test demo bench storm lint fmt setup clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

build: bin/steno ## build bin/steno

.PHONY: bin/steno
bin/steno:
	@mkdir -p bin
	go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/steno ./cmd/steno

setup: ## install what tests and demo need: browser, ffmpeg, PostgreSQL, Node
	@scripts/setup all

test: ## run everything: build, format, vet, unit, database, browser and SDK tests
	@scripts/test

demo: ## record lab meetings from an API call and from a calendar, kill a bot, look at demo-out/
	@scripts/setup run
	@$(MAKE) --no-print-directory build
	@bin/steno demo --out demo-out

bench: ## measure cost, throughput and memory, and print tables (long)
	@scripts/setup all
	@$(MAKE) --no-print-directory build
	@scripts/bench

storm: ## long forms of the crash and delivery tests (long)
	@scripts/setup all
	@$(MAKE) --no-print-directory build
	@scripts/storm

lint: ## golangci-lint with the rules of .golangci.yml
	@scripts/lint

fmt: ## format the Go code
	@gofmt -w $$(git ls-files '*.go')

clean: ## remove what the build made
	rm -rf bin demo-out .cache
