# berth: `make` lists the targets. Every target installs what it needs on a fresh Debian machine with Go.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X berth/internal/cli.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
TESTFLAGS ?=

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/berth, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/berth ./cmd/berth

postgres: # the programs of a server, for tests of the stand-in migrator; no server is started
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { mkdir -p /etc/postgresql-common; \
	  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql >/dev/null; }

unit: ## tests without a Docker Engine (under a minute)
	$(GO) test $(TESTFLAGS) ./...
	cd testbed && $(GO) test $(TESTFLAGS) ./...

testbed: ## Docker Engine, registry and stand-in images on this machine
	testbed/up

bin/helm:
	GOBIN=$(CURDIR)/bin CGO_ENABLED=0 $(GO) install -trimpath helm.sh/helm/v3/cmd/helm@v3.19.0

bin/kustomize:
	GOBIN=$(CURDIR)/bin CGO_ENABLED=0 $(GO) install -trimpath sigs.k8s.io/kustomize/kustomize/v5@v5.7.1

test: postgres unit build testbed bin/helm bin/kustomize ## all tests, end to end on a real Docker Engine included
	PATH="$(CURDIR)/bin:$$PATH" $(GO) test $(TESTFLAGS) -count=1 ./internal/catalogue/... ./internal/render/kubernetes/...
	$(GO) test $(TESTFLAGS) -count=1 -tags next -run TestNextReleaseNeedsNoEdit ./internal/cli
	eval "$$(testbed/engine env)" && BERTH_E2E=1 $(GO) test $(TESTFLAGS) -count=1 ./internal/target/...
	testbed/images build 5.0.0 5.11.6271 7.5.4453 && eval "$$(testbed/engine env)" && cd testbed && $(GO) test $(TESTFLAGS) -count=1 -tags engine ./cmd/images
	eval "$$(testbed/engine env)" && $(GO) test $(TESTFLAGS) -count=1 -v -timeout 20m -tags e2e ./e2e/...

kubernetes: ## Kubernetes clusters on this machine: simulated nodes, and a real one (the first time, they are built from source)
	testbed/kubernetes up control && testbed/kubernetes up node

test-kubernetes: build testbed kubernetes ## tests on real API servers and a real kubelet (about ten minutes)
	eval "$$(testbed/kubernetes env control)" && BERTH_E2E_KUBERNETES=1 $(GO) test $(TESTFLAGS) -count=1 ./internal/target/kubernetes/...
	eval "$$(testbed/kubernetes env node)" && BERTH_E2E_KUBERNETES=1 $(GO) test $(TESTFLAGS) -count=1 ./internal/target/kubernetes/health/...
	$(GO) test $(TESTFLAGS) -count=1 -v -timeout 30m -tags cluster ./e2e/...

# The versions of Kubernetes that the test bed can build, beside the one that everything else is tested on.
MINORS ?= v1.34.4 v1.37.2

test-minors: build testbed ## the life of an installation on other versions of Kubernetes (builds each from source)
	set -e; for v in $(MINORS); do \
	  testbed/kubernetes down control --purge; KUBE_VERSION=$$v testbed/kubernetes up control; \
	  KUBE_VERSION=$$v $(GO) test $(TESTFLAGS) -count=1 -v -timeout 20m -tags cluster -run TestClusterLife ./e2e/...; \
	done; testbed/kubernetes down control --purge

# Which faults: a pattern of test names.
FAULTS ?= .

faults-kubernetes: build testbed kubernetes bin/helm ## kill API server, etcd, nodes and berth itself; quotas, webhooks, rights
	PATH="$(CURDIR)/bin:$$PATH" $(GO) test $(TESTFLAGS) -count=1 -v -timeout 40m -tags clusterfaults -run '$(FAULTS)' ./e2e/...

faults: build testbed ## kill berth at every step, break containers, fill a disk, restart the engine (about ten minutes)
	eval "$$(testbed/engine env)" && $(GO) test $(TESTFLAGS) -count=1 -v -timeout 40m -tags faults ./e2e/...

# Which upgrades: a pattern of test names.
UPGRADES ?= .

test-upgrades: build testbed ## upgrades over any number of releases, back, refused, rehearsed, by the agent (about twenty minutes)
	eval "$$(testbed/engine env)" && $(GO) test $(TESTFLAGS) -count=1 -v -timeout 60m -tags upgrades -run '$(UPGRADES)' ./e2e/...

faults-upgrades: build testbed ## kill berth at every step of an upgrade over two majors
	eval "$$(testbed/engine env)" && $(GO) test $(TESTFLAGS) -count=1 -v -timeout 40m -tags upgradefaults ./e2e/...

test-upgrades-kubernetes: build testbed kubernetes ## upgrades on a real kubelet
	$(GO) test $(TESTFLAGS) -count=1 -v -timeout 40m -tags clusterupgrades -run '$(UPGRADES)' ./e2e/...

# Walks begin with SEED; ON is compose or kubernetes (which needs make kubernetes). WALK='new 6.0.0; up' replays one, SHRINK=9 shrinks it.
SEED ?= 1
WALKS ?= 1
STEPS ?= 25
ON ?= compose

walks: build testbed ## random walks of what admins do (SEED, WALKS, STEPS, ON, WALK, SHRINK)
	eval "$$(testbed/engine env)" && SEED='$(SEED)' WALKS='$(WALKS)' STEPS='$(STEPS)' WALK='$(WALK)' SHRINK='$(SHRINK)' \
	  $(GO) test $(TESTFLAGS) -count=1 -v -timeout 10h -tags walks -run '^TestWalks$(if $(filter kubernetes,$(ON)),Cluster)$$' ./e2e/...

race: ## tests without an engine under the race detector
	$(GO) test -race ./...

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./... && $(GO) vet -tags next ./internal/cli && $(GO) vet -tags e2e,faults,cluster,clusterfaults,upgrades,upgradefaults,clusterupgrades,walks ./e2e/... && cd testbed && $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(STATICCHECK) -tags e2e,faults,cluster,clusterfaults,upgrades,upgradefaults,clusterupgrades,walks ./e2e/...

vuln: ## known vulnerabilities; needs the Go vulnerability database
	$(GO) run $(GOVULNCHECK) ./...

gen: ## regenerate the generated references and schemas
	$(GO) test ./catalogue ./internal/arch ./internal/config/check ./internal/config/reference -update

golden: ## regenerate golden files; read the difference before you commit it
	$(GO) test ./catalogue ./internal/config/check ./internal/config/reference ./internal/render/agent ./internal/render/compose ./internal/render/kubernetes ./internal/cli -update

bench: build testbed bin/helm bin/kustomize ## measure side by side against the tools that people use today
	testbed/kubernetes up control
	eval "$$(testbed/engine env)" && eval "$$(testbed/kubernetes env control)" && PATH="$(CURDIR)/bin:$$PATH" bench/run

size: build ## what the binary weighs, and what it does before main
	@ls -l bin/berth | awk '{printf "%.1f MB\n", $$5/1000000}'
	@GODEBUG=inittrace=1 bin/berth help 2>&1 >/dev/null | sort -k5 -rn | head -5

demo: build ## all of Sourcegraph's services with stand-in images on this machine, and a search
	testbed/demo up

demo-kubernetes: build ## the same on a real Kubernetes node of this machine
	testbed/demo up kubernetes

demo-down: ## take the demos away, with all that they brought up
	testbed/demo down
	testbed/demo down kubernetes

.PHONY: help build postgres unit testbed kubernetes test test-kubernetes test-minors test-upgrades test-upgrades-kubernetes faults faults-kubernetes faults-upgrades walks race lint vuln gen golden bench size demo demo-kubernetes demo-down
