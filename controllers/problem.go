package controllers

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// problem is why an object is not as wanted: a reason, and a sentence that
// says what to do.
type problem struct {
	reason  string
	message string
	// stalled is true if waiting does not help.
	stalled bool
}

// waiting is a problem that the cluster may solve by itself.
func waiting(reason, format string, args ...any) *problem {
	return &problem{reason: reason, message: fmt.Sprintf(format, args...)}
}

// stalled is a problem that stays until somebody does something.
func stalled(reason, format string, args ...any) *problem {
	return &problem{reason: reason, message: fmt.Sprintf(format, args...), stalled: true}
}

// refused turns an error of an apply that no repetition heals into a problem.
func refused(err error) *problem {
	switch {
	case err == nil:
		return nil
	case isNameTaken(err):
		return stalled(v1alpha1.ReasonNameTaken, "%v: rename or delete that object, or give this one another name.", err)
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return stalled(v1alpha1.ReasonApplyRefused, "The cluster refuses an object: %v.", err)
	}
	return nil
}
