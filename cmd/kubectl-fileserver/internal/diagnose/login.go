package diagnose

import "fmt"

func theUserIsRefused(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Step == LogIn && a.Failure == Reply })
	if !ok || f.Expected.User == nil {
		return Finding{}, false
	}
	u := f.Expected.User
	if !u.Ready {
		return Finding{
			Wrong: fmt.Sprintf("%s cannot log in (%s): %s", u.Name, u.Reason, u.Message),
			Do:    "Do what that message says.",
			Page:  pageUsers,
		}, true
	}
	return Finding{
		Wrong: fmt.Sprintf("%s is refused at %s (%s), though the user can log in: %s.", u.Name, a.Where(), a.Protocol, a.Result()),
		Do:    "The password or key is another one, or the server sees an address that allowedSources does not have (a balancer's or a node's, where the exposure hides those of clients), or the user has too many sessions.",
		Page:  pageUsers,
	}, true
}
