#!/usr/bin/env bash
# Runs every fuzz target in turn: hack/fuzz.sh [TIME EACH]
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
go list -f '{{.Dir}} {{.ImportPath}}' ./... | while read -r dir package; do
  grep -lqs '^func Fuzz' "$dir"/*_test.go || continue
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz'); do
    echo "== $package $target $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
  done
done
