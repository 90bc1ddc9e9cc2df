package page

import (
	"cmp"
	"net/http"
)

// Headline says in plain words what happened.
func (r *Refusal) Headline() string {
	app := cmp.Or(r.Application, "This page")
	switch {
	case r.Status >= http.StatusInternalServerError:
		return app + " is not available at the moment"
	case r.Status == http.StatusNotFound:
		return "There is no application at this address"
	case r.Status == http.StatusUnauthorized:
		return app + " needs a valid service token"
	case r.Status != http.StatusForbidden:
		return "This request could not be answered"
	case r.Check != nil && r.Check.Outcome == "fail":
		return "Your device does not meet a requirement"
	case r.Check != nil:
		return "Your device could not be checked"
	}
	return "You do not have access to " + cmp.Or(r.Application, "this page")
}
