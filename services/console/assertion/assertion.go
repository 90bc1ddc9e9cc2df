package assertion

import (
	"cmp"
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"plumbline.dev/services/console/session"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb/client"
)

const (
	fresh    = 30 * time.Second // for which the control plane's answer is used
	refused  = 5 * time.Second  // the same, for an assertion that it does not accept
	maxKnown = 10_000           // assertions
)

// Members identifies members. It is safe for concurrent use.
type Members struct {
	config func(session.Person) client.Config
	clock  clock.Clock
	mu     sync.Mutex
	known  map[[sha256.Size]byte]member // by assertion
}

type member struct {
	person session.Person
	err    error // why the control plane does not accept the assertion
	until  time.Time
}

// New returns an empty cache of members. config is the configuration of a person's client.
func New(c clock.Clock, config func(session.Person) client.Config) *Members {
	return &Members{config: config, clock: c, known: map[[sha256.Size]byte]member{}}
}

// Identify returns the member whose assertion a request has. It returns an error of the control plane if the assertion
// is not accepted.
func (m *Members) Identify(r *http.Request) (session.Person, error) {
	values := r.Header.Values(client.HeaderAssertion)
	if len(values) != 1 || values[0] == "" {
		return session.Person{}, &client.Error{Status: http.StatusForbidden,
			Message: "the request needs exactly one assertion of the gateway"}
	}
	key := sha256.Sum256([]byte(values[0]))
	m.mu.Lock()
	found, ok := m.known[key]
	m.mu.Unlock()
	if ok && m.clock.Now().Before(found.until) {
		return found.person, found.err
	}
	answer, err := m.ask(r.Context(), values[0])
	if err == nil || client.IsUnauthenticated(err) || client.HasStatus(err, http.StatusForbidden) {
		answer.err = err
		m.keep(key, answer)
	}
	return answer.person, err
}

func (m *Members) keep(key [sha256.Size]byte, answer member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= maxKnown {
		clear(m.known)
	}
	m.known[key] = answer
}

// ask asks the control plane whose an assertion is.
func (m *Members) ask(ctx context.Context, text string) (member, error) {
	p := session.Person{Assertion: text}
	none := member{person: p, until: m.clock.Now().Add(refused)}
	accounts, err := client.Accounts(ctx, m.config(p))
	if err != nil {
		return none, err
	}
	if len(accounts) == 0 {
		return none, &client.Error{Status: http.StatusForbidden, Message: "the member has no account"}
	}
	p.Account = accounts[0].ID
	c, err := client.New(m.config(p))
	if err != nil {
		return none, err
	}
	me, err := c.Me(ctx)
	if err != nil {
		return none, err
	}
	p.Name = cmp.Or(me.Email, me.Name)
	until := m.clock.Now().Add(fresh)
	if !me.ExpiresOn.IsZero() && me.ExpiresOn.Before(until) {
		until = me.ExpiresOn
	}
	return member{person: p, until: until}, nil
}
