#!/usr/bin/env bash
# All gates that need no cluster. Each prints a line; one that fails prints what
# it found, and how to mend it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

# What the gates need is built here, where its progress can be seen.
tools=$(go run -C hack/tools . helm helm-unittest golangci-lint controller-gen crd-ref-docs helm-docs) || exit
{ read -r helm; read -r unittest; read -r lint; } <<<"$tools"
assets=${KUBEBUILDER_ASSETS:-$(go run -C hack ./cluster assets)} || exit

failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

gate() { # gate NAME HOW-TO-MEND COMMAND...
  local name=$1 mend=$2 start=$SECONDS
  shift 2
  if "$@" >"$out" 2>&1; then
    printf 'ok    %s (%d s)\n' "$name" $((SECONDS - start))
  else
    printf 'FAIL  %s: %s\n' "$name" "$mend"
    tail -n 60 "$out" | sed 's/^/      /'
    failed=1
  fi
}

generated() { # made anew in a copy, so that nothing changes here, and nothing stale is left
  local copy status=0
  copy=$(mktemp -d)
  git ls-files -z --cached --others --exclude-standard |
    tar --create --null --files-from=- --ignore-failed-read 2>/dev/null | tar --extract --directory="$copy" &&
    git -C "$copy" init --quiet && git -C "$copy" add --all &&
    rm -r "$copy"/config/crd/bases "$copy"/api/v1alpha1/applyconfiguration "$copy"/docs/reference.md &&
    "$copy"/hack/generate.sh && git -C "$copy" add --intent-to-add . &&
    git -C "$copy" --no-pager diff --exit-code || status=1
  rm -rf "$copy"
  return $status
}

formatted() {
  local files
  files=$(gofmt -l $(git ls-files '*.go'))
  [ -z "$files" ] || { echo "$files"; return 1; }
}

tidy() { go mod tidy -diff && go -C hack mod tidy -diff && go -C hack/tools mod tidy -diff && go -C hack/lint mod tidy -diff && go -C hack/unittest mod tidy -diff && go -C hack/krew mod tidy -diff && go -C hack/sbom mod tidy -diff; }

vetted() { go vet ./... && go vet -tags e2e ./test/... && go -C hack vet ./...; }

elsewhere() { GOOS=darwin go build ./server/ftp/... ./server/sftp; }

linted() { "$lint" run ./... && (cd hack && "$lint" run --config ../.golangci.yml ./...); }

charts() { "$helm" lint --strict charts/fileserver-operator && "$unittest" charts/fileserver-operator; }

manifests() { HELM=$helm KUBEBUILDER_ASSETS=$assets go test -count=1 ./test/manifests; }

shells() { local f; for f in .ci/run $(git ls-files '*.sh'); do bash -n "$f" || return; done; }

gate "format" "make fmt" formatted
gate "modules are tidy" "go mod tidy in the folder that differs" tidy
gate "generated files are current" "make generate, and commit what it changes" generated
gate "vet" "see the lines below" vetted
gate "the libraries build on other systems than Linux" "a file _other.go has what they lack" elsewhere
gate "import rules" "see docs/architecture.md for who may import whom" go test -count=1 .
gate "lint" "make lint" linted
gate "charts" "see the lines below" charts
gate "manifests and documents are what the API server takes" "see the lines below" manifests
gate "shell scripts" "see the lines below" shells
exit $failed
