package v1alpha1

import "time"

// Duration is a length of time in Go's notation: "90s", "5m", "1h30m".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="this is not a duration: write one such as 90s, 5m or 1h30m"
type Duration string

// Or is the duration; def, where none is given.
func (d Duration) Or(def time.Duration) time.Duration {
	v, err := time.ParseDuration(string(d))
	if err != nil {
		return def
	}
	return v
}
