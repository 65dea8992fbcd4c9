package v1alpha1

// Events says where the pods tell what clients have done to files, as CloudEvents 1.0 over HTTP, at
// least once each. An event is recorded with the files, on the volume or in the bucket, before
// anybody finds the file under its name. Adding and removing events replaces the pods, without a cut.
type Events struct {
	// sink is who receives the events.
	// +required
	Sink EventSink `json:"sink,omitzero"`

	// types are the events that are told: UploadCompleted, FileRenamed and FileDeleted; left
	// out, all. A change counts at once.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Types []EventType `json:"types,omitempty"`

	// paths are patterns of the files of which something is told, as users see them, such as
	// /inbox/** or /*.csv; left out, all. A star stands for any part of a name, and two for any
	// number of folders. What is renamed counts for both its names. A change counts at once.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.all(path, path.startsWith('/'))",message="a path does not begin with a slash: write a pattern such as /inbox/**"
	Paths []string `json:"paths,omitempty"`
}

// EventSink is who receives events: a Service or a URI.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.ref) || has(self.uri) && isURL(self.uri)",message="the sink has neither a ref nor the whole address in uri: write one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.ref) || !has(self.uri) || self.uri.startsWith('/') && !self.uri.startsWith('//')",message="with a ref, uri is a path below it, such as /events: write that, or remove ref"
// +kubebuilder:validation:XValidation:rule="!has(self.uri) || has(self.ref) || self.uri.startsWith('https://') || self.uri.startsWith('http://')",message="uri is no address of HTTP: write one such as https://intake.example.com/events"
// +kubebuilder:validation:XValidation:rule="!has(self.caBundle) || has(self.uri) && self.uri.startsWith('https://')",message="caBundle is for a sink with TLS: write a uri that begins with https://, or remove caBundle"
type EventSink struct {
	// ref names a Service in the namespace of the FileServer, which gets the events on its port 80.
	// +optional
	Ref *ServiceReference `json:"ref,omitempty"`

	// uri is the address, such as https://intake.example.com/events; with ref, a path there, such
	// as /events. It holds no password: see credentialsSecretRef. A change counts at once, also for events
	// that are not delivered yet.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="!self.contains('@') && !self.contains('#') && !self.matches('[[:space:][:cntrl:]]')",message="uri has a user's name, a fragment or a space: write credentials into credentialsSecretRef, and escape other characters (%40, %23, %20)"
	URI string `json:"uri,omitempty"`

	// caBundle has the certificates, in PEM, by which that of the sink is checked; left out,
	// those that are well known. A change counts at once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	// +kubebuilder:validation:XValidation:rule="self.contains('-----BEGIN CERTIFICATE-----')",message="this is not a certificate in PEM: write one that begins with -----BEGIN CERTIFICATE-----"
	CABundle string `json:"caBundle,omitempty"`

	// credentialsSecretRef names the Secret with what the sink asks for: the entry token, for
	// Bearer, or the entries username and password, for Basic. Changed entries count within about
	// a minute; another Secret replaces the pods, without a cut.
	// +optional
	CredentialsSecretRef *SecretReference `json:"credentialsSecretRef,omitempty"`
}

// ServiceReference names a Service.
type ServiceReference struct {
	// apiVersion is v1.
	// +optional
	// +kubebuilder:default=v1
	// +kubebuilder:validation:Enum=v1
	APIVersion string `json:"apiVersion,omitempty"`

	// kind is Service.
	// +optional
	// +kubebuilder:default=Service
	// +kubebuilder:validation:Enum=Service
	Kind string `json:"kind,omitempty"`

	// name of the Service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="this is not the name of a Service: it has small letters, digits and dashes, such as intake"
	Name string `json:"name,omitempty"`
}

// EventType is what has happened to a file.
// +kubebuilder:validation:Enum=UploadCompleted;FileRenamed;FileDeleted
type EventType string

const (
	// EventUploadCompleted is a file that was uploaded, or written to.
	EventUploadCompleted EventType = "UploadCompleted"
	// EventFileRenamed is a file or folder that a client has given another name.
	EventFileRenamed EventType = "FileRenamed"
	// EventFileDeleted is a file that a client has removed.
	EventFileDeleted EventType = "FileDeleted"
)
