package login

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/policy"
)

// redirect redirects the browser. The caller must have checked the target.
func (v *request) redirect(to string, cookies ...*http.Cookie) *gate.Response {
	answer := &gate.Response{Status: http.StatusFound, Header: http.Header{
		"Location":        {to},
		"Cache-Control":   {page.NoStore},
		"Referrer-Policy": {"no-referrer"}, // the address may contain a code
		"Cf-Ray":          {v.ray},
		"Content-Length":  {"0"},
	}}
	return withCookies(answer, cookies...)
}

func withCookies(answer *gate.Response, cookies ...*http.Cookie) *gate.Response {
	for _, c := range cookies {
		answer.Header.Add("Set-Cookie", c.String())
	}
	return answer
}

// tell answers with a page.
func (v *request) tell(status int, n *page.Notice) *gate.Response {
	n.Ray = v.ray
	h, body := page.Tell(v.Header, n)
	return &gate.Response{Status: status, Header: h, Body: body}
}

// organization returns the name shown on an account's pages.
func (v *request) organization(a proto.Account) string { return v.catalog.Organization(a).Value.Name }

// refuse shows why a login failed. back, if not empty, is a URL of the application from which the login can be
// restarted.
func (v *request) refuse(why policy.Reason, app gate.Application, back string, detail error) *gate.Response {
	v.metrics.logins.WithLabelValues(why.String()).Inc()
	n := &page.Notice{Title: "The login failed", Texts: []string{why.Sentence()}, Refused: true, Reason: why}
	log := v.log.With("reason", why.String(), "ray", v.ray, "ip", v.ip())
	if app.Value != nil {
		n.Application, n.Organization = app.Value.Name, v.organization(app.Account)
		log = log.With("application", app.Value.ID)
	}
	if back != "" {
		n.Links = []page.Link{{Text: "Go to the application", URL: back}}
	}
	level := slog.LevelDebug // any client can make a login fail
	switch why {
	case policy.ProviderUnavailable, policy.Unavailable:
		level = slog.LevelWarn
	case policy.LoginFailed, policy.LoginWithoutEmail, policy.LoginReplayed, policy.ProviderNotAllowed, policy.NoProvider:
		level = slog.LevelInfo
	}
	log.Log(context.Background(), level, "login failed", "err", detail)
	if app.Value != nil && level > slog.LevelDebug {
		v.recorder.Record(app.Account,
			proto.Authentication{At: proto.At(v.now()), Application: app.Value.ID, Reason: why.String(),
				IP: v.ip(), Action: proto.ActionLogin, Ray: v.ray})
	}
	return v.tell(statusOf(why), n)
}

func statusOf(why policy.Reason) int {
	switch why {
	case policy.LoginStateInvalid, policy.LoginReplayed, policy.BadRequest:
		return http.StatusBadRequest
	case policy.ProviderUnavailable:
		return http.StatusBadGateway
	case policy.Busy, policy.Unavailable, policy.Stale:
		return http.StatusServiceUnavailable
	}
	return http.StatusForbidden
}

// plain answers with a sentence.
func (v *request) plain(status int, sentence string) *gate.Response {
	body := []byte(sentence + "\n")
	return &gate.Response{Status: status, Body: body, Header: http.Header{
		"Content-Type":           {"text/plain; charset=utf-8"},
		"Content-Length":         {strconv.Itoa(len(body))},
		"Cache-Control":          {page.NoStore},
		"X-Content-Type-Options": {"nosniff"},
		"Cf-Ray":                 {v.ray},
	}}
}
