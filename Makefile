# berth: `make` lists the targets. Every target installs what it needs on a fresh Debian machine with Go.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X berth/internal/cli.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
TESTFLAGS ?=
export PATH := $(CURDIR)/bin:$(PATH)

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/berth, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/berth ./cmd/berth

man: build ## man pages of all commands and concepts in man/
	@bin/berth man --out man

docs: ## the pages as a site in bin/docs/, which works from the folder without a server
	@cd site && $(GO) run . --out $(CURDIR)/bin/docs

bin/axe/node_modules/axe-core:
	@command -v npm >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends npm >/dev/null; }
	npm install --prefix bin/axe --no-save --no-audit --no-fund --ignore-scripts --loglevel=error axe-core@4.10.3

chromium: # a browser for tests
	@command -v chromium >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; }

# SCREENS names a folder for pictures of all pages.
docs-browser: bin/axe/node_modules/axe-core chromium ## the site page by page in a real Chromium: desk, dark, phone, accessibility (four minutes)
	cd site && AXE=$(CURDIR)/bin/axe/node_modules/axe-core/axe.min.js $(GO) test $(TESTFLAGS) -count=1 -tags browser -timeout 1h -run '^Test(Slides)?InABrowser$$' .

postgres: # the programs of servers: Debian's, for tests of scripts in its images, and 16, which berth-hq needs; no server is started
	@testbed/postgres 16 >/dev/null
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { mkdir -p /etc/postgresql-common; \
	  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql >/dev/null; }

# 250 walks of up to 20 steps on each target are ten thousand steps.
unit: ## tests without an engine or a cluster (about two minutes)
	@BERTH_WALKS=250 $(GO) test -timeout 30m -json $(TESTFLAGS) ./... | $(GO) run ./e2e/tests report
	@cd testbed && $(GO) test -json $(TESTFLAGS) ./... | (cd .. && $(GO) run ./e2e/tests report)
	@cd testbed/provider && $(GO) test -json $(TESTFLAGS) ./... | (cd ../.. && $(GO) run ./e2e/tests report)
	@cd release && $(GO) test -json $(TESTFLAGS) ./... | (cd .. && $(GO) run ./e2e/tests report)
	@cd site && $(GO) test -json $(TESTFLAGS) ./... | (cd .. && $(GO) run ./e2e/tests report)

testbed: ## Docker Engine, registry and stand-in images on this machine
	testbed/up

bin/helm:
	GOBIN=$(CURDIR)/bin CGO_ENABLED=0 $(GO) install -trimpath helm.sh/helm/v3/cmd/helm@v3.19.0

# A folder of its own, since the program has the name of the one above.
bin/helm4:
	GOBIN=$(CURDIR)/bin/helm4 CGO_ENABLED=0 $(GO) install -trimpath helm.sh/helm/v4/cmd/helm@v4.3.2

bin/kustomize:
	GOBIN=$(CURDIR)/bin CGO_ENABLED=0 $(GO) install -trimpath sigs.k8s.io/kustomize/kustomize/v5@v5.7.1

bin/caddy:
	cd testbed && CGO_ENABLED=0 $(GO) build -trimpath -o ../bin/caddy ./cmd/caddy

# One test, by its name or a pattern of names; REAL=1 runs it on Sourcegraph's own images.
export RUN ?=
REAL ?=
E2E = $(GO) test -json -tags e2e $(TESTFLAGS) -count=1 -timeout 10h

ifeq ($(RUN),)
e2e: ## one test on a real engine or cluster, with all that it needs (RUN=TestX, RUN=TestX/sub); without RUN a list of the tests
	@$(GO) run ./e2e/tests list
else
e2e: build
	@test=$${RUN%%/*}; REAL='$(REAL)' $(E2E) -run "^($$test)\$$$${RUN#"$$test"}" ./e2e | $(GO) run ./e2e/tests report -v "$$RUN"
endif

test: postgres bin/helm bin/kustomize bin/caddy unit test-engine ## all tests without a cluster (about half an hour)

# Short runs leave out what is marked as long; LONG=1 runs it, too.
SHORT = $(if $(LONG),,-short)

test-engine: build ## tests on a real Docker Engine (LONG=1: all of them)
	@$(E2E) $(SHORT) -skip '^TestCluster' ./e2e | $(GO) run ./e2e/tests report -v

test-kubernetes: build ## tests on real API servers and a real node (LONG=1: all of them)
	@$(E2E) $(SHORT) -run '^TestCluster' ./e2e | $(GO) run ./e2e/tests report -v

next: bin/helm ## all unit tests with a release that does not exist yet: none needs an edit for it
	$(GO) test $(TESTFLAGS) -count=1 -timeout 30m -tags next -run TestNextReleaseNeedsNoEdit ./internal/cli

bin/yaml-language-server:
	@command -v npm >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends npm >/dev/null; }
	npm install --prefix bin/npm --no-save --no-audit --no-fund --ignore-scripts --loglevel=error yaml-language-server@2.0.0
	ln -sf npm/node_modules/.bin/yaml-language-server bin/yaml-language-server

editors: bin/yaml-language-server ## the schema in a real language server: what it proposes, explains and marks
	YAML_LANGUAGE_SERVER=$(CURDIR)/bin/yaml-language-server $(GO) test $(TESTFLAGS) -count=1 -tags editors -run TestEditors ./internal/config/reference

bin/powershell-grammar:
	@command -v npm >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends npm >/dev/null; }
	npm install --prefix bin/powershell-grammar --no-save --no-audit --no-fund --ignore-scripts --loglevel=error tree-sitter-powershell@0.26.4 web-tree-sitter@0.25.10

# The shells of Debian, and PowerShell where it is there: no package of Debian has it. Where it is not, its grammar reads the script.
SHELLS = bash zsh fish $(if $(shell command -v pwsh),pwsh)

shells: bin/powershell-grammar ## what people complete in real shells, at a pseudo-terminal
	@command -v zsh >/dev/null && command -v fish >/dev/null && test -e /usr/share/bash-completion || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends bash-completion zsh fish >/dev/null; }
	@echo "completion in: $(SHELLS)"
	BERTH_SHELLS="$(SHELLS)" POWERSHELL_GRAMMAR=$(CURDIR)/bin/powershell-grammar $(GO) test $(TESTFLAGS) -count=1 -tags editors -run "TestShells|TestPowerShell" ./cmd/berth

# Traefik's module has all that it is built from, but for the pages of its dashboard, which are not needed here.
TRAEFIK = v3.5.3
bin/traefik:
	set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	module=$$($(GO) mod download -json github.com/traefik/traefik/v3@$(TRAEFIK) | sed -n 's/.*"Dir": "\(.*\)",/\1/p'); \
	cp -r "$$module" "$$dir/traefik"; chmod -R u+w "$$dir/traefik"; cd "$$dir/traefik"; CGO_ENABLED=0 $(GO) build -o $(CURDIR)/bin/traefik ./cmd/traefik

ingress: bin/traefik ## Sourcegraph through ingress controllers: Traefik, built from its module; HAProxy's with INGRESS_HAPROXY and HAPROXY, the programs
	INGRESS_TRAEFIK=$(CURDIR)/bin/traefik $(MAKE) e2e RUN=TestClusterIngressController

kubernetes: ## Kubernetes clusters on this machine: simulated nodes, and a real one (the first time, they are built from source)
	testbed/kubernetes up control && testbed/kubernetes up node

# The versions of Kubernetes that the test bed can build, beside the one that everything else is tested on.
MINORS ?= v1.34.4 v1.37.2

test-minors: ## the life of an installation on other versions of Kubernetes (builds each from source)
	set -e; for v in $(MINORS); do \
	  testbed/kubernetes down control --purge; KUBE_VERSION=$$v $(MAKE) e2e RUN=TestClusterLife; \
	done; testbed/kubernetes down control --purge

# Walks begin with SEED; ON is compose or kubernetes. WALK='new 6.0.0; up' replays one, SHRINK=9 shrinks it.
ON ?= compose

walks: ## random walks of what admins do (SEED, WALKS, STEPS, ON, WALK, SHRINK)
	SEED='$(SEED)' WALKS='$(WALKS)' STEPS='$(STEPS)' WALK='$(WALK)' SHRINK='$(SHRINK)' $(MAKE) e2e RUN=Test$(if $(filter kubernetes,$(ON)),Cluster)Walks

# What came of it stands in internal/config/reference/loads.yaml, and on the page of the size: sizes above XL are for clusters alone.
load: ## the load of sizes, as far as this machine goes, and their nodes simulated, into docs/reference-architectures (SIZE='XS S', DURATION=120)
	set -e; export DURATION='$(DURATION)' LOADS='$(CURDIR)/internal/config/reference/loads.yaml'; \
	  for size in $(or $(SIZE),XS); do size=$$(echo $$size | tr a-z A-Z); \
	    case $$size in 2XL|3XL) ;; *) $(MAKE) e2e RUN=TestLoad SIZE=$$size ;; esac; $(MAKE) e2e RUN=TestClusterLoad SIZE=$$size; \
	  done
	$(MAKE) gen

redact: ## hide a million secrets, and a million names, in forms within forms, and find none (about half an hour)
	BERTH_TRIES=1000000 $(GO) test -count=1 -timeout 2h -run TestHidden ./internal/bundle/redact

move-pause: ## how long nothing can be written during a move, with and without a short downtime (SIZES='500MB 1500MB 3GB')
	SIZES='$(SIZES)' $(MAKE) e2e RUN=TestMovePause

bundle-bench: ## 500 MB of logs into a bundle: the time beside that of tar --zstd, and the memory
	BERTH_THROUGHPUT=1 $(GO) test -count=1 -v -run TestThroughput ./internal/bundle

race: ## tests without an engine under the race detector
	BERTH_KILLS=1 BERTH_WALKS=1 $(GO) test -race -timeout 30m ./...

portable: # berth compiles for the system that differs most from those that run here; release-test builds it for all
	GOOS=windows CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/berth

# A release: KEY is the publisher's secret key of minisign, URL the folder that the files will be published in, LIST the releases.json of the last one.
RELEASE ?= $(patsubst v%,%,$(shell git describe --tags --exact-match 2>/dev/null || echo 0.0.0-dev.$$(git rev-parse --short HEAD)))
KEY ?=
URL ?=
LIST ?=
DIST ?= dist
HERE ?=

release: ## all files of a release in dist/ (RELEASE=0.4.0 KEY=minisign.key URL=https://...); HERE=1: for this machine alone
	@test -z "$$(git status --porcelain)" || echo 'there are changes that are not committed: nobody can build these files again'
	cd release && $(GO) run . --version '$(RELEASE)' --commit "$$(git rev-parse --short HEAD)" --time "$$(git log -1 --format=%ct)" \
	  $(if $(KEY),--key '$(abspath $(KEY))') $(if $(URL),--url '$(URL)') $(if $(LIST),--list '$(abspath $(LIST))') \
	  $(if $(HERE),--here) --out '$(abspath $(DIST))'

packagers: # programs that install and copy what a release has
	@command -v dnf >/dev/null && command -v skopeo >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends dnf skopeo >/dev/null; }

release-test: ## the files of a release, built twice and used (about ten minutes)
	cd release && BERTH_RELEASE=1 $(GO) test -count=1 -timeout 1h -v .

lint: ## gofmt, no large files, go vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@large=$$(git ls-files -z | xargs -0 du -k | awk '$$1 > 1024'); test -z "$$large" || { echo "too large for the repository:"; echo "$$large"; exit 1; }
	$(GO) vet ./... && $(GO) vet -tags next,forks ./internal/cli && $(GO) vet -tags editors ./internal/config/reference ./cmd/berth && $(GO) vet -tags e2e ./e2e/... && cd testbed && $(GO) vet -tags engine ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(STATICCHECK) -tags e2e ./e2e/...
	cd testbed && $(GO) run $(STATICCHECK) -tags engine ./...
	cd testbed/provider && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	$(GO) vet -tags scale ./cmd/berth-hq && $(GO) run $(STATICCHECK) -tags scale ./cmd/berth-hq
	cd release && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	cd site && $(GO) vet -tags browser ./... && $(GO) run $(STATICCHECK) -tags browser ./...

vuln: ## known vulnerabilities; needs the Go vulnerability database
	$(GO) run $(GOVULNCHECK) ./...

gen: ## regenerate the generated references and schemas
	$(GO) test ./catalogue ./internal/arch ./internal/config/check ./internal/config/reference ./internal/doctor -update

golden: ## regenerate golden files; read the difference before you commit it
	$(GO) test ./catalogue ./internal/config/check ./internal/config/reference ./internal/stack ./internal/render/agent ./internal/render/compose ./internal/render/kubernetes ./internal/cli -update

bench: build testbed bin/helm bin/kustomize ## measure side by side against the tools that people use today
	testbed/kubernetes up control
	eval "$$(testbed/engine env)" && eval "$$(testbed/kubernetes env control)" && bench/run start render engine kubernetes upgrade
	testbed/kubernetes up node
	eval "$$(testbed/kubernetes env node)" && bench/run upgrade-kubernetes

size: build ## what the binary weighs, and what it does before main
	@ls -l bin/berth | awk '{printf "%.1f MB\n", $$5/1000000}'
	@GODEBUG=inittrace=1 bin/berth help 2>&1 >/dev/null | sort -k5 -rn | head -5

demo: ## all of Sourcegraph's services with stand-in images on this machine, and a search
	testbed/demo up

demo-kubernetes: ## the same on a real Kubernetes node of this machine
	testbed/demo up kubernetes

demo-hq: postgres ## berth-hq with PostgreSQL and a simulated fleet of 300 installations over 18 months, in a browser
	testbed/demo-hq up

demo-hq-down: ## take it away, with its database
	testbed/demo-hq down

hq-browser: bin/axe/node_modules/axe-core chromium demo-hq ## the pages of berth-hq in a real Chromium: desk, dark, phone, keyboard, accessibility
	cd site && HQ=/tmp/berth-demo-hq AXE=$(CURDIR)/bin/axe/node_modules/axe-core/axe.min.js $(GO) test $(TESTFLAGS) -count=1 -tags browser -timeout 1h -run TestHQInABrowser .
	testbed/demo-hq down

console-browser: bin/axe/node_modules/axe-core chromium ## the pages of berth console in a real Chromium: desk, dark, phone, keyboard, accessibility
	cd site && AXE=$(CURDIR)/bin/axe/node_modules/axe-core/axe.min.js $(GO) test $(TESTFLAGS) -count=1 -tags browser -timeout 1h -run TestConsoleInABrowser .

hq-scale: postgres ## what berth-hq takes with 100,000 installations over two years and what faults do to it, into docs/hq.md (half an hour, 12 GB of disk in /tmp); HQ_SCALE=2000 for a look
	$(GO) test -tags scale -count=1 -timeout 3h -v -run TestScale ./cmd/berth-hq

adopt-numbers: ## how much of forks and manifests berth adopt understands, into docs/adopt-compose.md and docs/adopt-kustomize.md; FORKS=DIR has a folder for each
	FORKS="$(abspath $(FORKS))" $(GO) test -tags forks -count=1 -v -run TestUnderstood ./internal/cli

demo-down: ## take the demos away, with all that they brought up
	testbed/demo down
	testbed/demo down kubernetes

.PHONY: help build man docs load chromium move-pause docs-browser postgres unit testbed e2e test test-engine test-kubernetes test-minors next editors shells ingress kubernetes walks race portable release packagers release-test lint vuln gen golden bench size demo demo-kubernetes demo-hq demo-hq-down hq-browser hq-scale adopt-numbers console-browser demo-down
