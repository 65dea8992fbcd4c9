// Package v1alpha1 is the API: FileServer and FileServerUser of the group
// fileserver.dev.
//
// Every default stands beside its field, and so does every rule that the API
// server checks (CEL), so that nothing else has to be installed and a manifest
// that cannot work is refused when it is applied.
//
// A field that chooses one of several alternatives (protocols, storage, tls)
// has no default in the schema, although leaving it out means something: a
// default would be stored, and would stay beside the alternative that a later
// apply chooses. The methods of [FileServerSpec] say what absence means.
//
// The generated files come from controller-gen, run in the repository's root:
//
//	controller-gen object crd applyconfiguration paths=./api/... output:crd:dir=config/crd/bases
//	controller-gen rbac:roleName=fileserver-operator paths=./controllers/... output:rbac:dir=config/rbac
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="applyconfiguration"
// +groupName=fileserver.dev
package v1alpha1
