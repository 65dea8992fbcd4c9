package v1alpha1

// Labels that the operator puts on what it makes. The recommended labels
// (app.kubernetes.io/name, instance, managed-by) stand beside them.
const (
	// LabelServer names the FileServer that an object belongs to.
	LabelServer = Group + "/server"
	// LabelUser names the FileServerUser that a Secret belongs to.
	LabelUser = Group + "/user"
	// LabelSlot is the number of the slot of a Deployment and its pod.
	LabelSlot = Group + "/slot"
	// LabelManaged is "true" on all that the operator makes; it watches
	// only objects that have it.
	LabelManaged = Group + "/managed"
)

// Annotations that the operator writes.
const (
	// AnnotationFields, on what the operator applies, tells which fields it
	// applied, so that it notices when it wants fewer.
	AnnotationFields = Group + "/applied-fields"
	// AnnotationTemplate, on a Deployment, identifies the pod template that
	// its slot runs. Slots with another one are outdated.
	AnnotationTemplate = Group + "/template"
	// AnnotationPassivePorts, on a Deployment and its pod, is the slice of
	// the passive range that the slot owns, as "first-last".
	AnnotationPassivePorts = Group + "/passive-ports"
	// AnnotationRefresh, on a pod, changes when a mounted file has changed:
	// the kubelet refreshes mounts whenever the pod changes.
	AnnotationRefresh = Group + "/refresh"
)

// AnnotationPaused with the value "true" on a FileServer has the operator leave
// all as it is until it is removed. It is the one annotation that people write.
const AnnotationPaused = Group + "/paused"

// LabelTrue is the value of labels that are only ever set.
const LabelTrue = "true"
