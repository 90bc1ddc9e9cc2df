package keyring

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/services/gateway/hold"
)

// keySet is one state of the exchange's public keys. It is not modified.
type keySet struct {
	document []byte
	byID     map[string]*rsa.PublicKey
}

// maxKeys bounds what a document may name: the exchange has three or so.
const maxKeys = 64

// parseCerts reads the document of api/README.md 8.2. Only keys that RS256 is good with count; a key that was
// there before keeps its identity.
func parseCerts(document []byte, before *keySet) (*keySet, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("document of public keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("document of public keys: it names %d, %d are expected at most", len(set.Keys), maxKeys)
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
		return nil, errors.New("document of public keys: it holds no RSA key to verify with")
	}
	return s, nil
}

// minBits is the least size of a key that counts.
const minBits = 2048

// Certs is the document that /cdn-cgi/access/certs serves, the last known; false before the first. It must
// not be modified.
func (k *Keyring) Certs() ([]byte, bool) {
	s := k.keys.Load()
	if s == nil {
		return nil, false
	}
	return s.document, true
}

// Confirmed is when the exchange last said which keys there are; the zero time before the first.
func (k *Keyring) Confirmed() time.Time {
	if t := k.confirmed.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// Part is what a [hold.Hold] confirms. The keys count as up to date while the exchange answers whenever it is
// asked: it publishes a key a minute before it signs with it, and asking is not much rarer than confirming.
func (k *Keyring) Part() hold.Part { return publicKeys{k} }

type publicKeys struct{ *Keyring }

// Name implements [hold.Part].
func (publicKeys) Name() string { return "public keys" }

// Confirm implements [hold.Part].
func (p publicKeys) Confirm(context.Context) (time.Time, error) {
	now, last := p.clock.Now(), p.Confirmed()
	switch {
	case last.IsZero():
		return time.Time{}, ErrNoKeys
	case now.Sub(last) > refreshEvery+askTimeout:
		return time.Time{}, ErrUnavailable
	}
	return now, nil
}
