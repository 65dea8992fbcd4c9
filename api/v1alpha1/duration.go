package v1alpha1

import "time"

// Duration is a length of time in Go's notation: "90s", "5m", "1h30m". It is
// above zero, since zero would be read as "none" by some and as "no limit" by
// others.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="this is not a duration: write one such as 90s, 5m or 1h30m"
// +kubebuilder:validation:XValidation:rule="self.matches('[1-9]') || !self.matches('^[0-9]')",message="this is no time at all: write a duration above zero, such as 90s, or leave the field out for its default"
type Duration string

// Timeout is a [Duration], or "Never".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self == 'Never' || self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="this is neither a duration nor Never: write one such as 90s, 5m or 1h30m, or Never"
// +kubebuilder:validation:XValidation:rule="self.matches('[1-9]') || !self.matches('^[0-9]')",message="this is no time at all: write a duration above zero, such as 90s, or Never, or leave the field out for its default"
type Timeout string

// Never is the [Timeout] that does not come.
const Never Timeout = "Never"

// forever is what [Never] comes to: longer than any pod runs, and short enough
// that sums of it, in nanoseconds, are numbers still.
const forever = 10 * 365 * 24 * time.Hour

// Or is the duration; def, where none is given.
func (d Duration) Or(def time.Duration) time.Duration {
	v, err := time.ParseDuration(string(d))
	if err != nil || v <= 0 {
		return def
	}
	return v
}

// Or is the duration, and ten years for Never; def, where none is given.
func (t Timeout) Or(def time.Duration) time.Duration {
	if t == Never {
		return forever
	}
	return Duration(t).Or(def)
}
