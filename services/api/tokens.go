package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// tokenView is a view of the TOKENS bucket: service tokens by id, with when they were last used, and API
// tokens by hash. It is safe for concurrent use.
type tokenView struct {
	conn *bus.Conn
	log  *slog.Logger

	progress
	service map[tokenKey]serviceToken
	turns   uint64              // how often a service token came or went
	keys    map[string]tokenKey // of service tokens, by key in the bucket
	api     map[string]apiToken
	apiKeys map[tokenKey]string       // of API tokens, by id
	used    map[tokenKey]proto.Millis // when each was last used, roughly
	seen    map[string]proto.Millis   // when each was last used, by key of the service token
	sorted  map[proto.Account]*shelf[serviceToken]
	hashes  map[string][]proto.Account // of API tokens: the accounts that each is of
}

type tokenKey struct {
	account proto.Account
	id      proto.ID
}

type serviceToken struct {
	key string
	catalog.Record[proto.ServiceToken]
}

type apiToken struct {
	key string
	catalog.Record[proto.APIToken]
}

func newTokenView(conn *bus.Conn, log *slog.Logger) *tokenView {
	return &tokenView{
		conn: conn, log: log, progress: newProgress(topology.Tokens), service: map[tokenKey]serviceToken{},
		keys: map[string]tokenKey{}, api: map[string]apiToken{}, apiKeys: map[tokenKey]string{},
		used: map[tokenKey]proto.Millis{}, seen: map[string]proto.Millis{},
		hashes: map[string][]proto.Account{}, sorted: map[proto.Account]*shelf[serviceToken]{},
	}
}

// Run keeps the view up to date until ctx ends.
func (v *tokenView) Run(ctx context.Context) error {
	if err := v.conn.AwaitTopology(ctx, topology.BucketStream(topology.Tokens)); err != nil {
		return err
	}
	return v.conn.Watch(ctx, topology.Tokens, []string{">"}, v.apply, v.caughtUp)
}

func (v *tokenView) apply(u bus.Update) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.saw(u.Revision)
	v.forget(u)
	if u.Deleted {
		return nil
	}
	account := topology.AccountOf(u.Key)
	parts := strings.Split(u.Key, ".")
	var err error
	switch {
	case len(parts) == 3 && parts[1] == "seen":
		var s proto.TokenSeen
		if err = u.Decode(&s); err == nil {
			v.seen[serviceKey(u.Key)] = s.At
		}
	case len(parts) == 3 && parts[1] == "service":
		t := new(proto.ServiceToken)
		if err = u.Decode(t); err == nil {
			k := tokenKey{account, t.ID}
			v.turns++
			v.keys[u.Key] = k
			v.service[k] = serviceToken{u.Key, catalog.Record[proto.ServiceToken]{Account: account, Revision: u.Revision, Value: t}}
			if v.sorted[account] == nil {
				v.sorted[account] = new(shelf[serviceToken])
			}
			v.sorted[account].put(t.ID, t.CreatedAt, v.service[k])
		}
	case len(parts) == 3 && parts[1] == "api":
		t := new(proto.APIToken)
		if err = u.Decode(t); err == nil {
			v.api[u.Key] = apiToken{u.Key, catalog.Record[proto.APIToken]{Account: account, Revision: u.Revision, Value: t}}
			v.apiKeys[tokenKey{account, t.ID}] = u.Key
			v.hashes[parts[2]] = append(v.hashes[parts[2]], account)
		}
	case len(parts) == 3 && parts[1] == "used":
		var id proto.ID
		var s proto.TokenSeen
		if id, err = proto.ParseID(parts[2]); err == nil {
			err = u.Decode(&s)
			v.used[tokenKey{account, id}] = s.At
		}
	default:
		err = fmt.Errorf("not the key of a token")
	}
	if err != nil {
		v.conn.Unreadable(topology.BucketStream(topology.Tokens), u.Key, u.Revision, err)
	}
	return nil
}

// serviceKey is the key of the service token that a "seen" key is about.
func serviceKey(seen string) string { return strings.Replace(seen, ".seen.", ".service.", 1) }

// forget takes out what a key held; the lock is held.
func (v *tokenView) forget(u bus.Update) {
	if k, ok := v.keys[u.Key]; ok {
		delete(v.service, k)
		v.sorted[k.account].remove(k.id)
		delete(v.keys, u.Key)
	}
	if strings.Contains(u.Key, ".seen.") {
		delete(v.seen, serviceKey(u.Key))
	}
	if parts := strings.Split(u.Key, "."); len(parts) == 3 && parts[1] == "used" {
		if id, err := proto.ParseID(parts[2]); err == nil {
			delete(v.used, tokenKey{topology.AccountOf(u.Key), id})
		}
	}
	if t, ok := v.api[u.Key]; ok {
		delete(v.api, u.Key)
		hash, account := u.Key[strings.LastIndexByte(u.Key, '.')+1:], topology.AccountOf(u.Key)
		if id := (tokenKey{account, t.Value.ID}); v.apiKeys[id] == u.Key {
			delete(v.apiKeys, id)
		}
		v.hashes[hash] = slices.DeleteFunc(v.hashes[hash], func(a proto.Account) bool { return a == account })
		if len(v.hashes[hash]) == 0 {
			delete(v.hashes, hash)
		}
	}
}

// apiToken finds the API token with a hash: of the account, or else whether another account has it.
func (v *tokenView) apiToken(a proto.Account, hash []byte) (t *proto.APIToken, elsewhere bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.api[topology.APITokenKey(a, hash)].Value, len(v.hashes[hex.EncodeToString(hash)]) > 0
}

// lookUp finds the API token with a hash: of the account that a request names, or of the one that has it.
func (v *tokenView) lookUp(named bool, account *proto.Account, hash []byte) *proto.APIToken {
	if !named {
		of, known := v.accountOf(hash)
		if !known {
			return nil
		}
		*account = of
	}
	t, _ := v.apiToken(*account, hash)
	return t
}

// known tells whether any account has the API token with a hash.
func (v *tokenView) known(hash []byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.hashes[hex.EncodeToString(hash)]) > 0
}

// getAPI finds an API token by its id.
func (v *tokenView) getAPI(a proto.Account, id proto.ID) (apiToken, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t, found := v.api[v.apiKeys[tokenKey{a, id}]]
	return t, found
}

// listAPI gives the API tokens of an account, the oldest first.
func (v *tokenView) listAPI(a proto.Account) []apiToken {
	v.mu.RLock()
	var all []apiToken
	for id, key := range v.apiKeys {
		if id.account == a {
			all = append(all, v.api[key])
		}
	}
	v.mu.RUnlock()
	slices.SortFunc(all, func(a, b apiToken) int {
		return cmp.Or(cmp.Compare(a.Value.CreatedAt, b.Value.CreatedAt), bytes.Compare(a.Value.ID[:], b.Value.ID[:]))
	})
	return all
}

// lastUsed is when an API token was last used; 0: never, or not for long.
func (v *tokenView) lastUsed(a proto.Account, id proto.ID) proto.Millis {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.used[tokenKey{a, id}]
}

// accountOf finds the one account that has the API token with a hash.
func (v *tokenView) accountOf(hash []byte) (proto.Account, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if of := v.hashes[hex.EncodeToString(hash)]; len(of) == 1 {
		return of[0], true
	}
	return proto.Account{}, false
}

// lastSeen is when the service token of a key was last used; 0: never.
func (v *tokenView) lastSeen(key string) proto.Millis {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.seen[key]
}

func (v *tokenView) has(a proto.Account, id proto.ID) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, found := v.service[tokenKey{a, id}]
	return found
}

// comings is a number that grows whenever a service token is created or deleted.
func (v *tokenView) comings() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.turns
}

// get finds a service token.
func (v *tokenView) get(a proto.Account, id proto.ID) (serviceToken, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t, ok := v.service[tokenKey{a, id}]
	return t, ok
}

// list gives the service tokens of an account, the oldest first. It is shared and must not be modified.
func (v *tokenView) list(a proto.Account) []*item[serviceToken] {
	v.mu.RLock()
	sorted := v.sorted[a]
	v.mu.RUnlock()
	return sorted.all()
}
