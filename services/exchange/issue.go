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

// grant is what was admitted: everything that a service's token is made of. Two equal grants may share a
// token; another signing key, or a change of the service token or the application, makes another grant.
type grant struct {
	kid           string
	account       proto.Account
	token, app    proto.ID
	tokenRevision uint64
	appRevision   uint64
	clientID      string
	audience      string
	// session is the duration that policy or application ask for; expires when the credentials do, 0: never.
	session time.Duration
	expires proto.Millis
	revoked proto.Millis // tokens that were issued before are void
}

// issuer signs tokens, and keeps those of services for use again: one RSA operation for each grant until
// shortly before its token expires. Safe for concurrent use.
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
	made    time.Time
	renewed time.Time // when another is to be made
	expires time.Time
}

func newIssuer(name string, c clock.Clock, m *metrics) (*issuer, error) {
	tokens, err := lru.New[grant, *issued](cachedTokens)
	if err != nil {
		return nil, fmt.Errorf("cache of application tokens: %w", err)
	}
	return &issuer{name: name, clock: c, metrics: m, tokens: tokens}, nil
}

// service gives a service's token for the grant, signed with the key that the grant names, and when it
// expires.
func (i *issuer) service(key *keys.Key, g grant) (string, time.Time, error) {
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
	if place.token != "" && now.Before(place.renewed) && !now.Before(place.made) {
		return place.token, place.expires, nil
	}
	at := issuedAt(now, g.revoked)
	expires := expiry(at, min(g.session, MaxTokenLife), g.expires)
	signed, err := i.sign(key, newServiceClaims(i.name, &g, at, expires))
	if err != nil {
		return "", time.Time{}, err
	}
	place.token, place.made, place.renewed, place.expires = signed, now, renewal(at, expires), expires
	return signed, expires, nil
}

// sign makes a token of claims.
func (i *issuer) sign(key *keys.Key, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("claims of a token: %w", err)
	}
	signed, err := key.Sign(payload)
	if err != nil {
		return "", err
	}
	i.metrics.signatures.Inc()
	return signed, nil
}

// sessionOf is the session duration that counts: the policy's, or else the application's, or else the
// default (api/README.md 8.4).
func sessionOf(policy, application time.Duration) time.Duration {
	switch {
	case policy > 0:
		return policy
	case application > 0:
		return application
	}
	return DefaultSession
}

// issuedAt is from when a token made now is valid, in whole seconds as its claims have it: the second that has
// begun, or, where the application's tokens were revoked in it, the next. A token must not seem to be
// older than the revocation that it comes after.
func issuedAt(now time.Time, revoked proto.Millis) time.Time {
	at := now.Truncate(time.Second)
	r := revoked.Time()
	if revoked != 0 && r.After(at) && r.Sub(now) < revocationSkew {
		if at = r.Truncate(time.Second); at.Before(r) {
			at = at.Add(time.Second)
		}
	}
	return at
}

// revocationSkew is how far the clock of whoever revoked tokens may be ahead of ours.
const revocationSkew = 30 * time.Second

// expiry is until when a token that is valid from at is: for its life, a second at least, and no longer than
// what it was made for, by a second or more; 0: that has no end.
func expiry(at time.Time, life time.Duration, end proto.Millis) time.Time {
	expires := at.Add(max(life.Truncate(time.Second), time.Second))
	if end != 0 && end.Time().Before(expires) {
		expires = end.Time().Truncate(time.Second)
	}
	if !expires.After(at) {
		expires = at.Add(time.Second)
	}
	return expires
}

// renewal is when a token is no longer handed out: a tenth of its life, or five minutes, before its end, so
// that whoever gets it has some use of it.
func renewal(at, expires time.Time) time.Time {
	return expires.Add(-min(expires.Sub(at)/10, 5*time.Minute))
}
