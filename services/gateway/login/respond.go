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

// redirect sends the browser on. Where it goes was checked by who calls.
func (v *visit) redirect(to string, cookies ...*http.Cookie) *gate.Response {
	answer := &gate.Response{Status: http.StatusFound, Header: http.Header{
		"Location":        {to},
		"Cache-Control":   {page.NoStore},
		"Referrer-Policy": {"no-referrer"}, // the address may hold a code
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
func (v *visit) tell(status int, n *page.Notice) *gate.Response {
	n.Ray = v.ray
	h, body := page.Tell(v.Header, n)
	return &gate.Response{Status: status, Header: h, Body: body}
}

// organization is the name that pages of an account show.
func (v *visit) organization(a proto.Account) string { return v.catalog.Organization(a).Value.Name }

// refuse says why a login goes no further. back, where it is not empty, is an address of the application,
// from which it can be begun again.
func (v *visit) refuse(why policy.Reason, app gate.Application, back string, detail error) *gate.Response {
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
	level := slog.LevelDebug // anybody can make a login go wrong
	switch why {
	case policy.ProviderUnavailable, policy.Unavailable:
		level = slog.LevelWarn
	case policy.LoginFailed, policy.LoginWithoutEmail, policy.LoginReplayed, policy.ProviderNotAllowed, policy.NoProvider:
		level = slog.LevelInfo
	}
	log.Log(context.Background(), level, "a login came to nothing", "err", detail)
	if app.Value != nil && level > slog.LevelDebug {
		v.recorder.Record(app.Account, proto.Authentication{At: proto.At(v.now()), Application: app.Value.ID, Reason: why.String(),
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
func (v *visit) plain(status int, sentence string) *gate.Response {
	body := []byte(sentence + "\n")
	return &gate.Response{Status: status, Body: body, Header: http.Header{
		"Content-Type":           {"text/plain; charset=utf-8"},
		"Content-Length":         {strconv.Itoa(len(body))},
		"Cache-Control":          {page.NoStore},
		"X-Content-Type-Options": {"nosniff"},
		"Cf-Ray":                 {v.ray},
	}}
}
