package evaluator

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/internal/clock"
)

// state is the newest known entry of a page.
type state struct {
	entry *proto.Entry // nil: none
	seq   uint64       // of the entry in the log, now or before eviction
	// expect is the sequence of the page's newest entry in the log, 0 if the log holds none.
	expect uint64
	// digest is the digest of the entry as published, which the next entry's signature names; "" without an entry.
	digest string
}

// store is the bus as an evaluation needs it.
type store interface {
	// newest reads a page's newest entry. It may be old: a commit finds out.
	newest(ctx context.Context, p topology.PageRef) (state, error)
	// page reads an inventory record. Its devices may be old in a replicated bucket.
	page(ctx context.Context, p topology.PageRef) (fold.Page, error)
	// config returns a view of the configuration at a revision or a newer one. The absence of an integration is read
	// from the bucket, not from a view.
	config(ctx context.Context, p topology.PageRef, least uint64) (fold.Config, error)
	// revision reads the newest revision of a resource in CONFIG, including that of its deletion; 0 means none.
	revision(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID) (uint64, error)
	// commit stores a step's entry, as published, and its changes if expect is still the newest of the page in the log,
	// and returns the entry's sequence; else [bus.ErrConflict].
	commit(ctx context.Context, p topology.PageRef, step *fold.Step, as *publication,
		expect uint64) (seq uint64, err error)
}

// evaluator evaluates pages, and caches its reads and writes. It is safe for concurrent use.
type evaluator struct {
	store
	clock   clock.Clock
	metrics *metrics
	signer  func() (*entrysign.Signer, error)
	entries *lru.Cache[topology.PageRef, state]
	pages   *lru.Cache[inventoryKey, fold.Page]
	// wait lets another replica, or another evaluator, get on; it fails when ctx ends.
	wait func(ctx context.Context, d time.Duration) error
}

// inventoryKey names a page; integrations share it.
type inventoryKey struct {
	account proto.Account
	page    topology.PageNumber
}

func newEvaluator(s store, c clock.Clock, m *metrics, signer func() (*entrysign.Signer, error),
	remember int) *evaluator {
	e := &evaluator{store: s, clock: c, metrics: m, signer: signer, wait: wait}
	e.entries, _ = lru.New[topology.PageRef, state](remember) // an error is a size below 1
	e.pages, _ = lru.New[inventoryKey, fold.Page](remember)
	return e
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
