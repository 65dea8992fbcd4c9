#!/usr/bin/env bash
# Makes everything that is generated from its sources.
set -euo pipefail
cd "$(dirname "$0")/.."
tools() { go run -C hack/tools . "$@"; }
controller_gen=$(tools controller-gen)
crd_ref_docs=$(tools crd-ref-docs)
helm_docs=$(tools helm-docs)

"$controller_gen" object crd applyconfiguration paths=./api/... output:crd:dir=config/crd/bases
"$controller_gen" rbac:roleName=fileserver-operator paths=./controllers/... output:rbac:dir=config/rbac

chart=charts/fileserver-operator
rm -rf "$chart/files"
mkdir -p "$chart/files/crds"
cp config/crd/bases/*.yaml "$chart/files/crds/"
cp config/rbac/role.yaml config/rbac/aggregate_roles.yaml config/prometheus/rules.yaml config/prometheus/dashboard.json "$chart/files/"
"$helm_docs" --chart-search-root=charts --log-level=warning

"$crd_ref_docs" --source-path=api/v1alpha1 --config=hack/reference.yaml --renderer=markdown \
  --output-path=docs/reference.md --log-level=ERROR
# It shows rules in CEL for items alone, and Markdown reads their patterns as links.
sed -i 's|items:XValidation: .*<nil>\\} <br />||' docs/reference.md
