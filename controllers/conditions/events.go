package conditions

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Delivery is how the pods deliver events.
type Delivery struct {
	Undelivered int    // that the sink has not taken yet
	Dead        int    // that it will never take
	Failing     string // why it takes none; "" if it does
	Full        bool   // uploads are refused
}

func (s Server) delivery() *metav1.Condition {
	if s.Events == nil {
		return nil
	}
	return delivery.decide(*s.Events)
}

var delivery = chain[Delivery, *metav1.Condition]{
	theOutboxIsFull,
	theSinkFails,
	thereAreDeadLetters,
	eventsAreDelivered,
}

func theOutboxIsFull(d Delivery) (*metav1.Condition, bool) {
	why := "the sink takes them too slowly"
	if d.Failing != "" {
		why = Cut(d.Failing)
	}
	return undelivered(v1alpha1.ReasonOutboxFull, "Uploads are refused, since a pod has as many events that are not delivered as it may (%d in all): %s. See to the sink in events.sink.", d.Undelivered, why), d.Full
}

func theSinkFails(d Delivery) (*metav1.Condition, bool) {
	return undelivered(v1alpha1.ReasonSinkFailing, "The sink takes no events: %s. %d are kept, and tried again; see to the sink, or correct events.sink.", Cut(d.Failing), d.Undelivered), d.Failing != ""
}

func thereAreDeadLetters(d Delivery) (*metav1.Condition, bool) {
	return undelivered(v1alpha1.ReasonDeadLetters, "The sink has refused %d events for good (HTTP 400, 413, 415 or 422): the logs of the pods name them, and they are kept in the folder dead of the outbox, until somebody removes them there.", d.Dead), d.Dead > 0
}

func eventsAreDelivered(Delivery) (*metav1.Condition, bool) {
	return fact(v1alpha1.ConditionEventsDelivered, true, v1alpha1.ReasonDelivered, "The sink takes the events."), true
}

func undelivered(reason, format string, args ...any) *metav1.Condition {
	return fact(v1alpha1.ConditionEventsDelivered, false, reason, fmt.Sprintf(format, args...))
}
