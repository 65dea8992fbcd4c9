#!/usr/bin/env bash
# Runs every fuzz target in turn: hack/fuzz.sh [TIME EACH]
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
packages=$(go list -f '{{.Dir}} {{.ImportPath}}' ./...)
while read -r dir package; do
  grep -lqs '^func Fuzz' "$dir"/*_test.go || continue
  targets=$(go test -list '^Fuzz' "$package")
  for target in $(grep '^Fuzz' <<<"$targets"); do
    echo "== $package $target $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
  done
done <<<"$packages"
