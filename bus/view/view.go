// Package view keeps copies of buckets up to date in memory.
package view

import (
	"context"
	"fmt"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// View keeps an in-memory copy of a bucket up to date. Embed it in the type that stores the decoded values. Readers can
// wait until that type is in sync with the bucket. A View is safe for concurrent use.
type View struct {
	conn   *bus.Conn
	bucket string
	keys   []string
	apply  func(bus.Update) error

	mu       sync.Mutex
	revision uint64
	changed  chan struct{}
	synced   chan struct{}
}

// New returns a view of the matching keys of a bucket. [View.Run] calls apply for each update, one at a time, in
// order of revision. An error that apply returns is reported as an unreadable record, with its key, and does not end
// the view: one record must not affect the others. The type's own lock guards what apply changes.
func New(c *bus.Conn, bucket string, keys []string, apply func(bus.Update) error) *View {
	return &View{conn: c, bucket: bucket, keys: keys, apply: apply, changed: make(chan struct{}),
		synced: make(chan struct{})}
}

// Run waits for the bucket and keeps the view up to date until ctx ends. It then returns nil. It may run again
// afterwards, and reads the bucket anew.
func (v *View) Run(ctx context.Context) error {
	if err := v.conn.AwaitTopology(ctx, topology.BucketStream(v.bucket)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return v.conn.Watch(ctx, v.bucket, v.keys, func(u bus.Update) error {
		if err := v.apply(u); err != nil {
			v.conn.Unreadable(topology.BucketStream(v.bucket), u.Key, u.Revision, err)
		}
		v.saw(u.Revision)
		return nil
	}, v.complete)
}

// saw records a revision after apply has handled it, and wakes all waiters.
func (v *View) saw(revision uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.revision = max(v.revision, revision)
	close(v.changed)
	v.changed = make(chan struct{})
}

// complete records that the view contains the initial values.
func (v *View) complete() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.InSync() {
		close(v.synced)
	}
	close(v.changed)
	v.changed = make(chan struct{})
}

// InSync reports whether the view contains everything that the bucket contained when Run first began.
func (v *View) InSync() bool {
	select {
	case <-v.synced:
		return true
	default:
		return false
	}
}

// Synced returns a channel that is closed once the view is in sync: see [View.InSync].
func (v *View) Synced() <-chan struct{} { return v.synced }

// Revision returns the newest revision of the view's keys that apply has handled. It never decreases.
func (v *View) Revision() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.revision
}

// Changed returns a channel that is closed after the next update, and once when the view is in sync.
func (v *View) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// Await waits until the view is in sync: see [View.InSync].
func (v *View) Await(ctx context.Context) error { return v.AwaitUntil(ctx, "complete", v.InSync) }

// AwaitRevision waits until the view has seen a revision of its keys, or a later one.
func (v *View) AwaitRevision(ctx context.Context, revision uint64) error {
	return v.AwaitUntil(ctx, fmt.Sprintf("at revision %d", revision), func() bool { return v.Revision() >= revision })
}

// AwaitUntil waits until ok returns true. It calls ok after each update. what completes the error message if ctx ends
// first: "the view of CONFIG, at revision 7, is not yet " + what.
func (v *View) AwaitUntil(ctx context.Context, what string, ok func() bool) error {
	for {
		changed := v.Changed()
		if ok() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the view of %s, at revision %d, is not yet %s: %w", v.bucket, v.Revision(), what,
				context.Cause(ctx))
		}
	}
}
