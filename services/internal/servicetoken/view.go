package servicetoken

import (
	"errors"
	"strings"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// View holds the service tokens of every account, kept up to date by a watch. A changed, disabled or deleted token is
// treated as such as soon as the change arrives. It is safe for concurrent use.
type View struct {
	*view.View

	mu     sync.RWMutex
	tokens map[user]Record // by account and Client ID in lower case
	keys   map[string]user // of tokens
}

// Record is a service token. Its embedded token is nil if there is none, and must not be modified.
type Record struct {
	*proto.ServiceToken
	Account  proto.Account
	Revision uint64 // of its key in TOKENS; it changes with every change of the token
}

// NewView returns an empty view. Its Run fills it.
func NewView(conn *bus.Conn) *View {
	v := &View{tokens: map[user]Record{}, keys: map[string]user{}}
	v.View = view.New(conn, topology.Tokens, []string{topology.AllServiceTokenKeys}, v.apply)
	return v
}

func (v *View) apply(u bus.Update) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.tokens, v.keys[u.Key])
	delete(v.keys, u.Key)
	if u.Deleted {
		return nil
	}
	t := new(proto.ServiceToken)
	if err := u.Decode(t); err != nil {
		return err // the token stops working
	}
	of := user{topology.AccountOf(u.Key), strings.ToLower(t.ClientID)}
	if key, err := topology.ServiceTokenKey(of.account, of.clientID); err != nil || key != u.Key {
		return errors.New("the token does not match its key")
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
