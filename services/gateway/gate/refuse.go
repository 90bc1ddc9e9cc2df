package gate

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/servicetoken"
)

// statusOf returns the status of a refusal for a request without an application.
func statusOf(why policy.Reason) int {
	if why == policy.UnknownHost {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// forbidden returns the status of a denial by the policies: 403, or 401 if the application asks for it for clients
// blocked by Service Auth (api/README.md 8.5). The application's setting also applies in strict mode, because it is
// more specific than the 403 of 8.6.
func (q *evaluation) forbidden() int {
	if q.app.app.Value.Gate.Refuse401 && q.app.service && q.a.Identity.Session == nil {
		return http.StatusUnauthorized
	}
	return http.StatusForbidden
}

// refuse answers with a page or a JSON object giving the reason.
func (q *evaluation) refuse(d policy.Decision, status int) {
	q.a.Decision = d
	if to := q.elsewhere(d, status); to != "" {
		q.a.Response = &Response{Status: http.StatusFound, Header: http.Header{
			"Location": {to}, "Cache-Control": {page.NoStore}, rayHeader: {q.a.Ray}}}
		q.mark(q.a.Response.Header)
		return
	}
	q.a.Response = q.say(d, status)
	q.mark(q.a.Response.Header)
}

// elsewhere returns the URL of the application's own deny page; empty if it has none. Machines always get our
// response with the reason.
func (q *evaluation) elsewhere(d policy.Decision, status int) string {
	if q.app == nil || status != http.StatusForbidden || q.creds.given || !navigates(q.r) {
		return ""
	}
	gate := &q.app.app.Value.Gate
	to := gate.DenyURL
	if q.a.Identity.Session == nil || !d.Check.IsZero() {
		to = gate.NonIdentityDenyURL
	}
	if u, err := url.Parse(to); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return to
}

// navigates reports whether a browser is loading a page.
func navigates(r *Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && !page.PrefersJSON(r.Header) && !scripted(r)
}

// scripted reports whether a script made the request. Scripts cannot follow a redirect to the login on another site.
func scripted(r *Request) bool {
	return strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest")
}

// say returns the page or the JSON object of a refusal.
func (q *evaluation) say(d policy.Decision, status int) *Response {
	r := &page.Refusal{Status: status, Reason: servicetoken.Answered(d.Reason), Ray: q.a.Ray, At: q.now}
	if app := q.a.App.Value; app != nil {
		r.Application, r.Message = app.Name, app.Gate.DenyMessage
		r.Organization = q.catalog.Organization(q.a.App.Account).Value.Name
		if status == http.StatusForbidden && navigates(q.r) {
			again := *q.r.URL
			again.User, again.Fragment = nil, ""
			r.Again = again.String()
		}
	}
	if s := q.a.Identity.Session; s != nil {
		r.Person, r.Logout = s.Email, "/cdn-cgi/access/logout"
	}
	if !d.Check.IsZero() {
		r.Check = q.explain(d.Check)
	}
	h, body := page.Refuse(q.r.Header, r)
	return &Response{Status: status, Header: h, Body: body}
}

// explain describes a check and its newest result for the device behind the request.
func (q *evaluation) explain(check proto.ID) *page.Check {
	c := &page.Check{ID: check.String(), Name: check.String(), Outcome: proto.OutcomeUnknown.String()}
	if known, ok := q.catalog.Check(q.a.App.Account, check); ok {
		c.Name, c.Remediation = cmp.Or(known.Value.Name, c.Name), known.Value.Remediation
	}
	if q.a.Device.IsZero() {
		c.DeviceUnknown = true
		return c
	}
	p := q.Devices.Posture(q.a.App.Account, q.a.Device, check)
	c.Outcome, c.LookedAt = p.Outcome.String(), p.LookedAt
	if p.Scored {
		c.Score = strconv.Itoa(p.Score)
	}
	if known, ok := q.catalog.Check(q.a.App.Account, check); ok {
		c.Required = required(known.Value.Operator, known.Value.Score)
	}
	// The score and the requirement together already say what the reason says.
	if p.Reason != proto.ReasonNone && !(p.Reason == proto.ReasonScore && c.Score != "" && c.Required != "") {
		c.Detail = p.Reason.String()
	}
	return c
}

// required describes the passing scores of a check; empty for an unknown operator.
func required(op proto.Operator, score float64) string {
	words, ok := map[proto.Operator]string{proto.OpLess: "less than ", proto.OpLessEqual: "at most ",
		proto.OpGreater: "more than ", proto.OpGreaterEqual: "at least ", proto.OpEqual: "exactly "}[op]
	if !ok {
		return ""
	}
	return words + strconv.FormatFloat(score, 'f', -1, 64)
}

// mark adds the headers that identify the application (api/README.md 8.5).
func (q *evaluation) mark(h http.Header) {
	if app := q.a.App.Value; app != nil {
		h["Cf-Access-Aud"] = []string{app.AUD}
		h["Cf-Access-Domain"] = []string{q.r.URL.Host}
	}
}

// challenge answers a request that a login could help (api/README.md 8.5).
func (q *evaluation) challenge(d policy.Decision) {
	switch {
	case q.repeated, q.app.service && q.app.app.Value.Gate.Refuse401:
		q.refuse(d, http.StatusUnauthorized)
	case scripted(q.r):
		q.refuse(d, http.StatusUnauthorized)
		q.readable(q.a.Response.Header)
	case q.deniedAgain():
		return
	default:
		to := q.login.Redirect(q.ctx, q.r, q.a.App, q.badCredentials == policy.Undecided && q.creds.given)
		if to == nil {
			q.refuse(policy.Decision{Reason: policy.NoProvider, Policy: d.Policy}, http.StatusForbidden)
			return
		}
		q.a.Decision, q.a.Response = d, to
		to.Header.Set("Cache-Control", page.NoStore)
		to.Header.Set(rayHeader, q.a.Ray)
	}
	q.a.Response.Header.Set("Www-Authenticate", `Cloudflare-Access resource_metadata="`+q.metadata()+`"`)
}

// metadata returns the URL of the description of how to get access.
func (q *evaluation) metadata() string {
	path := q.r.URL.EscapedPath()
	if path == "/" {
		path = ""
	}
	return q.r.URL.Scheme + "://" + q.r.URL.Host + MetadataPath + path
}

// MetadataPath is the prefix of the URLs that describe how a host's applications are protected. The path in question
// follows.
const MetadataPath = "/.well-known/cloudflare-access-protected-resource"

// readable lets a script on the requesting page read the 401, which contains nothing personal.
func (q *evaluation) readable(h http.Header) {
	origin := q.r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Expose-Headers", "Www-Authenticate, Cf-Ray")
	if c := q.app.app.Value.Gate.CORS; c != nil {
		allowOrigin(c, origin, h)
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
}
