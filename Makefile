# Thin names for the commands that matter; each works without make.

COMPOSE ?= docker compose
FUZZTIME ?= 20s
MODULES := proto bus services test

.PHONY: build release test race lint fmt golden fuzz bench bench-gateway jose-test browser-test clients-test terraform-test demo ci compose-build compose-up compose-down compose-test

build: ## every binary, into bin/
	mkdir -p bin && go build -trimpath -o bin/ ./services/cmd/...

release: ## archives of plumb for each platform, with checksums, into dist/; IMAGES=1 builds the images too
	go run ./test/release --out dist $(if $(IMAGES),--images)

test:
	go test work

race:
	go test -race work

lint:
	test -z "$$(gofmt -l $(MODULES))"
	@set -e; for module in $(MODULES); do \
	  (cd $$module && go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run --timeout 30m ./...); \
	done

fmt:
	gofmt -w $(MODULES)

golden: ## write every golden file, generated test and table in documents again
	cd proto && go test . -run TestWireBytes -update
	cd bus && go test ./topology -update
	cd services && go test ./internal/cli -run TestScripts -update
	cd services && go test ./sample -run TestDevicesAreAsMade -update
	cd services && go test ./api -run 'TestServedDescription|TestGoldenResponses' -update
	cd services && go test ./plumb/apply -run TestDescribedMembers -update
	cd services && go test ./plumb/command -run 'TestScripts|TestCommands' -update
	cd test && go test ./sdk/v7/port_test.go -update # the file alone: the package compiles Cloudflare's SDK
	cd test && go test ./docs -run TestCompatibilityTable -update

fuzz: ## every fuzz target for $(FUZZTIME)
	bash .ci/fuzz $(FUZZTIME) guided

bench:
	go run ./test/bench --devices 100000 --json

bench-gateway: ## CADDY=path measures Caddy too
	go run ./test/bench gateway $(if $(CADDY),--caddy $(CADDY))

jose-test: ## needs Python with PyJWT
	cd test && go test -tags jose -count=1 -timeout 10m -v ./jose

browser-test: ## needs Chromium, Node.js and npm
	cd test && go test -tags browser -count=1 -timeout 10m -v ./browser ./console

clients-test: ## needs Node.js, npm, Python with python-cloudflare, and curl
	cd test && go test -tags clients -count=1 -timeout 10m -v ./clients

terraform-test: ## needs Terraform; builds Cloudflare's provider, once
	cd test && go test -tags terraform -count=1 -timeout 90m -v ./terraform

demo:
	go run ./services/cmd/plumb demo

ci: ## what a change must pass
	bash .ci/run

compose-build:
	$(COMPOSE) -f deploy/compose.yaml build

compose-up:
	$(COMPOSE) -f deploy/compose.yaml up --build --scale fetcher=3

compose-down:
	$(COMPOSE) -f deploy/compose.yaml down

compose-test:
	cd test && go test -tags compose -count=1 -timeout 30m -v ./compose
