# make help lists what there is to do.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help setup setup-test setup-tofu build demo test test-real test-faults test-vault test-tofu test-gitea soak kills bench check fmt fuzz clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## install what is missing (as root with apt; else it says the command)
	@scripts/setup

build: ## build bin/pave
	@echo "building bin/pave (the first time takes a few minutes)"
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/pave ./cmd/pave

demo: setup build ## from nothing to a live service with a database
	@scripts/demo

check: ## format, vet, staticcheck
	@bad=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$bad" || { echo "not gofmt-clean: $$bad"; exit 1; }
	go vet ./...
	go vet -tags failpoints ./internal/workflow ./internal/provider/... ./test/...
	go tool staticcheck ./...

test: setup setup-test check ## everything that is quick: units, conformance, scripts, the create crash matrix
	go test -vet=off -race -timeout 9m . ./client/... ./cmd/... $$(go list ./internal/... | grep -v /internal/template)
	go test -vet=off -timeout 9m ./internal/template/... ./templates/... ./test/...
	go test -vet=off -timeout 5m -tags failpoints -run 'Failpoint|Kill' ./internal/workflow

setup-test: ## install what only the tests need
	@scripts/setup-test

setup-tofu: # OpenTofu for test-real, where CI has neither that nor terraform
	@scripts/setup-tofu

test-real: setup setup-test setup-tofu ## the rest of the crash matrix, real builds of every template, oracles, load
	PAVE_TEST_REAL=1 go test -vet=off -timeout 5m -count=1 -run Leaks ./internal/server
	PAVE_TEST_REAL=1 go test -vet=off -timeout 10m -count=1 -run OnGitHub ./test/e2e
	PAVE_TEST_REAL=1 go test -vet=off -timeout 5m -count=1 -run 'TestScripts/^rabbitmq$$' ./test/scripts
	PAVE_TEST_REAL=1 go test -vet=off -timeout 55m -count=1 ./internal/provider/terraform ./internal/provider/github ./internal/provider/gitlab ./internal/provider/gitea ./modules ./test/terraform ./test/hcp ./test/crash ./test/docs ./test/oracle/... ./test/templates

test-faults: setup setup-test ## the whole matrix of faults of outside systems (some 14 minutes); outside of CI
	PAVE_TEST_REAL=1 go test -vet=off -timeout 30m -count=1 ./test/faults ./internal/provider/hcp

test-vault: setup setup-test ## against a real Vault server, which is built first (some 5 minutes); outside of CI
	PAVE_TEST_REAL=1 go test -vet=off -timeout 55m -count=1 ./internal/provider/vault ./test/vault

test-tofu: setup setup-test ## modules with OpenTofu, which is built first (some 5 minutes); outside of CI
	cd tools/tofu && go build -o ../../bin/tofu github.com/opentofu/opentofu/cmd/tofu
	PAVE_TERRAFORM=$(CURDIR)/bin/tofu PAVE_TEST_REAL=1 go test -vet=off -timeout 30m -count=1 ./internal/provider/terraform ./modules ./test/terraform

test-gitea: setup setup-test ## against a real Gitea, which is built first (some 6 minutes); outside of CI
	PAVE_TEST_GITEA=build go test -vet=off -timeout 55m -count=1 ./internal/provider/gitea ./test/githost/gitea

soak: ## 2 creates a second for 10 minutes (SOAK=1m for less): no failure, no growth; outside of CI
	SOAK=$(or $(SOAK),10m) go test -vet=off -timeout 4h -count=1 -v -run Soak ./test/soak

kills: ## random kills for hours, each round with a seed of its own; outside of CI
	PAVE_TEST_REAL=1 PAVE_TEST_STORES=1 go test -timeout 4h -count=20 -v -run "Random|Create" ./test/crash

bench: setup build ## create against a script that does the same by hand; engine, start, memory, size
	@scripts/bench

fuzz: ## fuzz every parser for 30 s each
	@scripts/fuzz

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

clean: ## remove what was built
	rm -rf bin
