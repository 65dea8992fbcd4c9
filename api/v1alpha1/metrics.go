package v1alpha1

// PortMetrics is the default port of the metrics.
const PortMetrics int32 = 9090

// Metrics says where the pods tell of themselves.
type Metrics struct {
	// port is where the pods serve metrics, the probes of the kubelet, and for the
	// operator what they have loaded; default 9090. Its name in the pods is
	// http-metrics. On the host network it is a port of the node, which others on
	// the node may use already; it is opened at the node's own address alone
	// there. It must be above 1023. A change replaces the pods, without a cut.
	// +optional
	// +kubebuilder:default=9090
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// MetricsPort is the port of the metrics, as given or by default.
func (s *FileServerSpec) MetricsPort() int32 {
	if s.Metrics.Port != 0 {
		return s.Metrics.Port
	}
	return PortMetrics
}
