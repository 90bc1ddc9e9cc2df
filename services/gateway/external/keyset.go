package external

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/services/internal/clock"
)

const (
	keysFreshFor = time.Hour
	// keysKeptFor bounds the use of keys that can no longer be fetched.
	keysKeptFor = 24 * time.Hour
	// keysRetry is the shortest interval between two fetches from one URL. Answers with invented key ids must not
	// cause a stream of fetches.
	keysRetry = 10 * time.Second
	maxKeys   = 64
	// Smaller RSA keys are broken, larger ones only slow.
	minKeyBits, maxKeyBits = 2048, 8192
)

// keysets caches the keys of all keys URLs. It is safe for concurrent use.
type keysets struct {
	web   *web
	clock clock.Clock
	sets  *lru.Cache[string, *keyset]
}

// keyset holds the keys of one URL. Its lock makes all callers wait for one fetch.
type keyset struct {
	place   chan struct{} // a lock for the other fields
	keys    map[string]*rsa.PublicKey
	fetched time.Time
	tried   time.Time
	failed  error // of the last attempt
}

func newKeysets(w *web, c clock.Clock) (*keysets, error) {
	sets, err := lru.New[string, *keyset](maxEndpoints)
	if err != nil {
		return nil, fmt.Errorf("keys of external evaluations: %w", err)
	}
	return &keysets{web: w, clock: c, sets: sets}, nil
}

// key returns the key with an id. An empty id selects the only key of a set of one. The error is a *[failure].
func (k *keysets) key(ctx context.Context, url, id string) (*rsa.PublicKey, error) {
	set, ok := k.sets.Get(url)
	if !ok {
		set = &keyset{place: make(chan struct{}, 1)}
		if known, there, _ := k.sets.PeekOrAdd(url, set); there {
			set = known
		}
	}
	select {
	case set.place <- struct{}{}:
		defer func() { <-set.place }()
	case <-ctx.Done():
		return nil, failf(badKeys, "the keys could not be fetched in time: %w", context.Cause(ctx))
	}
	now := k.clock.Now()
	key, there := set.find(id)
	if fresh := now.Sub(set.fetched) < keysFreshFor; there && fresh {
		return key, nil
	}
	if set.tried.IsZero() || now.Sub(set.tried) >= keysRetry {
		set.tried = now
		keys, err := k.fetch(ctx, url)
		if set.failed = err; err == nil {
			set.keys, set.fetched = keys, now
		}
		key, there = set.find(id)
	}
	switch {
	case there && now.Sub(set.fetched) < keysKeptFor:
		return key, nil
	case set.failed != nil:
		return nil, set.failed
	}
	return nil, failf(badKeys, "the keys URL publishes no key with the id in the answer")
}

func (s *keyset) find(id string) (*rsa.PublicKey, bool) {
	if id == "" && len(s.keys) == 1 {
		for _, key := range s.keys {
			return key, true
		}
	}
	key, ok := s.keys[id]
	return key, ok
}

func (k *keysets) fetch(ctx context.Context, url string) (map[string]*rsa.PublicKey, error) {
	text, err := k.web.get(ctx, url)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil {
		return nil, failf(badKeys, "the keys URL does not answer with a JWK set")
	}
	if len(set.Keys) > maxKeys {
		return nil, failf(badKeys, "the keys URL publishes over %d keys", maxKeys)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON(raw) != nil {
			continue // an unsupported kind of key
		}
		if key, ok := usable(&jwk); ok {
			keys[jwk.KeyID] = key
		}
	}
	if len(keys) == 0 {
		return nil, failf(badKeys, "the keys URL publishes no RSA key of %d to %d bits for RS256", minKeyBits, maxKeyBits)
	}
	return keys, nil
}

func usable(jwk *jose.JSONWebKey) (*rsa.PublicKey, bool) {
	key, ok := jwk.Key.(*rsa.PublicKey)
	if !ok || jwk.Use != "" && jwk.Use != "sig" || jwk.Algorithm != "" && jwk.Algorithm != string(jose.RS256) {
		return nil, false
	}
	bits := key.N.BitLen()
	return key, bits >= minKeyBits && bits <= maxKeyBits
}
