package exchange

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/proto"
	"plumbline.dev/services/exchange/keys"
	"plumbline.dev/services/internal/clock"
)

// claims are those of a service's application token (contract.md 8.3). aud is a plain string, as was
// measured of Cloudflare's for service tokens; verifiers take a string and an array alike.
type claims struct {
	Type       string `json:"type"`
	Audience   string `json:"aud"`
	Expires    int64  `json:"exp"`
	IssuedAt   int64  `json:"iat"`
	Issuer     string `json:"iss"`
	CommonName string `json:"common_name"` // the Client ID
	Subject    string `json:"sub"`         // empty: nobody's
}

// grant is what was admitted: everything that a token is made of. Two equal grants may share a token; a
// change of the service token or the application makes another grant.
type grant struct {
	key           *keys.Key
	account       proto.Account
	token, app    proto.ID
	tokenRevision uint64
	appRevision   uint64
	clientID      string
	audience      string
	// session is the duration that policy or application ask for; expires when the credentials do, 0: never.
	session time.Duration
	expires proto.Millis
}

// issuer signs tokens and keeps them for use again: one RSA operation for each grant until shortly before
// its token expires. Safe for concurrent use.
type issuer struct {
	name    string // the iss claim
	clock   clock.Clock
	metrics *metrics
	tokens  *lru.Cache[grant, *issued]
}

// issued is a place for a grant's token. Its lock makes those who ask at the same time wait for one
// signature.
type issued struct {
	mu      sync.Mutex
	token   string
	at      time.Time
	expires time.Time
}

func newIssuer(name string, size int, c clock.Clock, m *metrics) (*issuer, error) {
	tokens, err := lru.New[grant, *issued](size)
	if err != nil {
		return nil, fmt.Errorf("cache of application tokens: %w", err)
	}
	return &issuer{name: name, clock: c, metrics: m, tokens: tokens}, nil
}

// token gives a token for the grant and when it expires.
func (i *issuer) token(g grant) (string, time.Time, error) {
	place, there := i.tokens.Get(g)
	if !there {
		place = &issued{}
		if other, there, _ := i.tokens.PeekOrAdd(g, place); there {
			place = other
		}
	}
	place.mu.Lock()
	defer place.mu.Unlock()
	now := i.clock.Now()
	if place.token != "" && now.Before(renewal(place.at, place.expires)) && !now.Before(place.at) {
		return place.token, place.expires, nil
	}
	at, expires := lifetime(now, g.session, g.expires)
	payload, err := json.Marshal(claims{Type: "app", Audience: g.audience, Expires: expires.Unix(), IssuedAt: at.Unix(),
		Issuer: i.name, CommonName: g.clientID})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("claims of an application token: %w", err)
	}
	signed, err := g.key.Sign(payload)
	if err != nil {
		return "", time.Time{}, err
	}
	i.metrics.signatures.Inc()
	place.token, place.at, place.expires = signed, at, expires
	return signed, expires, nil
}

// sessionOf is the session duration that counts: the policy's, or else the application's, or else the
// default (contract.md 8.4).
func sessionOf(policy, application time.Duration) time.Duration {
	switch {
	case policy > 0:
		return policy
	case application > 0:
		return application
	}
	return DefaultSession
}

// lifetime is from when to when a token made now is valid, in whole seconds as its claims have it. It
// never outlives the credentials by a second or more.
func lifetime(now time.Time, session time.Duration, credentials proto.Millis) (at, expires time.Time) {
	at = now.Truncate(time.Second)
	life := max(min(session, MaxTokenLife).Truncate(time.Second), time.Second)
	expires = at.Add(life)
	if credentials != 0 && credentials.Time().Before(expires) {
		expires = credentials.Time().Truncate(time.Second)
	}
	if !expires.After(at) {
		expires = at.Add(time.Second)
	}
	return at, expires
}

// renewal is when a token is no longer handed out: a tenth of its life, or five minutes, before its end, so
// that whoever gets it has some use of it.
func renewal(at, expires time.Time) time.Time {
	return expires.Add(-min(expires.Sub(at)/10, 5*time.Minute))
}
