# The commands of this repository; `make` lists them. Each builds or installs
# what it needs, and keeps what is slow to build under the user's cache folder.

VERSION ?= dev
REGISTRY ?= fileserver.dev
FUZZTIME ?= 30s
SERVERS ?= 100
SOAKTIME ?= 30m
PLUGIN_VERSION ?= v0.0.0-dev
ARCHITECTURES ?= amd64 arm64
INSTALL_MANIFEST ?= dist/install.yaml
export MANAGER_IMAGE ?= $(REGISTRY)/manager:$(VERSION)$(if $(FIPS),-fips)
export SERVER_IMAGE ?= $(REGISTRY)/fileserver:$(VERSION)$(if $(FIPS),-fips)

comma := ,
space := $(subst ,, )
TOOL = go run -C hack/tools .
GO_BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION) -X main.serverImage=$(SERVER_IMAGE)"
LABEL = --label org.opencontainers.image
IMAGE = bin/image --user 65532:65532 $(LABEL).version=$(VERSION) $(LABEL).licenses=Apache-2.0 \
	$(LABEL).source=https://github.com/fileserver-dev/fileserver-operator

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test test-oldest e2e many-users matrix matrix-bucket bucket-large soak verify bench bench-operator fuzz generate fmt lint build images release-images chart-archive reproducible sbom plugin plugin-archives install-manifest

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: images ## a real Kubernetes, the operator, two file servers, and real clients that move files; leaves it running
	@HELM=$$($(TOOL) helm) && export HELM && go run ./test/demo

demo-down: ## remove the demo
	@go run ./test/demo -down

test: ## unit tests and envtest; needs no root
	@HELM=$$($(TOOL) helm) && VERSITYGW=$$($(TOOL) versitygw) && \
		KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$$(go run -C hack ./cluster assets)} && \
		export HELM VERSITYGW KUBEBUILDER_ASSETS && go test -race -timeout 20m ./...
	@go test -run TestTheMemoryOfOneUserIsBounded ./server/sftp # bytes are measured without -race
	@go test -C hack -count=1 ./... # it looks at files outside of its module, which go test would not see change

test-oldest: ## the API, the operator and the manifests against the API server of the oldest Kubernetes that is supported; builds that first
	@HELM=$$($(TOOL) helm) && KUBEBUILDER_ASSETS=$$(KUBERNETES=1.33 go run -C hack ./cluster assets) && \
		export HELM KUBEBUILDER_ASSETS && go test -count=1 -timeout 30m ./api/... ./controllers ./test/manifests

e2e: images ## the whole product on a cluster of two nodes, and every client over every protocol and mode; needs root
	@$(MAKE) --no-print-directory soak SOAKTIME=20s
	@go run -C hack ./cluster certificates >/dev/null # cert-manager and an ACME server, once per machine
	@HELM=$$($(TOOL) helm) && VERSITYGW=$$($(TOOL) versitygw) && GOTESTSUM=$$($(TOOL) gotestsum) && export HELM VERSITYGW && \
		$$GOTESTSUM --format standard-verbose -- -tags e2e -count=1 -p 1 -timeout 60m ./test/e2e/... ./test/matrix/... ./test/killed/...

matrix: ## every client over every protocol and mode, with 5 GiB in each; `make e2e` has a short form
	@VERSITYGW=$$($(TOOL) versitygw) && export VERSITYGW && MATRIX=long go test -tags e2e -count=1 -v -timeout 90m ./test/matrix

matrix-bucket: ## every client over every protocol and mode with files in a bucket, with 5 GiB in each client
	@VERSITYGW=$$($(TOOL) versitygw) && export VERSITYGW && \
		MATRIX=bucket go test -tags e2e -count=1 -v -timeout 120m -run InABucket ./test/matrix

bucket-large: ## 5 GiB to a bucket and back with kills on the way, a rename, an append, and a folder of 100,000 keys; LARGE sets the bytes
	@VERSITYGW=$$($(TOOL) versitygw) && export VERSITYGW && go test -tags e2e -count=1 -v -timeout 60m ./test/large

many-users: images ## 10,000 users on one server, against an API server alone and on a cluster of two nodes; needs root
	@KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$$(go run -C hack ./cluster assets)} && export KUBEBUILDER_ASSETS && \
		SCALE_USERS=10000 go test -count=1 -v -timeout 60m -run ManyUsers ./test/scale
	@HELM=$$($(TOOL) helm) && export HELM && \
		E2E_USERS=10000 go test -tags e2e -count=1 -v -timeout 60m -run TestOneOfManyUsers ./test/e2e

soak: build ## the server for SOAKTIME among clients that misbehave, in the memory of a pod; needs root
	@go build -o bin/soak ./test/soak && bin/soak -for $(SOAKTIME)

verify: ## generated code, format, vet, lint, API, charts, import rules
	@hack/verify.sh

bench: ## side by side with peers in one run: on the loopback, over a wire, and what it costs
	@go run ./test/bench

bench-operator: ## the operator with SERVERS FileServers in a real API server: requests, memory, processor time, how long a change takes
	@KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$$(go run -C hack ./cluster assets)} && export KUBEBUILDER_ASSETS && \
		go build -o bin/bench-operator ./test/scale/bench && bin/bench-operator -servers $(SERVERS)

release-images: ## both images for each of ARCHITECTURES, as OCI archives with an index, into dist; FIPS=1 for those with Go's FIPS 140-3 module
	@go build -C hack -o ../bin/image ./image && mkdir -p dist
	@for arch in $(ARCHITECTURES); do echo "building for $$arch" && \
		GOFIPS140=$(if $(FIPS),v1.0.0,off) GOOS=linux GOARCH=$$arch $(GO_BUILD) -o bin/linux_$$arch/ ./cmd/manager ./cmd/fileserver || exit; done
	@for name in manager fileserver; do \
		tag=$(MANAGER_IMAGE) title=fileserver-operator; [ $$name = manager ] || tag=$(SERVER_IMAGE) title=fileserver; \
		$(IMAGE) $(LABEL).title=$$title --tag $$tag --arch $(subst $(space),$(comma),$(ARCHITECTURES)) --entrypoint /$$name \
			--file bin/linux_{arch}/$$name=/$$name --out dist/$$name$(if $(FIPS),-fips)-multi.tar || exit; done

chart-archive: ## the chart of VERSION, with its images, into dist
	@mkdir -p dist && HELM=$$($(TOOL) helm) && rm -rf dist/chart && cp -r charts/fileserver-operator dist/chart && \
		sed -i 's|repository: fileserver.dev/|repository: $(REGISTRY)/|' dist/chart/values.yaml && \
		$$HELM package dist/chart --version $(VERSION:v%=%) --app-version $(VERSION) --destination dist && rm -r dist/chart

reproducible: ## builds the images a second time, in another folder and without a cache, and compares their digests
	@hack/reproducible.sh

sbom: ## what is in both binaries, as CycloneDX in JSON, into dist
	@mkdir -p dist && TOOLPATH=$$($(TOOL) cyclonedx-gomod) && for name in manager fileserver; do \
		$$TOOLPATH app -licenses -json -main cmd/$$name -output dist/$$name.cdx.json . || exit; done

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

plugin: ## `kubectl fileserver`, into bin
	@$(GO_BUILD) -o bin/kubectl-fileserver ./cmd/kubectl-fileserver
	@ln -sf kubectl-fileserver bin/kubectl_complete-fileserver

plugin-archives: ## the plug-in for each platform and its manifest for krew, into dist; PLUGIN_VERSION is v1.2.3
	@go build -C hack -o ../bin/plugin ./plugin && bin/plugin -out dist -version $(PLUGIN_VERSION)

install-manifest: ## the operator of VERSION in one file, dist/install.yaml; part of a release, not of the repository
	@mkdir -p $(dir $(INSTALL_MANIFEST)) && kubectl=$${KUBECTL:-$$(command -v kubectl || echo $$(go run -C hack ./cluster assets)/kubectl)} && \
		$$kubectl kustomize config/default | sed 's|image: fileserver.dev/manager:latest|image: $(MANAGER_IMAGE)|' > $(INSTALL_MANIFEST)

images: build ## both images as OCI archives, into dist
	@go build -C hack -o ../bin/image ./image && mkdir -p dist
	@$(IMAGE) $(LABEL).title=fileserver-operator --tag $(MANAGER_IMAGE) --entrypoint /manager --file bin/manager=/manager --out dist/manager.tar
	@$(IMAGE) $(LABEL).title=fileserver --tag $(SERVER_IMAGE) --entrypoint /fileserver --file bin/fileserver=/fileserver --out dist/fileserver.tar
