# The commands of this repository; `make` lists them. Each builds or installs
# what it needs, and keeps what is slow to build under the user's cache folder.

VERSION ?= dev
REGISTRY ?= fileserver.dev
FUZZTIME ?= 30s
export MANAGER_IMAGE ?= $(REGISTRY)/manager:$(VERSION)
export SERVER_IMAGE ?= $(REGISTRY)/fileserver:$(VERSION)

TOOL = go run -C hack/tools .
GO_BUILD = CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test e2e verify bench fuzz generate fmt lint build images cluster-deps

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: images ## a real Kubernetes, the operator, two file servers, and real clients that move files; leaves it running
	@HELM=$$($(TOOL) helm) && export HELM && go run ./test/demo

demo-down: ## remove the demo
	@go run ./test/demo -down

test: ## unit tests and envtest; needs no root
	@KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$$(go run -C hack ./cluster assets)} && export KUBEBUILDER_ASSETS && \
		go test -race ./...
	@cd hack && go test ./...

e2e: images ## the whole product on a cluster of two nodes; needs root
	@HELM=$$($(TOOL) helm) && export HELM && \
		go test -tags e2e -count=1 -timeout 40m -v ./test/e2e/...

verify: ## generated code, format, vet, lint, API, charts, import rules
	@hack/verify.sh

bench: ## side by side with peers in one run
	@go run ./test/bench

fuzz: ## every fuzz target for FUZZTIME
	@hack/fuzz.sh $(FUZZTIME)

generate: ## code, CRDs, RBAC, chart and reference from their sources
	@hack/generate.sh

fmt: ## format Go code
	@gofmt -w $$(git ls-files '*.go')

lint: ## golangci-lint, with the linter for Kubernetes APIs
	@LINT=$$($(TOOL) golangci-lint) && $$LINT run ./... && (cd hack && $$LINT run --config ../.golangci.yml ./...)

build: ## both binaries, into bin
	@$(GO_BUILD) -o bin/manager ./cmd/manager
	@$(GO_BUILD) -o bin/fileserver ./cmd/fileserver

images: build ## both images as OCI archives, into dist
	@go build -C hack -o ../bin/image ./image && mkdir -p dist
	@bin/image --out dist/manager.tar --tag $(MANAGER_IMAGE) --entrypoint /manager --file bin/manager=/manager
	@bin/image --out dist/fileserver.tar --tag $(SERVER_IMAGE) --entrypoint /fileserver --file bin/fileserver=/fileserver
