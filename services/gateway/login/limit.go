package login

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// Bounds of the calls to identity providers.
const (
	// maxCalls is the number of concurrent calls to one identity provider. One client address gets a quarter of
	// them. Further logins are asked to try again.
	maxCalls = 64
	// clientShare is the share of a provider's slots for one client address: one in clientShare.
	clientShare = 4
	// clientBurst is the number of calls that one client address may cause at once; it may cause one more every
	// clientEvery.
	clientBurst = 100
	clientEvery = 200 * time.Millisecond
	// limitedClients is the number of remembered client addresses. The least recently used one is dropped.
	limitedClients = 1 << 14
)

// limiter bounds the calls to identity providers. Each provider has its own slots, so that a flood of logins at one
// does not affect the others, and no client address gets more than a share of them. The limiter is safe for
// concurrent use. Its memory is bounded by the current calls and by limitedClients.
type limiter struct {
	clock clock.Clock
	slots int

	mu      sync.Mutex
	busy    map[slot]int // current calls of each provider, and of each client at each provider
	clients *lru.Cache[netip.Prefix, time.Time]
}

// slot identifies a counter: a provider, or, with a valid client, a client at a provider.
type slot struct {
	account  proto.Account
	provider proto.ID
	client   netip.Prefix
}

func newLimiter(slots int, c clock.Clock) (*limiter, error) {
	clients, err := lru.New[netip.Prefix, time.Time](limitedClients)
	if err != nil {
		return nil, fmt.Errorf("limits of client addresses: %w", err)
	}
	return &limiter{clock: c, slots: slots, busy: map[slot]int{}, clients: clients}, nil
}

// take takes a slot of a provider for a client, until done is called. ok is false if the provider's slots or the
// client's share are exhausted. A client without a known address is limited by the provider's slots only.
func (l *limiter) take(r idpRecord, client netip.Addr) (done func(), ok bool) {
	whole := slot{account: r.Account, provider: r.Value.ID}
	part := whole
	part.client = network(client)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[whole] >= l.slots || part != whole && l.busy[part] >= max(1, l.slots/clientShare) {
		return nil, false
	}
	l.count(whole, part, 1)
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.count(whole, part, -1)
	}), true
}

// count adds calls to the slots. The lock must be held.
func (l *limiter) count(whole, part slot, by int) {
	for n, s := range [...]slot{whole, part} {
		if n == 1 && part == whole {
			return
		}
		if l.busy[s] += by; l.busy[s] == 0 {
			delete(l.busy, s)
		}
	}
}

// allow reports whether a client address may cause one more call now, and counts it. The stored time is when the
// client's allowance is full again.
func (l *limiter) allow(client netip.Addr) bool {
	from := network(client)
	if !from.IsValid() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	whole, _ := l.clients.Get(from)
	if whole.Before(now) {
		whole = now
	}
	if whole = whole.Add(clientEvery); whole.Sub(now) > clientBurst*clientEvery {
		return false
	}
	l.clients.Add(from, whole)
	return true
}

// network returns the network that an address is counted as: a /64 for IPv6.
func network(a netip.Addr) netip.Prefix {
	if !a.IsValid() {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
