package diagnose

import "fmt"

func (a Attempt) active() bool { return a.Mode == PORT || a.Mode == EPRT }

// A server that allows active mode refuses it to who names another address than it
// sees: then the client is behind a translation of addresses, which is a remark.
func activeModeIsRefused(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool {
		return a.active() && a.Step == Ask && a.Failure == Reply && f.Expected.Active && a.Code != 504
	})
	return Finding{
		Wrong: fmt.Sprintf("%s is refused at %s, though the server allows active mode: %d %s.", a.Mode, a.Where(), a.Code, a.Text),
		Do:    "A firewall that looks into FTP refuses it: switch off its inspection, or use FTPS or passive mode.",
		Page:  pageExposure,
	}, ok
}

func activeModeComesFromElsewhere(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool {
		return a.active() && a.OK() && a.From.IsValid() && a.From != a.IP && f.Expected.SameAddress
	})
	return Finding{
		Wrong: fmt.Sprintf("Active data connections come from %s, and you connected to %s; the status says that they come from the same address.", a.From, a.IP),
		Do:    "Strict clients refuse them. Something translates the addresses of what leaves the nodes: leave it out for the server's nodes, or use passive mode.",
		Page:  pageExposure,
	}, ok
}
