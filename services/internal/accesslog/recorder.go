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

// Recorder takes note of authentications and writes them once a second. What does not fit into its bound,
// or cannot be written, is lost and counted. It is safe for concurrent use.
type Recorder struct {
	conn  *bus.Conn
	log   *slog.Logger
	lost  prometheus.Counter
	bound int

	mu     sync.Mutex
	noted  map[note]*counted
	order  []note
	nobody int // of order, those of nobody known
	// recent are some of noted, found without hashing all that an authentication says: a client that asks often
	// asks for the same.
	recent [64]struct {
		note
		counted *counted
	}
}

// note is what equal authentications have in common.
type note struct {
	account proto.Account
	proto.Authentication
}

// counted is how many they are, and the first of them.
type counted struct {
	at  proto.Millis
	ray string
	n   int
}

const (
	// interval is how often what was noted is written.
	interval = time.Second
	// atOnce is how many messages are written together.
	atOnce = 128
	// lastWords is how long the recorder may write on after its end.
	lastWords = 2 * time.Second
	// nobodys is the part of the bound, one in so many, that requests of nobody known may take: strangers can
	// make up any number of different ones, which must not push out what is known of somebody.
	nobodys = 4
)

// New makes a recorder that keeps at most bound different authentications until they are written, a quarter
// of them those of nobody known. lost counts those that were not.
func New(conn *bus.Conn, log *slog.Logger, bound int, lost prometheus.Counter) *Recorder {
	return &Recorder{conn: conn, log: log, lost: lost, bound: bound, noted: map[note]*counted{}}
}

// Record takes note of an authentication and returns at once.
func (r *Recorder) Record(account proto.Account, a proto.Authentication) {
	first := counted{at: a.At, ray: a.Ray, n: max(a.Count, 1)}
	a.At, a.Ray, a.Count = 0, "", 0
	k := note{account, a}
	r.mu.Lock()
	defer r.mu.Unlock()
	recent := &r.recent[k.place()]
	if recent.counted != nil && recent.note == k {
		recent.counted.n += first.n
		return
	}
	if c, ok := r.noted[k]; ok {
		c.n += first.n
		recent.note, recent.counted = k, c
		return
	}
	nobody := a.ClientID == "" && a.User.IsZero()
	if len(r.order) >= r.bound || nobody && r.nobody >= max(r.bound/nobodys, 1) {
		r.lost.Add(float64(first.n))
		return
	}
	if nobody {
		r.nobody++
	}
	r.noted[k] = &first
	r.order = append(r.order, k)
}

// place is where a note may be among the recent ones.
func (n *note) place() int {
	at := uint(n.Application[15]) ^ uint(n.TokenID[15])<<1 ^ uint(n.User[15])<<2
	for i := range n.IP {
		at = at*31 + uint(n.IP[i])
	}
	return int(at % 64) //nolint:gosec // below 64
}

// Run writes until ctx ends, then what is left.
func (r *Recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.write(ctx, r.take())
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			r.write(last, r.take())
			return nil
		}
	}
}

// take gives what was noted, in the order in which it first happened.
func (r *Recorder) take() []bus.Outgoing {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]bus.Outgoing, len(r.order))
	for i, k := range r.order {
		c, a := r.noted[k], k.Authentication
		a.At, a.Ray, a.Count = c.at, c.ray, c.n
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
		part := all[:min(len(all), atOnce)]
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
