package login

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/keycache"
)

// defaultSession is the default session duration (api/README.md 8.4).
const defaultSession = 24 * time.Hour

// globalLife returns the duration of an account's global sessions.
func (l *Login) globalLife(account proto.Account) time.Duration {
	d := l.catalog.Organization(account).Value.SessionDuration
	if d <= 0 {
		d = defaultSession
	}
	return min(d, topology.MaxSession)
}

// global returns the person's global session at the team domain if it is valid for an application: it has not ended,
// and the application accepts its provider.
func (v *request) global(app gate.Application) (heldSession, bool) {
	for _, token := range cookies(v.Header, cookieToken) {
		s, _, ok := v.globalOf(token)
		if ok && s.account == app.Account && v.catalog.TakesLogins(app, s.IDP) {
			return s, true
		}
	}
	return heldSession{}, false
}

// globalOf returns the session of a global token if both are valid.
func (l *Login) globalOf(token string) (heldSession, *keycache.Claims, bool) {
	s, ok := l.sessions.find(peek(token).Nonce)
	if !ok || !l.clock.Now().Before(s.StartedAt.Time().Add(l.globalLife(s.account))) {
		return heldSession{}, nil, false
	}
	c, err := l.keys.VerifyGlobal(token, s.account)
	if err != nil || c.Nonce != s.Nonce || c.Subject != s.User.String() {
		return heldSession{}, nil, false
	}
	return s, c, true
}

// sessionOf returns the session and the application of an application token if all are valid. The application must
// have a destination on the host of v.URL.
func (v *request) sessionOf(token string) (heldSession, gate.Application, *keycache.Claims, bool) {
	p := peek(token)
	s, ok := v.sessions.find(p.Nonce)
	if !ok {
		return heldSession{}, gate.Application{}, nil, false
	}
	for _, app := range v.catalog.Applications(s.account) {
		if app.Value.AUD == "" || !contains(p.Audience, app.Value.AUD) || !onHost(app.Value, v.URL) {
			continue
		}
		c, err := v.keys.Verify(token, app.Value.AUD)
		if err != nil || c.Nonce != s.Nonce || c.Subject != s.User.String() ||
			c.IssuedAt.Before(app.Value.Gate.RevokedAt.Time()) {
			continue
		}
		return s, app, c, true
	}
	return heldSession{}, gate.Application{}, nil, false
}

// hint is the unverified content of a token. It only selects the keys and the session; the token must still be
// verified.
type hint struct {
	Nonce    string
	Audience []string
}

func peek(token string) hint {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return hint{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return hint{}
	}
	var p struct {
		Nonce    string          `json:"identity_nonce"`
		Audience json.RawMessage `json:"aud"`
	}
	if json.Unmarshal(payload, &p) != nil {
		return hint{}
	}
	h := hint{Nonce: p.Nonce}
	if json.Unmarshal(p.Audience, &h.Audience) != nil {
		h.Audience = []string{text(p.Audience)}
	}
	return h
}
