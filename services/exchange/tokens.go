package exchange

import (
	"context"
	"log/slog"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// tokenView is the service tokens of the TOKENS bucket, kept up to date by a watch.
type tokenView struct {
	conn *bus.Conn
	log  *slog.Logger

	mu       sync.RWMutex
	tokens   map[string]tokenRecord // by key
	caughtUp chan struct{}
}

type tokenRecord struct {
	*proto.ServiceToken // must not be modified
	revision            uint64
}

func newTokenView(conn *bus.Conn, log *slog.Logger) *tokenView {
	return &tokenView{conn: conn, log: log, tokens: map[string]tokenRecord{}, caughtUp: make(chan struct{})}
}

// run keeps the view until ctx ends.
func (v *tokenView) run(ctx context.Context) error {
	if err := v.conn.AwaitTopology(ctx, topology.BucketStream(topology.Tokens)); err != nil {
		return err
	}
	return v.conn.Watch(ctx, topology.Tokens, []string{topology.AllServiceTokenKeys}, v.apply, func() { close(v.caughtUp) })
}

func (v *tokenView) apply(u bus.Update) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.tokens, u.Key)
	if u.Deleted {
		return nil
	}
	t := new(proto.ServiceToken)
	if err := u.Decode(t); err != nil {
		// One record that cannot be read must not take the others away; its token stops working.
		v.log.Error("TOKENS holds a record that cannot be read", "revision", u.Revision, "err", err)
		return nil
	}
	v.tokens[u.Key] = tokenRecord{ServiceToken: t, revision: u.Revision}
	return nil
}

// find gives the service token of a Client ID; its token is nil where there is none.
func (v *tokenView) find(a proto.Account, clientID string) tokenRecord {
	key, err := topology.ServiceTokenKey(a, clientID)
	if err != nil {
		return tokenRecord{}
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.tokens[key]
}
