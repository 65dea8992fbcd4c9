#!/usr/bin/env bash
# Runs every fuzz target in turn: hack/fuzz.sh [TIME EACH]
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fuzz() { # fuzz PACKAGE TARGET
  go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" 2>&1 | tee "$log" && return
  # Now and then go test takes the end of its time for a failure. What it finds
  # it always writes to a file.
  grep -q '^    context deadline exceeded$' "$log" && ! grep -q 'Failing input written' "$log"
}

packages=$(go list -f '{{.Dir}} {{.ImportPath}}' ./...)
while read -r dir package; do
  grep -lqs '^func Fuzz' "$dir"/*_test.go || continue
  targets=$(go test -list '^Fuzz' "$package")
  for target in $(grep '^Fuzz' <<<"$targets"); do
    echo "== $package $target $time"
    fuzz "$package" "$target"
  done
done <<<"$packages"
