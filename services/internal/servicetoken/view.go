package servicetoken

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// View holds the service tokens of every account, kept up to date by a watch. A changed, disabled or deleted token is
// treated as such as soon as the change arrives. It is safe for concurrent use.
type View struct {
	conn *bus.Conn
	log  *slog.Logger

	mu       sync.RWMutex
	tokens   map[user]Record // by account and Client ID in lower case
	keys     map[string]user // of tokens
	revision uint64
	caughtUp chan struct{}
	reached  func() // closes caughtUp, once
	changed  chan struct{}
}

// Record is a service token. Its embedded token is nil if there is none, and must not be modified.
type Record struct {
	*proto.ServiceToken
	Account  proto.Account
	Revision uint64 // of its key in TOKENS; it changes with every change of the token
}

// NewView returns an empty view. [View.Run] fills it.
func NewView(conn *bus.Conn, log *slog.Logger) *View {
	caughtUp := make(chan struct{})
	return &View{conn: conn, log: log, tokens: map[user]Record{}, keys: map[string]user{}, caughtUp: caughtUp,
		reached: sync.OnceFunc(func() { close(caughtUp) }), changed: make(chan struct{})}
}

// Run maintains the view until ctx ends. It may run again afterwards, and reads the bucket anew.
func (v *View) Run(ctx context.Context) error {
	if err := v.conn.AwaitTopology(ctx, topology.BucketStream(topology.Tokens)); err != nil {
		return err
	}
	return v.conn.Watch(ctx, topology.Tokens, []string{topology.AllServiceTokenKeys}, v.apply, v.reached)
}

// CaughtUp returns a channel that is closed once the view contains everything that the bucket contained when Run
// began.
func (v *View) CaughtUp() <-chan struct{} { return v.caughtUp }

// Revision returns the newest revision of a service token seen by the view.
func (v *View) Revision() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.revision
}

// Changed returns a channel that is closed at the next change of a service token.
func (v *View) Changed() <-chan struct{} {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.changed
}

func (v *View) apply(u bus.Update) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.revision = max(v.revision, u.Revision)
	close(v.changed)
	v.changed = make(chan struct{})
	delete(v.tokens, v.keys[u.Key])
	delete(v.keys, u.Key)
	if u.Deleted {
		return nil
	}
	t := new(proto.ServiceToken)
	if err := u.Decode(t); err != nil {
		// One unreadable record must not affect the others; its token stops working.
		v.conn.Unreadable(topology.BucketStream(topology.Tokens), u.Key, u.Revision, err)
		return nil
	}
	of := user{topology.AccountOf(u.Key), strings.ToLower(t.ClientID)}
	if key, err := topology.ServiceTokenKey(of.account, of.clientID); err != nil || key != u.Key {
		v.conn.Unreadable(topology.BucketStream(topology.Tokens), u.Key, u.Revision,
			errors.New("the token does not match its key"))
		return nil
	}
	v.keys[u.Key] = of
	v.tokens[of] = Record{ServiceToken: t, Account: of.account, Revision: u.Revision}
	return nil
}

// Find returns the service token with a Client ID, in any letter case; its token is nil if there is none.
func (v *View) Find(a proto.Account, clientID string) Record {
	clientID = strings.ToLower(clientID) // hex; does not allocate if it is lower case already
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.tokens[user{a, clientID}]
}

// All returns the service tokens of every account, in no order.
func (v *View) All() []Record {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all := make([]Record, 0, len(v.tokens))
	for _, r := range v.tokens {
		all = append(all, r)
	}
	return all
}
