package login

import (
	"net/http"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/policy"
)

// denial records in the browser that an application denied its person at the login. The application's own page shows
// the reason, and evaluates the request again at each reload. A denial never admits a request.
type denial struct {
	Account     proto.Account `msgpack:"a"`
	Application proto.ID      `msgpack:"i"`
	Session     string        `msgpack:"s"` // the nonce
	Reason      uint8         `msgpack:"r"`
	Policy      proto.ID      `msgpack:"p"`
	Check       proto.ID      `msgpack:"c"`
	At          proto.Millis  `msgpack:"t"`
	Until       proto.Millis  `msgpack:"u"`
}

// Schema implements proto.Message.
func (*denial) Schema() proto.Schema { return proto.Schema{Name: "login_denial", Major: 1} }

// denialLife bounds how long a denial is remembered. Afterwards the browser is redirected to a new login.
const denialLife = 12 * time.Hour

// newDenial returns the denial of a login.
func (v *request) newDenial(app gate.Application, s *proto.Session, d policy.Decision) *denial {
	return &denial{Account: app.Account, Application: app.Value.ID, Session: s.Nonce, Reason: uint8(d.Reason),
		Policy: d.Policy, Check: d.Check, At: proto.At(v.now()), Until: min(s.ExpiresAt, proto.At(v.now().Add(denialLife)))}
}

// deniedCookie returns the cookie with a denial for its application.
func (v *request) deniedCookie(d *denial, app *proto.Application, secure bool) (*http.Cookie, error) {
	sealed, err := v.box.seal(purposeDenial, d)
	if err != nil {
		return nil, err
	}
	c := appCookie(sealed, app, secure)
	c.Name, c.MaxAge = cookieDenied, seconds(d.Until.Time().Sub(v.now()))
	return c, nil
}

// Denied returns the newest login of the browser at which the application denied its person, or false if there is none.
func (l *Login) Denied(r *gate.Request, app gate.Application) (gate.Denial, bool) {
	d, ok := l.denialOf(r.Header, app)
	if !ok {
		return gate.Denial{}, false
	}
	return gate.Denial{Session: d.Session, At: d.At.Time(),
		Decision: policy.Decision{Reason: policy.Reason(d.Reason), Policy: d.Policy, Check: d.Check}}, true
}

func (l *Login) denialOf(h http.Header, app gate.Application) (newest *denial, ok bool) {
	for _, sealed := range cookies(h, cookieDenied) {
		d := &denial{}
		if l.box.open(purposeDenial, sealed, d) != nil || d.Account != app.Account || d.Application != app.Value.ID ||
			d.Until <= proto.At(l.clock.Now()) || newest != nil && d.At <= newest.At {
			continue
		}
		newest = d
	}
	return newest, newest != nil
}

// ofDenial returns the session of a denial for a logout at its host.
func (v *request) ofDenial(sealed string) (heldSession, proto.ID, bool) {
	d := &denial{}
	if v.atTeam || v.box.open(purposeDenial, sealed, d) != nil {
		return heldSession{}, proto.ID{}, false
	}
	app, known := v.catalog.Application(d.Account, d.Application)
	if !known || !onHost(app.Value, v.URL) {
		return heldSession{}, proto.ID{}, false
	}
	s, ok := v.sessions.find(d.Session)
	return s, app.Value.ID, ok && s.account == d.Account
}
