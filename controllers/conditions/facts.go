package conditions

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// ActiveMode is what decides whether active mode suits strict clients. That is
// a fact about the exposure, and no failure.
type ActiveMode struct {
	Served  bool   // there is FTP
	Hidden  bool   // the exposure hides the addresses of clients
	Refused bool   // the server opens no data connection
	From    string // where data connections come from, if from another address
}

var activeMode = chain[ActiveMode, *metav1.Condition]{
	noFTP,
	addressesAreHiddenAndActiveModeRefused,
	addressesAreHidden,
	activeModeIsRefused,
	fromAnotherAddress,
	fromTheSameAddress,
}

func noFTP(a ActiveMode) (*metav1.Condition, bool) { return nil, !a.Served }

func addressesAreHiddenAndActiveModeRefused(a ActiveMode) (*metav1.Condition, bool) {
	return inactive(v1alpha1.ReasonAddressesHidden, "The exposure hides the addresses of clients, and active data connections would go to nodes in their place, so they are refused: clients must use passive mode, or set the externalTrafficPolicy under expose to Local."), a.Hidden && a.Refused
}

func addressesAreHidden(a ActiveMode) (*metav1.Condition, bool) {
	return inactive(v1alpha1.ReasonAddressesHidden, "The exposure hides the addresses of clients unless your network keeps them, and spec.activeMode allows active mode all the same: if it does hide them, any user can have the server connect to ports of the nodes. Leave activeMode out, or set the externalTrafficPolicy under expose to Local."), a.Hidden
}

func activeModeIsRefused(a ActiveMode) (*metav1.Condition, bool) {
	return inactive(v1alpha1.ReasonActiveModeRefused, "Active mode is refused, as spec.activeMode wants: clients must use passive mode."), a.Refused
}

func fromAnotherAddress(a ActiveMode) (*metav1.Condition, bool) {
	return inactive(v1alpha1.ReasonOtherAddress, fmt.Sprintf("Active data connections come from %s; clients that want them from where they connected must use passive mode.", a.From)), a.From != ""
}

func fromTheSameAddress(ActiveMode) (*metav1.Condition, bool) {
	return fact(v1alpha1.ConditionActiveMode, true, v1alpha1.ReasonSameAddress, "Active data connections come from the address to which clients connect."), true
}

func inactive(reason, message string) *metav1.Condition {
	return fact(v1alpha1.ConditionActiveMode, false, reason, message)
}

func fact(kind string, yes bool, reason, message string) *metav1.Condition {
	c := condition(kind, yes, reason, message)
	return &c
}

// So many ports of a Service make some 5000 variables in each pod.
const manyPorts = 1000

// wideRange warns of what a Service with many ports does to others
// (kubernetes#84539).
var wideRange = chain[int, *metav1.Condition]{
	theRangeIsNarrow,
	theRangeIsWide,
}

func theRangeIsNarrow(ports int) (*metav1.Condition, bool) { return nil, ports <= manyPorts }

func theRangeIsWide(ports int) (*metav1.Condition, bool) {
	return fact(v1alpha1.ConditionWideRange, true, v1alpha1.ReasonServiceLinks,
		fmt.Sprintf("Kubernetes puts five variables for each of the %d passive ports into every pod of this namespace that does not set enableServiceLinks to false, and too many keep pods from starting: narrow passive.ports (a few ports serve many clients at once), or keep other pods elsewhere.", ports)), true
}
