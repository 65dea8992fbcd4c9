package v1alpha1

// Types of conditions, as kstatus (and with it Helm, Flux and others) reads
// them: Stalled=True is failed, Reconciling=True is in progress.
const (
	// ConditionReady is True when clients can connect and transfer files;
	// of a user, when the user can log in.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the operator works or waits.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when nothing will change by itself.
	ConditionStalled = "Stalled"
	// ConditionActiveMode is True when active data connections come from the
	// address to which clients connect, as strict clients want it.
	ConditionActiveMode = "ActiveMode"
	// ConditionPaused is True, and there only then, while the operator leaves
	// the FileServer and its users as they are.
	ConditionPaused = "Paused"
	// ConditionWideRange is True, and there only then, when the Service has so
	// many ports that other pods of the namespace may suffer from it.
	ConditionWideRange = "WideRange"
	// ConditionEventsDelivered is there where the spec has events. It is True while
	// the sink takes them.
	ConditionEventsDelivered = "EventsDelivered"
)

// Reasons of the condition EventsDelivered.
const (
	// ReasonDelivered: the sink takes all events.
	ReasonDelivered = "Delivered"
	// ReasonSinkFailing: the sink takes no events; they are kept, and tried again.
	ReasonSinkFailing = "SinkFailing"
	// ReasonOutboxFull: so many events are kept that uploads are refused.
	ReasonOutboxFull = "OutboxFull"
	// ReasonDeadLetters: the sink has refused events for good.
	ReasonDeadLetters = "DeadLetters"
)

// Reasons of the conditions ActiveMode and WideRange.
const (
	// ReasonSameAddress: data connections come from where clients connect.
	ReasonSameAddress = "SameAddress"
	// ReasonOtherAddress: they come from another address.
	ReasonOtherAddress = "OtherAddress"
	// ReasonAddressesHidden: the server does not see the addresses of clients,
	// and so refuses active mode unless the spec allows it.
	ReasonAddressesHidden = "AddressesHidden"
	// ReasonActiveModeRefused: the spec refuses active mode.
	ReasonActiveModeRefused = "ActiveModeRefused"
	// ReasonServiceLinks: Kubernetes puts variables for each port of a Service
	// into the pods of its namespace.
	ReasonServiceLinks = "ServiceLinks"
)

// ReasonPaused is the reason of the condition Paused: an annotation wants it.
const ReasonPaused = "Paused"

// Reasons of a FileServer's conditions.
const (
	// ReasonReady: clients can connect.
	ReasonReady = "Ready"
	// ReasonProgressing: pods are starting, or being replaced.
	ReasonProgressing = "Progressing"
	// ReasonScaledToZero: replicas is 0, so nobody can connect.
	ReasonScaledToZero = "ScaledToZero"
	// ReasonAddressPending: the Service has no address yet.
	ReasonAddressPending = "AddressPending"
	// ReasonSecretNotFound: a Secret that the spec names does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretInvalid: a Secret that the spec names lacks what is needed.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonClaimNotFound: the claim that the spec names does not exist.
	ReasonClaimNotFound = "ClaimNotFound"
	// ReasonClaimPending: the claim has no volume yet.
	ReasonClaimPending = "ClaimPending"
	// ReasonImagePullFailed: the image cannot be pulled.
	ReasonImagePullFailed = "ImagePullFailed"
	// ReasonUnschedulable: no node takes a pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonCrashLooping: the server ends again and again.
	ReasonCrashLooping = "CrashLooping"
	// ReasonPodsRefused: the cluster refuses the pods (a quota, a policy).
	ReasonPodsRefused = "PodsRefused"
	// ReasonMountFailed: a pod cannot get one of its volumes.
	ReasonMountFailed = "MountFailed"
	// ReasonVolumeDenied: the files belong to somebody else, and the server may
	// not use them as users need it.
	ReasonVolumeDenied = "VolumeDenied"
	// ReasonBucketNotFound: the bucket that the spec names does not exist.
	ReasonBucketNotFound = "BucketNotFound"
	// ReasonBucketDenied: the store refuses the credentials, or one of the requests
	// that the server has to make.
	ReasonBucketDenied = "BucketDenied"
	// ReasonBucketUnreachable: the store gives no answer that can be used.
	ReasonBucketUnreachable = "BucketUnreachable"
	// ReasonNameTaken: an object that the operator would make exists and
	// belongs to somebody else.
	ReasonNameTaken = "NameTaken"
	// ReasonApplyRefused: the API server refuses an object.
	ReasonApplyRefused = "ApplyRefused"
	// ReasonNodePortsExhausted: the cluster has no node ports left.
	ReasonNodePortsExhausted = "NodePortsExhausted"
	// ReasonLeftover: an object of a deleted owner of the same name is in the
	// way until the garbage collector has removed it.
	ReasonLeftover = "Leftover"
	// ReasonRetrying: something failed that may succeed later, and is tried
	// again; the message has the error.
	ReasonRetrying = "Retrying"
	// ReasonClaimDiffers: the claim that exists has not what the spec wants, and
	// that cannot be changed.
	ReasonClaimDiffers = "ClaimDiffers"
	// ReasonInvalidConfiguration: the configuration would not be valid.
	ReasonInvalidConfiguration = "InvalidConfiguration"
	// ReasonConfigurationRefused: a pod refuses the configuration it got.
	ReasonConfigurationRefused = "ConfigurationRefused"
	// ReasonPodsUnreachable: a pod serves, and the operator cannot ask it what it
	// has loaded.
	ReasonPodsUnreachable = "PodsUnreachable"
	// ReasonCertificatePending: cert-manager has not issued the certificate.
	ReasonCertificatePending = "CertificatePending"
	// ReasonHostNameMissing: an issuer is named, but no host name for which a
	// certificate could be asked for is known.
	ReasonHostNameMissing = "HostNameMissing"
	// ReasonCertManagerMissing: an issuer is named, but there is no cert-manager.
	ReasonCertManagerMissing = "CertManagerMissing"
	// ReasonTopologyConflict: replicas, volume and exposure contradict each other.
	ReasonTopologyConflict = "TopologyConflict"
)

// Reasons of a FileServerUser's conditions, besides SecretNotFound,
// SecretInvalid, NameTaken and PodsUnreachable.
const (
	// ReasonLoaded: every pod of the server knows the user as described.
	ReasonLoaded = "Loaded"
	// ReasonLoading: some pod has not loaded the user yet.
	ReasonLoading = "Loading"
	// ReasonServerNotFound: the server does not exist.
	ReasonServerNotFound = "ServerNotFound"
	// ReasonServerNotReady: no pod of the server runs.
	ReasonServerNotReady = "ServerNotReady"
	// ReasonUsernameTaken: an older user of the server has the name.
	ReasonUsernameTaken = "UsernameTaken"
	// ReasonTooManyUsers: the accounts of older users take all the room that a
	// server has for accounts.
	ReasonTooManyUsers = "TooManyUsers"
	// ReasonConfigMapNotFound: a ConfigMap that the spec names does not exist.
	ReasonConfigMapNotFound = "ConfigMapNotFound"
	// ReasonKeyInvalid: an authorized key cannot be read.
	ReasonKeyInvalid = "KeyInvalid"
	// ReasonProtocolNotServed: none of the user's protocols is served.
	ReasonProtocolNotServed = "ProtocolNotServed"
	// ReasonSuspended: the user is suspended.
	ReasonSuspended = "Suspended"
	// ReasonExpired: the user's time is over.
	ReasonExpired = "Expired"
)
