package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/servicetoken"
)

// Tokens is a view of the buckets TOKENS and TOKEN_USES: service tokens by id, API tokens by hash, and last uses. It is
// safe for concurrent use.
type Tokens struct {
	*view.View

	mu      sync.RWMutex
	service map[TokenKey]ServiceToken
	turns   uint64              // number of changes to service tokens
	keys    map[string]TokenKey // service tokens, by bucket key
	api     map[string]APIToken
	apiKeys map[TokenKey]string       // bucket keys of API tokens, by id
	used    map[TokenKey]proto.Millis // last uses of API tokens, to the hour
	seen    *servicetoken.LastSeen
	sorted  map[proto.Account]*Ordered[ServiceToken]
	hashes  map[string][]proto.Account // accounts with each API token, by hash
}

// TokenKey identifies a service token or an API token.
type TokenKey struct {
	Account proto.Account
	ID      proto.ID
}

// ServiceToken is a service token with its key in the bucket.
type ServiceToken struct {
	Key string
	catalog.Record[proto.ServiceToken]
}

// APIToken is an API token with its key in the bucket.
type APIToken struct {
	Key string
	catalog.Record[proto.APIToken]
}

func newTokens(conn *bus.Conn) *Tokens {
	v := &Tokens{
		service: map[TokenKey]ServiceToken{},
		keys:    map[string]TokenKey{}, api: map[string]APIToken{}, apiKeys: map[TokenKey]string{},
		used: map[TokenKey]proto.Millis{}, seen: servicetoken.NewLastSeen(conn),
		hashes: map[string][]proto.Account{}, sorted: map[proto.Account]*Ordered[ServiceToken]{},
	}
	v.View = view.New(conn, topology.Tokens, []string{">"}, v.apply)
	return v
}

// RunLastSeen keeps the last uses of service tokens up to date until ctx ends. Run does so for the rest of the view.
func (v *Tokens) RunLastSeen(ctx context.Context) error { return v.seen.Run(ctx) }

func (v *Tokens) apply(u bus.Update) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forget(u)
	if u.Deleted {
		return nil
	}
	account := topology.AccountOf(u.Key)
	parts := strings.Split(u.Key, ".")
	var err error
	switch {
	case len(parts) == 3 && parts[1] == "seen":
		// Earlier versions stored the last uses of service tokens here.
	case len(parts) == 3 && parts[1] == "service":
		t := new(proto.ServiceToken)
		if err = u.Decode(t); err == nil {
			k := TokenKey{account, t.ID}
			v.turns++
			v.keys[u.Key] = k
			v.service[k] = ServiceToken{u.Key,
				catalog.Record[proto.ServiceToken]{Account: account, Revision: u.Revision, Value: t}}
			if v.sorted[account] == nil {
				v.sorted[account] = new(Ordered[ServiceToken])
			}
			v.sorted[account].Put(t.ID, t.CreatedAt, v.service[k])
		}
	case len(parts) == 3 && parts[1] == "api":
		t := new(proto.APIToken)
		if err = u.Decode(t); err == nil {
			v.api[u.Key] = APIToken{u.Key, catalog.Record[proto.APIToken]{Account: account, Revision: u.Revision, Value: t}}
			v.apiKeys[TokenKey{account, t.ID}] = u.Key
			v.hashes[parts[2]] = append(v.hashes[parts[2]], account)
		}
	case len(parts) == 3 && parts[1] == "used":
		var id proto.ID
		var s proto.TokenSeen
		if id, err = proto.ParseID(parts[2]); err == nil {
			err = u.Decode(&s)
			v.used[TokenKey{account, id}] = s.At
		}
	default:
		err = fmt.Errorf("unknown key format")
	}
	return err
}

// forget removes the previous value of a key. The caller holds the lock.
func (v *Tokens) forget(u bus.Update) {
	if k, ok := v.keys[u.Key]; ok {
		delete(v.service, k)
		v.sorted[k.Account].Remove(k.ID)
		delete(v.keys, u.Key)
	}
	if parts := strings.Split(u.Key, "."); len(parts) == 3 && parts[1] == "used" {
		if id, err := proto.ParseID(parts[2]); err == nil {
			delete(v.used, TokenKey{topology.AccountOf(u.Key), id})
		}
	}
	if t, ok := v.api[u.Key]; ok {
		delete(v.api, u.Key)
		hash, account := u.Key[strings.LastIndexByte(u.Key, '.')+1:], topology.AccountOf(u.Key)
		if id := (TokenKey{account, t.Value.ID}); v.apiKeys[id] == u.Key {
			delete(v.apiKeys, id)
		}
		v.hashes[hash] = slices.DeleteFunc(v.hashes[hash], func(a proto.Account) bool { return a == account })
		if len(v.hashes[hash]) == 0 {
			delete(v.hashes, hash)
		}
	}
}

// FindAPI returns the API token with a hash in an account, and reports whether any account has one.
func (v *Tokens) FindAPI(a proto.Account, hash []byte) (t *proto.APIToken, elsewhere bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.api[topology.APITokenKey(a, hash)].Value, len(v.hashes[hex.EncodeToString(hash)]) > 0
}

// RevisionOf returns the revision of the service token with a Client ID, in any letter case, or 0 if there is none.
func (v *Tokens) RevisionOf(a proto.Account, clientID string) uint64 {
	key, err := topology.ServiceTokenKey(a, strings.ToLower(clientID))
	if err != nil {
		return 0
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.service[v.keys[key]].Revision
}

// LookUp returns the API token with a hash, or nil if there is none. If the request names no account, it sets account
// to the one that has the token.
func (v *Tokens) LookUp(named bool, account *proto.Account, hash []byte) *proto.APIToken {
	if !named {
		of, known := v.accountOf(hash)
		if !known {
			return nil
		}
		*account = of
	}
	t, _ := v.FindAPI(*account, hash)
	return t
}

// Known reports whether any account has an API token with a hash.
func (v *Tokens) Known(hash []byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.hashes[hex.EncodeToString(hash)]) > 0
}

// GetAPI returns an API token by its id.
func (v *Tokens) GetAPI(a proto.Account, id proto.ID) (APIToken, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t, found := v.api[v.apiKeys[TokenKey{a, id}]]
	return t, found
}

// ListAPI returns the API tokens of an account, oldest first.
func (v *Tokens) ListAPI(a proto.Account) []APIToken {
	v.mu.RLock()
	var all []APIToken
	for id, key := range v.apiKeys {
		if id.Account == a {
			all = append(all, v.api[key])
		}
	}
	v.mu.RUnlock()
	slices.SortFunc(all, func(a, b APIToken) int {
		return cmp.Or(cmp.Compare(a.Value.CreatedAt, b.Value.CreatedAt), bytes.Compare(a.Value.ID[:], b.Value.ID[:]))
	})
	return all
}

// LastUsed returns the time of the last use of an API token, or 0 if it was never used, or not for a long time.
func (v *Tokens) LastUsed(a proto.Account, id proto.ID) proto.Millis {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.used[TokenKey{a, id}]
}

// accountOf returns the account with an API token, or false if there is not exactly one.
func (v *Tokens) accountOf(hash []byte) (proto.Account, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if of := v.hashes[hex.EncodeToString(hash)]; len(of) == 1 {
		return of[0], true
	}
	return proto.Account{}, false
}

// LastSeen returns the time of the last use of the service token with a key, or 0 if it was never used.
func (v *Tokens) LastSeen(key string) proto.Millis {
	return v.seen.OfKey(key)
}

// Has reports whether a service token exists.
func (v *Tokens) Has(a proto.Account, id proto.ID) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, found := v.service[TokenKey{a, id}]
	return found
}

// ServiceTokenChanges returns a number that grows whenever a service token is created or deleted.
func (v *Tokens) ServiceTokenChanges() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.turns
}

// Get returns a service token.
func (v *Tokens) Get(a proto.Account, id proto.ID) (ServiceToken, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t, ok := v.service[TokenKey{a, id}]
	return t, ok
}

// List returns the service tokens of an account, oldest first. The slice is shared and must not be modified.
func (v *Tokens) List(a proto.Account) []*Item[ServiceToken] {
	v.mu.RLock()
	sorted := v.sorted[a]
	v.mu.RUnlock()
	return sorted.All()
}
