package store

import (
	"context"
	"fmt"
	"sync"
)

// Progress is the progress of a view of a bucket, for callers that wait for it. Its lock also guards the view.
type Progress struct {
	Mu       sync.RWMutex
	bucket   string
	revision uint64
	complete bool // the view has everything that was in the bucket when the watch began
	changed  chan struct{}
}

// NewProgress returns the progress of a view of a bucket, which has seen nothing yet.
func NewProgress(bucket string) Progress {
	return Progress{bucket: bucket, changed: make(chan struct{})}
}

// Saw records a revision. The caller holds the lock.
func (p *Progress) Saw(revision uint64) {
	p.revision = max(p.revision, revision)
	close(p.changed)
	p.changed = make(chan struct{})
}

// InSync records that the view has everything that was in the bucket when its watch began.
func (p *Progress) InSync() {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	p.complete = true
	p.Saw(p.revision)
}

// Await waits until the view has everything that was in the bucket when its watch began.
func (p *Progress) Await(ctx context.Context) error {
	return p.await(ctx, "complete", func() bool { return p.complete })
}

// Changed returns a channel that is closed at the next change of the view.
func (p *Progress) Changed() <-chan struct{} {
	p.Mu.RLock()
	defer p.Mu.RUnlock()
	return p.changed
}

// Revision returns the newest revision that the view has seen.
func (p *Progress) Revision() uint64 {
	p.Mu.RLock()
	defer p.Mu.RUnlock()
	return p.revision
}

// AwaitRevision waits until the view has reached a revision.
func (p *Progress) AwaitRevision(ctx context.Context, revision uint64) error {
	return p.await(ctx, fmt.Sprintf("at revision %d", revision), func() bool { return p.revision >= revision })
}

func (p *Progress) await(ctx context.Context, what string, ok func() bool) error {
	for {
		p.Mu.RLock()
		done, changed, at := ok(), p.changed, p.revision
		p.Mu.RUnlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the view of %s, at revision %d, is not yet %s: %w", p.bucket, at, what, context.Cause(ctx))
		}
	}
}
