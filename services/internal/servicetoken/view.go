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

// View is the service tokens of every account, kept up to date by a watch. A token that is changed,
// turned off or deleted counts as such for the next question after the change has arrived. It is safe for
// concurrent use.
type View struct {
	conn *bus.Conn
	log  *slog.Logger

	mu       sync.RWMutex
	tokens   map[user]Record // by what requests name them by, in lower case
	keys     map[string]user // of tokens
	revision uint64
	caughtUp chan struct{}
	reached  func() // closes caughtUp, once
	changed  chan struct{}
}

// Record is a service token; its embedded token is nil where there is none, and must not be modified.
type Record struct {
	*proto.ServiceToken
	Account  proto.Account
	Revision uint64 // of its key in TOKENS: another one is another state of the token
}

// NewView makes a view; it is empty until [View.Run] has caught up.
func NewView(conn *bus.Conn, log *slog.Logger) *View {
	caughtUp := make(chan struct{})
	return &View{conn: conn, log: log, tokens: map[user]Record{}, keys: map[string]user{}, caughtUp: caughtUp,
		reached: sync.OnceFunc(func() { close(caughtUp) }), changed: make(chan struct{})}
}

// Run keeps the view until ctx ends. It may run again after it returned, to read the bucket anew.
func (v *View) Run(ctx context.Context) error {
	if err := v.conn.AwaitTopology(ctx, topology.BucketStream(topology.Tokens)); err != nil {
		return err
	}
	return v.conn.Watch(ctx, topology.Tokens, []string{topology.AllServiceTokenKeys}, v.apply, v.reached)
}

// CaughtUp is closed once the view holds what the bucket held when Run began.
func (v *View) CaughtUp() <-chan struct{} { return v.caughtUp }

// Revision is the newest revision of a service token that the view has seen.
func (v *View) Revision() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.revision
}

// Changed is closed at the next change of a service token.
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
		// One record that cannot be read must not take the others away; its token stops working.
		v.conn.Unreadable(topology.BucketStream(topology.Tokens), u.Key, u.Revision, err)
		return nil
	}
	of := user{topology.AccountOf(u.Key), strings.ToLower(t.ClientID)}
	if key, err := topology.ServiceTokenKey(of.account, of.clientID); err != nil || key != u.Key {
		v.conn.Unreadable(topology.BucketStream(topology.Tokens), u.Key, u.Revision, errors.New("it is not the token that its key names"))
		return nil
	}
	v.keys[u.Key] = of
	v.tokens[of] = Record{ServiceToken: t, Account: of.account, Revision: u.Revision}
	return nil
}

// Find gives the service token of a Client ID, in either case; its token is nil where there is none.
func (v *View) Find(a proto.Account, clientID string) Record {
	clientID = strings.ToLower(clientID) // hex; allocates nothing where it is already
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.tokens[user{a, clientID}]
}

// All are the service tokens of every account, in no order.
func (v *View) All() []Record {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all := make([]Record, 0, len(v.tokens))
	for _, r := range v.tokens {
		all = append(all, r)
	}
	return all
}
