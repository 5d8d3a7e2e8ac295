# The commands of the README. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO_MIN   := 1.26
NODE_MIN := 20
BIN      := bin/yunduo
TOOLS    := $(CURDIR)/.cache/tools
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
NPM      := npm --no-audit --no-fund --loglevel=error --omit-lockfile-registry-resolved
MINGO    := data/documents/documentstest/mingo
CONSOLE  := console/dist/index.html
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: help run test build build-all console generate lint check-tools bench clean soak conformance-page conformance go-test js-test sdk-test driver-test browser-test compatibility-page

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

check-tools:
	@scripts/check-tools $(GO_MIN) $(NODE_MIN)

run: build ## set everything up and start the platform with the example project
	@exec $(BIN) dev examples/notes

build: check-tools $(CONSOLE) ## build bin/yunduo with its console
	@go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/yunduo

build-all: check-tools $(CONSOLE) ## cross-compile for every platform into bin/
	@for p in $(PLATFORMS); do os=$${p%/*}; arch=$${p#*/}; ext=; [ $$os = windows ] && ext=.exe; \
	  echo "  $$os/$$arch"; CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags '$(LDFLAGS)' -o bin/yunduo-$$os-$$arch$$ext ./cmd/yunduo || exit 1; done

console: $(CONSOLE)

CONSOLE_SOURCES := $(shell find console/src -type f 2>/dev/null) console/package.json console/package-lock.json console/vite.config.ts console/index.html
$(CONSOLE): $(CONSOLE_SOURCES)
	@echo "building the console ..."
	@cd console && $(NPM) ci && npm run --silent build

generate: ## regenerate what is generated from wire/errors.json and data/query/language
	@go generate .

test: build go-test js-test sdk-test driver-test browser-test lint ## install what tests need and run everything

go-test:
	@scripts/check-disk 5000
	@echo "== Go, with the race detector"
	@cd $(MINGO) && $(NPM) ci
	@go vet ./...
	@go test -race -vet=off -ldflags='-s -w' -timeout 15m ./...
	@cd bench && go vet ./... && go test ./...

conformance-page: ## write docs/conformance.md from the results of the cases
	@YUNDUO_UPDATE=1 go test -count 1 -p 1 -run '^(TestEngine|TestSuite)$$/^Cases$$' ./data/documents/embedded ./data/documents/mongodb

SOAK ?= 10m
NODES ?= 20 22 24
soak: check-tools ## random tests of the document store, SOAK=10m for each, with a seed of the moment; functions on each Node.js
	@cd $(MINGO) && $(NPM) ci
	@export YUNDUO_SOAK=$(SOAK) YUNDUO_SEED=$${YUNDUO_SEED:-$$(date +%s)} && \
	  go test -count 1 -timeout 0 -v -run '^(TestDifferential|TestKeysOrderAsValues|TestFromKey|TestKill|TestCrash|TestCrash_ExactState|TestFaults_ExactState)$$' \
	    ./data/query/value ./data/documents/documentstest ./data/documents/embedded && \
	  go test -count 1 -timeout 0 -v -run '^TestEngine$$/^Model$$' ./data/documents/embedded && \
	  scripts/node-versions $(NODES)

js-test:
	@echo "== JavaScript SDK"
	@cd sdk/js && $(NPM) ci && npm test --silent

conformance: check-tools ## run the engine suite on the MongoDB at MONGODB_URI and print what differs
	@[ -n "$(MONGODB_URI)" ] || { echo "usage: make conformance MONGODB_URI=mongodb://..."; exit 1; }
	@YUNDUO_TEST_MONGODB='$(MONGODB_URI)' go test -count=1 -timeout 60m ./data/documents/mongodb -run TestSuite > .conformance.log 2>&1; status=$$?; \
	  grep -E '^ *--- FAIL|^ok|^FAIL' .conformance.log; echo "details: .conformance.log"; exit $$status

driver-test: build
	@echo "== MongoDB drivers"
	@cd e2e/drivers && $(NPM) ci && npm test --silent

sdk-test: build
	@echo "== official client SDKs"
	@scripts/sdk-test $(BIN)

compatibility-page: build ## write docs/compatibility.md from what the official SDKs' tests find
	@scripts/sdk-test $(BIN) --write

browser-test: build
	@echo "== browser"
	@scripts/browser-test $(BIN)

lint: ## gofmt, golangci-lint, known vulnerabilities, unused modules
	@scripts/lint $(TOOLS)

bench: build ## run the benchmarks recorded in docs/benchmarks.md
	@scripts/bench

clean: ## remove what was built
	@rm -rf bin .cache console/dist/assets console/dist/index.html
