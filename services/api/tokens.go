package api

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// tokenView is a view of the TOKENS bucket: service tokens by id, API tokens by hash. It is safe for
// concurrent use.
type tokenView struct {
	conn *bus.Conn
	log  *slog.Logger

	progress
	service map[tokenKey]serviceToken
	keys    map[string]tokenKey // of service tokens, by key in the bucket
	api     map[string]*proto.APIToken
	sorted  memo[[]serviceToken]
	hashes  map[string]int // of API tokens: how many accounts each is of
}

type tokenKey struct {
	account proto.Account
	id      proto.ID
}

type serviceToken struct {
	key string
	catalog.Record[proto.ServiceToken]
}

func newTokenView(conn *bus.Conn, log *slog.Logger) *tokenView {
	return &tokenView{
		conn: conn, log: log, progress: newProgress(topology.Tokens), service: map[tokenKey]serviceToken{},
		keys: map[string]tokenKey{}, api: map[string]*proto.APIToken{}, hashes: map[string]int{},
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
	v.forget(u.Key)
	if u.Deleted {
		return nil
	}
	account := topology.AccountOf(u.Key)
	parts := strings.Split(u.Key, ".")
	var err error
	switch {
	case len(parts) == 3 && parts[1] == "service":
		t := new(proto.ServiceToken)
		if err = u.Decode(t); err == nil {
			k := tokenKey{account, t.ID}
			v.keys[u.Key] = k
			v.service[k] = serviceToken{u.Key, catalog.Record[proto.ServiceToken]{Account: account, Revision: u.Revision, Value: t}}
		}
	case len(parts) == 3 && parts[1] == "api":
		t := new(proto.APIToken)
		if err = u.Decode(t); err == nil {
			v.api[u.Key] = t
			v.hashes[parts[2]]++
		}
	default:
		err = fmt.Errorf("not the key of a token")
	}
	if err != nil {
		v.log.Error("TOKENS holds a record that cannot be read", "revision", u.Revision, "err", err)
	}
	return nil
}

// forget takes out what a key held; the lock is held.
func (v *tokenView) forget(key string) {
	if k, ok := v.keys[key]; ok {
		delete(v.service, k)
		delete(v.keys, key)
	}
	if _, ok := v.api[key]; ok {
		delete(v.api, key)
		hash := key[strings.LastIndexByte(key, '.')+1:]
		if v.hashes[hash]--; v.hashes[hash] == 0 {
			delete(v.hashes, hash)
		}
	}
}

// apiToken finds the API token with a hash: of the account, or else whether another account has it.
func (v *tokenView) apiToken(a proto.Account, hash []byte) (t *proto.APIToken, elsewhere bool) {
	key := topology.APITokenKey(a, hash)
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.api[key], v.hashes[key[strings.LastIndexByte(key, '.')+1:]] > 0
}

func (v *tokenView) get(a proto.Account, id proto.ID) (serviceToken, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t, ok := v.service[tokenKey{a, id}]
	return t, ok
}

// list gives the service tokens of an account, the oldest first. It is shared and must not be modified.
func (v *tokenView) list(a proto.Account) []serviceToken {
	v.mu.RLock()
	revision := v.revision
	v.mu.RUnlock()
	return v.sorted.get(a, revision, func() []serviceToken {
		v.mu.RLock()
		var all []serviceToken
		for k, t := range v.service {
			if k.account == a {
				all = append(all, t)
			}
		}
		v.mu.RUnlock()
		slices.SortFunc(all, func(a, b serviceToken) int {
			return cmp.Or(cmp.Compare(a.Value.CreatedAt, b.Value.CreatedAt), bytes.Compare(a.Value.ID[:], b.Value.ID[:]))
		})
		return all
	})
}
