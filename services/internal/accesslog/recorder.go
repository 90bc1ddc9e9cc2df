package accesslog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Recorder collects authentications and writes them once a second. It drops and counts authentications beyond its
// bound, and those it cannot write. It is safe for concurrent use.
type Recorder struct {
	conn  *bus.Conn
	log   *slog.Logger
	lost  prometheus.Counter
	bound int

	mu     sync.Mutex
	noted  map[note]*counted
	order  []note
	nobody int // the number of anonymous ones in order
	// recent caches some of noted, found without hashing a whole authentication: a busy client repeats the same one.
	recent [64]struct {
		note
		counted *counted
	}
}

// note is the common part of equal authentications.
type note struct {
	account proto.Account
	proto.Authentication
}

// counted is their number, with the time and request id of the first.
type counted struct {
	at  proto.Millis
	ray string
	n   int
}

const (
	// interval is the time between two writes.
	interval = time.Second
	// batchSize is the number of messages written together.
	batchSize = 128
	// flushTimeout is how long the recorder may write after its end.
	flushTimeout = 2 * time.Second
	// anonymousShare limits anonymous requests to one in anonymousShare of the bound. Strangers can invent any number
	// of distinct ones, and must not displace others.
	anonymousShare = 4
)

// New returns a recorder that holds at most bound distinct authentications until they are written, a quarter of them
// anonymous. lost counts the dropped ones.
func New(conn *bus.Conn, log *slog.Logger, bound int, lost prometheus.Counter) *Recorder {
	return &Recorder{conn: conn, log: log, lost: lost, bound: bound, noted: map[note]*counted{}}
}

// Record records an authentication. It does not block.
func (r *Recorder) Record(account proto.Account, a proto.Authentication) {
	at, ray, n := a.At, a.Ray, max(a.Count, 1)
	a.At, a.Ray, a.Count = 0, "", 0
	k := note{account, a}
	r.mu.Lock()
	defer r.mu.Unlock()
	recent := &r.recent[k.place()]
	if recent.counted != nil && recent.note == k {
		recent.counted.n += n
		return
	}
	if c, ok := r.noted[k]; ok {
		c.n += n
		recent.note, recent.counted = k, c
		return
	}
	nobody := a.ClientID == "" && a.User.IsZero()
	if len(r.order) >= r.bound || nobody && r.nobody >= max(r.bound/anonymousShare, 1) {
		r.lost.Add(float64(n))
		return
	}
	if nobody {
		r.nobody++
	}
	r.noted[k] = &counted{at: at, ray: ray, n: n}
	r.order = append(r.order, k)
}

// place returns the index of a note in recent.
func (n *note) place() int {
	at := uint(n.Application[15]) ^ uint(n.TokenID[15])<<1 ^ uint(n.User[15])<<2
	for i := range n.IP {
		at = at*31 + uint(n.IP[i])
	}
	return int(at % 64) //nolint:gosec // below 64
}

// Run writes until ctx ends, and then once more.
func (r *Recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.write(ctx, r.take())
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
			defer cancel()
			r.write(last, r.take())
			return nil
		}
	}
}

// take returns the collected authentications in the order of their first occurrence.
func (r *Recorder) take() []bus.Outgoing {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]bus.Outgoing, len(r.order))
	for i, k := range r.order {
		c, a := r.noted[k], k.Authentication
		a.Account, a.At, a.Ray, a.Count = k.account, c.at, c.ray, c.n
		all[i] = bus.Outgoing{Subject: topology.AccessLog(k.account, a.Application), Body: &a}
	}
	clear(r.noted)
	clear(r.recent[:])
	r.order, r.nobody = r.order[:0], 0
	return all
}

func (r *Recorder) write(ctx context.Context, all []bus.Outgoing) {
	lost, why := 0, error(nil)
	for len(all) > 0 {
		part := all[:min(len(all), batchSize)]
		all = all[len(part):]
		for i, err := range r.conn.PublishAll(ctx, part) {
			if err != nil {
				lost, why = lost+part[i].Body.(*proto.Authentication).Count, err
			}
		}
	}
	if lost > 0 {
		r.lost.Add(float64(lost))
		r.log.Warn("authentications were not recorded in ACCESS_LOG", "lost", lost, "err", why)
	}
}
