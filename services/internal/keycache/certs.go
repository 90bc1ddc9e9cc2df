package keycache

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keySet is one state of the exchange's public keys. It is not modified.
type keySet struct {
	document []byte
	byID     map[string]*rsa.PublicKey
}

// maxKeys bounds the keys in a document: the exchange has about three.
const maxKeys = 64

// parseCerts parses the document of api/README.md 8.2. It ignores keys that are unsuitable for RS256. An unchanged key
// keeps its pointer, so cached verifications stay valid.
func parseCerts(document []byte, before *keySet) (*keySet, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("document of public keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("document of public keys: it has %d keys, at most %d are allowed", len(set.Keys), maxKeys)
	}
	s := &keySet{document: document, byID: make(map[string]*rsa.PublicKey, len(set.Keys))}
	for _, k := range set.Keys {
		public, ok := k.Key.(*rsa.PublicKey)
		if !ok || k.KeyID == "" || !k.Valid() || public.N.BitLen() < minBits ||
			(k.Algorithm != "" && k.Algorithm != string(jose.RS256)) || (k.Use != "" && k.Use != "sig") {
			continue
		}
		if other, twice := s.byID[k.KeyID]; twice && !other.Equal(public) {
			return nil, fmt.Errorf("document of public keys: two keys have the id %q", k.KeyID)
		}
		if before != nil {
			if same := before.byID[k.KeyID]; same != nil && same.Equal(public) {
				public = same
			}
		}
		s.byID[k.KeyID] = public
	}
	if len(s.byID) == 0 {
		return nil, errors.New("document of public keys: it has no usable RSA key")
	}
	return s, nil
}

// minBits is the smallest accepted key size.
const minBits = 2048

// Certs returns the latest document for /cdn-cgi/access/certs; false before the first. It must not be modified.
func (k *Cache) Certs() ([]byte, bool) {
	s := k.keys.Load()
	if s == nil {
		return nil, false
	}
	return s.document, true
}

// Confirmed returns the time of the exchange's last reply about its keys; zero before the first.
func (k *Cache) Confirmed() time.Time {
	if t := k.confirmed.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// Part returns the part of a gateway's staleness guard for the public keys. The keys count as current while the
// exchange replies to each request for them: it publishes a key a minute before signing with it, and the keys are
// requested nearly as often as they are confirmed.
func (k *Cache) Part() PublicKeys { return PublicKeys{k} }

// PublicKeys is a part of a staleness guard.
type PublicKeys struct{ cache *Cache }

// Name returns the name for logs and errors.
func (PublicKeys) Name() string { return "public keys" }

// Confirm returns now if the keys are current, and otherwise an error.
func (p PublicKeys) Confirm(context.Context) (time.Time, error) {
	now, last := p.cache.clock.Now(), p.cache.Confirmed()
	switch {
	case last.IsZero():
		return time.Time{}, ErrNoKeys
	case now.Sub(last) > refreshEvery+askTimeout:
		return time.Time{}, ErrUnavailable
	}
	return now, nil
}
