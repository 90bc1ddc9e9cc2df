package device

import (
	"embed"
	"net/url"
	"strings"

	"plumbline.dev/services/console/frame"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

// Register adds the screens.
func Register(f *frame.Frame) {
	f.Get("/devices", list)
	f.Get("/devices/chips", chips)
	f.Get("/devices/export", export)
	f.Post("/devices/bulk", confirmBulk)
	f.Post("/devices/bulk/run/{action}", runBulk)
	f.Get("/devices/{id}", show)
	f.Get("/devices/{id}/sessions", sessions)
	f.Post("/devices/{id}/sessions/end", endSessions)
	f.Post("/devices/{id}/exempt", exempt)
	f.Post("/devices/{id}/exemptions/{exemption}/end", endExemption)
	f.Post("/devices/{id}/poll", poll)
	f.Post("/devices/{id}/remove", act("Removed.", removeOne, "/devices"))
	f.Post("/devices/{id}/revoke", act("Revoked.", revokeOne, ""))
	f.Post("/devices/{id}/unrevoke", act("The device is polled again.", unrevokeOne, ""))
}

// listPath returns the path of the list with a filter.
func listPath(filter string) string {
	if filter == "" {
		return "/devices"
	}
	return "/devices?" + url.Values{"filter": {filter}}.Encode()
}

// quote returns a text as one word of a POSIX shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// WithState returns the path of the devices for which a check has a state, such as fail.
func WithState(check, state string) string {
	return "/devices?" + url.Values{"filter": {"check:" + quoted(check) + "=" + state}}.Encode()
}

// quoted returns a text as a value of the filter language.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// copyAs are commands that do what a view shows.
type copyAs struct{ Plumb, Curl string }

// commands returns commands with a path below the account.
func commands(r *frame.Request, plumb, path string) copyAs {
	return copyAs{Plumb: plumb, Curl: `curl -H "Authorization: Bearer $PLUMB_TOKEN" "$PLUMB_URL/client/v4/accounts/` +
		r.Person.Account.String() + path + `"`}
}

// state returns the kind and the text of the pill for an outcome.
func state(outcome, enforced string) (kind, text string) {
	switch enforced {
	case "held":
		return "held", "Held"
	case "exempt":
		return "info", "Exempt"
	case "grace":
		return "warn", "Grace"
	case "observe_only":
		return "info", "Observe only"
	}
	switch outcome {
	case "pass":
		return "pass", "Pass"
	case "fail":
		return "fail", "Fail"
	}
	return "unk", "Unknown"
}
