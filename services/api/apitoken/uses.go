package apitoken

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
)

// useTracker records when API tokens were last used, to the hour, so that a busy token costs one write an hour. Uses
// that are not yet written are lost when the process ends.
type useTracker struct {
	conn *bus.Conn
	log  *slog.Logger

	mu     sync.Mutex
	noted  map[store.TokenKey]proto.Millis // to be written
	newest map[store.TokenKey]proto.Millis // newest use noted by this process
	more   chan struct{}
}

// usesEvery is the resolution of last uses.
const usesEvery = time.Hour

func newUseTracker(conn *bus.Conn, log *slog.Logger) *useTracker {
	return &useTracker{conn: conn, log: log, noted: map[store.TokenKey]proto.Millis{},
		newest: map[store.TokenKey]proto.Millis{}, more: make(chan struct{}, 1)}
}

// note records that a token was used; was is its last known use. A use newer than the last one by less than [usesEvery]
// is dropped.
func (u *useTracker) note(a proto.Account, id proto.ID, was proto.Millis, now time.Time) {
	at := proto.At(now)
	if was != 0 && at < was.Add(usesEvery) {
		return
	}
	k := store.TokenKey{Account: a, ID: id}
	u.mu.Lock()
	known := u.newest[k]
	due := known == 0 || at >= known.Add(usesEvery)
	if due {
		u.newest[k], u.noted[k] = at, at
	}
	u.mu.Unlock()
	if due {
		select {
		case u.more <- struct{}{}:
		default:
		}
	}
}

// Run writes the recorded uses until ctx ends.
func (u *useTracker) Run(ctx context.Context) error {
	for {
		select {
		case <-u.more:
		case <-ctx.Done():
			return nil
		}
		u.mu.Lock()
		noted := u.noted
		u.noted = map[store.TokenKey]proto.Millis{}
		u.mu.Unlock()
		for k, at := range noted {
			if err := u.write(ctx, k, at); err != nil && ctx.Err() == nil {
				u.log.Debug("failed to store the last use of an API token", "token", k.ID, "err", err)
			}
		}
	}
}

// write stores a use unless a later one is stored.
func (u *useTracker) write(ctx context.Context, k store.TokenKey, at proto.Millis) error {
	key := topology.APITokenUsedKey(k.Account, k.ID)
	var last proto.TokenSeen
	revision, err := u.conn.Get(ctx, topology.Tokens, key, &last)
	if errors.Is(err, bus.ErrNotFound) {
		revision, err = 0, nil
	}
	if err == nil && last.At < at {
		_, err = u.conn.Put(ctx, topology.Tokens, key, &proto.TokenSeen{At: at}, revision)
	}
	if errors.Is(err, bus.ErrConflict) {
		return nil // another replica wrote a use of the same hour
	}
	return err
}

// forget removes the last use of a deleted token. An entry left behind is harmless: nothing reads it.
func (u *useTracker) forget(ctx context.Context, a proto.Account, id proto.ID) {
	u.mu.Lock()
	delete(u.noted, store.TokenKey{Account: a, ID: id})
	delete(u.newest, store.TokenKey{Account: a, ID: id})
	u.mu.Unlock()
	key := topology.APITokenUsedKey(a, id)
	revision, err := u.conn.Get(ctx, topology.Tokens, key, new(proto.TokenSeen))
	if err == nil {
		err = u.conn.Delete(ctx, topology.Tokens, key, revision)
	}
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		u.log.Debug("failed to remove the last use of a deleted API token", "token", id, "err", err)
	}
}
