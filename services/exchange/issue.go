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

// grant describes an admitted request: all inputs of a service's token. Equal grants may share a token. Another
// signing key, or any change of the service token or the application, makes a new grant.
type grant struct {
	kid           string
	account       proto.Account
	token, app    proto.ID
	tokenRevision uint64
	appRevision   uint64
	clientID      string
	audience      string
	// session is the duration set by policy or application; expires is the expiry of the credentials, 0: never.
	session time.Duration
	expires proto.Millis
	revoked proto.Millis // tokens issued earlier are void
}

// issuer signs tokens and caches those of services: one RSA operation per grant until shortly before its token
// expires. It is safe for concurrent use.
type issuer struct {
	name    string // the iss claim
	clock   clock.Clock
	metrics *metrics
	tokens  *lru.Cache[grant, *issued]
}

// issued is the cache entry of a grant. Its lock makes concurrent requests wait for one signature.
type issued struct {
	mu      sync.Mutex
	token   string
	made    time.Time
	renewed time.Time // when the next token is due
	expires time.Time
}

func newIssuer(name string, c clock.Clock, m *metrics) (*issuer, error) {
	tokens, err := lru.New[grant, *issued](cachedTokens)
	if err != nil {
		return nil, fmt.Errorf("cache of application tokens: %w", err)
	}
	return &issuer{name: name, clock: c, metrics: m, tokens: tokens}, nil
}

// service returns a service's token for the grant, signed with the grant's key, and its expiry.
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

// sign returns a token with the claims.
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

// sessionOf returns the session duration: the policy's, else the application's, else the default (api/README.md 8.4).
func sessionOf(policy, application time.Duration) time.Duration {
	switch {
	case policy > 0:
		return policy
	case application > 0:
		return application
	}
	return DefaultSession
}

// issuedAt returns the time of issue for a token made now, in whole seconds: the current second, or the next one if
// the application's tokens were revoked in the current one. A token must not appear older than the revocation before
// it.
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

// revocationSkew is how far the clock of the revoking process may be ahead of ours.
const revocationSkew = 30 * time.Second

// expiry returns the expiry of a token issued at at: after life, but not after end unless end is 0, and at least one
// second after at.
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

// renewal returns the time at which a token is no longer reused: a tenth of its life, or five minutes, before its
// end, so that every recipient can use it for a while.
func renewal(at, expires time.Time) time.Time {
	return expires.Add(-min(expires.Sub(at)/10, 5*time.Minute))
}
