package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/servererr"
)

// ErrFull is returned if the server lacks the space to store a message.
var ErrFull = errors.New("NATS has no space to store it")

// writes records failed writes. It is safe for concurrent use.
type writes struct {
	mu      sync.Mutex
	failing map[string]failing // by [subjectKind]
	full    uint64
	silent  uint64
}

// failing describes a kind of subject with failing writes.
type failing struct {
	since, last time.Time
	err         error
	silent      int  // consecutive unanswered writes
	logged      bool // reported in the log and by [Conn.Unwritable]
}

const (
	// silentWrites is the number of consecutive unanswered writes, on an established connection, after which they are
	// reported. After a write error, for instance because of a full disk, a stream does not answer until its server
	// is restarted.
	silentWrites = 3
	// writeMemory is how long a failed write is reported if there is no later write of its kind. A service reported
	// as not ready may get no requests, and would otherwise never write again.
	writeMemory = time.Minute
)

// subjectKind returns the first two tokens of a subject, such as posture.log and $KV.CONFIG.
func subjectKind(subject string) string {
	t := strings.SplitN(subject, ".", 3)
	return strings.Join(t[:min(len(t), 2)], ".")
}

func isUnanswered(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, jetstream.ErrAsyncPublishTimeout)
}

// wrote records the outcome of a write and returns its error, joined with [ErrFull] if there is no space.
func (c *Conn) wrote(subject string, err error) error {
	c.reached(err)
	kind, w, now := subjectKind(subject), &c.writes, time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	f, failed := w.failing[kind]
	switch {
	case servererr.IsFull(err):
		w.full++
		f.err = err
		w.note(kind, f, now)
		c.countFailing(kind, "NATS has no space for messages; the service is not ready until one is stored")
		return errors.Join(ErrFull, err)
	case isUnanswered(err) && c.nc != nil && c.nc.IsConnected():
		w.silent++
		f.err, f.silent = err, f.silent+1
		w.note(kind, f, now)
		if f.silent >= silentWrites {
			c.countFailing(kind,
				"NATS does not answer writes, its disk may be full; the service is not ready until one is stored")
		}
	case failed && (err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrOccupied)):
		delete(w.failing, kind)
		if f.logged {
			c.log.Info("NATS stores messages again", "subject", kind, "after", now.Sub(f.since).Round(time.Second))
		}
	}
	return err
}

// note records a failed write. The caller holds the lock.
func (w *writes) note(kind string, f failing, now time.Time) {
	if w.failing == nil {
		w.failing = map[string]failing{}
	}
	if f.since.IsZero() || now.Sub(f.last) > writeMemory {
		f.since, f.logged = now, false
	}
	f.last = now
	w.failing[kind] = f
}

// countFailing reports a kind of subject as not writable, and logs it the first time. The caller holds the lock.
func (c *Conn) countFailing(kind, what string) {
	f := c.writes.failing[kind]
	if !f.logged {
		c.log.Error(what, "subject", kind, "err", f.err)
	}
	f.logged = true
	c.writes.failing[kind] = f
}

// unwritable returns the reported kinds of subjects, sorted. The caller holds the lock.
func (w *writes) unwritable(now time.Time) (kinds []string) {
	for kind, f := range w.failing {
		if f.logged && now.Sub(f.last) <= writeMemory {
			kinds = append(kinds, kind)
		}
	}
	slices.SortFunc(kinds, cmp.Compare[string])
	return kinds
}

// Unwritable returns an error naming the kinds of messages the server does not store, and the reasons. It returns nil
// if there are none.
func (c *Conn) Unwritable() error {
	w := &c.writes
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []error
	for _, kind := range w.unwritable(time.Now()) {
		f := w.failing[kind]
		all = append(all, fmt.Errorf("%s has not been stored for %v: %w",
			kind, time.Since(f.since).Round(time.Second), f.err))
	}
	return errors.Join(all...)
}

// WriteStats holds the counts of failed writes.
type WriteStats struct {
	Full       uint64 // rejected for lack of space
	Silent     uint64 // unanswered on an established connection
	Unwritable int    // kinds of subjects not writable now
}

// Writes returns the counts of failed writes.
func (c *Conn) Writes() WriteStats {
	w := &c.writes
	w.mu.Lock()
	defer w.mu.Unlock()
	return WriteStats{Full: w.full, Silent: w.silent, Unwritable: len(w.unwritable(time.Now()))}
}
