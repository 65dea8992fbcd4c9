#!/usr/bin/env bash
# Builds the images twice, the second time in a folder of another name and with an empty
# cache, and fails unless their digests are the same.
set -euo pipefail
cd "$(dirname "$0")/.."
other=$(mktemp -d)
trap 'chmod -R u+w "$other"; rm -rf "$other"' EXIT
mkdir "$other/elsewhere"
git ls-files -z | tar --create --null --files-from=- | tar --extract --directory="$other/elsewhere"
first=$(make --no-print-directory --silent release-images "$@" | grep @sha256:)
second=$(cd "$other/elsewhere" && GOCACHE="$other/cache" make --no-print-directory --silent release-images "$@" | grep @sha256:)
echo "$first"
if [ "$first" != "$second" ]; then
  echo "a second build gives" "$second"
  exit 1
fi
