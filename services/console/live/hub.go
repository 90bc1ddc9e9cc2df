package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"plumbline.dev/services/console/session"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb/client"
)

// Limits of the hub.
const (
	MaxSubscriptions = 1000             // of all people
	maxOfPerson      = 100              // of one person
	backlog          = 256              // events that a subscription may lag behind
	linger           = 10 * time.Second // for which a stream goes on without a subscription
	firstWait        = time.Second      // before a failed stream starts again
	longestWait      = 30 * time.Second
)

// Event is an event of a stream. Its value is shared: it must not be changed.
type Event struct {
	Kind  string
	Value any
}

// Away is the value of an event: the stream failed and is started again. Events are missed until [Back].
type Away struct{}

// Back is the value of an event: the stream follows again.
type Back struct{}

// Source runs a stream of a kind with a person's client: it calls emit with [Back] once it follows and then with the
// value of each event, until ctx ends or it fails. It is started again after a failure, unless the credential is
// rejected.
type Source func(ctx context.Context, api *client.Client, emit func(value any)) error

// Hub holds the streams in progress. It is safe for concurrent use.
type Hub struct {
	log     *slog.Logger
	clock   clock.Clock
	sources map[string]Source

	mu      sync.Mutex
	streams map[streamKey]*stream
	open    int            // subscriptions
	people  map[string]int // subscriptions by person
	running sync.WaitGroup
	ended   bool
}

type streamKey struct{ person, kind string }

// stream is a stream in progress.
type stream struct {
	key    streamKey
	ctx    context.Context
	cancel context.CancelFunc
	subs   map[*Subscription]bool
	away   bool // it failed, and does not follow yet
	left   int  // counts the times when the last subscription ended
}

// New returns a hub for kinds of streams.
func New(log *slog.Logger, c clock.Clock, sources map[string]Source) *Hub {
	return &Hub{log: log, clock: c, sources: sources, streams: map[streamKey]*stream{}, people: map[string]int{}}
}

// Subscription receives the events of a stream.
type Subscription struct {
	hub    *Hub
	stream *stream
	events chan Event
	err    error // why events is closed; read after that
}

// Events returns the events. The channel is closed if the subscriber is too slow, if the credential is rejected, and
// when the hub ends.
func (s *Subscription) Events() <-chan Event { return s.events }

// Err returns why the events ended: nil if the subscriber was too slow or the hub ended.
func (s *Subscription) Err() error {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.err
}

// ErrBusy is returned if there are too many subscriptions.
var ErrBusy = errors.New("too many live connections: close some tabs")

// Subscribe returns a subscription to the stream of a kind. The caller closes it.
func (h *Hub) Subscribe(kind string, p session.Person, api *client.Client) (*Subscription, error) {
	source := h.sources[kind]
	if source == nil {
		return nil, fmt.Errorf("there are no live events of kind %q", kind)
	}
	key := streamKey{p.Key(), kind}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended || h.open >= MaxSubscriptions || h.people[key.person] >= maxOfPerson {
		return nil, ErrBusy
	}
	s := h.streams[key]
	if s == nil {
		s = h.start(key, source, api)
	}
	sub := &Subscription{hub: h, stream: s, events: make(chan Event, backlog)}
	if s.away {
		sub.events <- Event{kind, Away{}}
	}
	s.subs[sub] = true
	h.open++
	h.people[key.person]++
	return sub, nil
}

// start begins a stream. The lock is held.
func (h *Hub) start(key streamKey, source Source, api *client.Client) *stream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{key: key, ctx: ctx, cancel: cancel, subs: map[*Subscription]bool{}}
	h.streams[key] = s
	h.running.Go(func() {
		defer cancel()
		h.end(s, h.keep(s, source, api))
	})
	return s
}

// keep runs a source until the stream ends or the credential is rejected.
func (h *Hub) keep(s *stream, source Source, api *client.Client) error {
	ctx, wait := s.ctx, firstWait
	for {
		began := h.clock.Now()
		err := source(ctx, api, func(value any) { h.emit(s, value) })
		if ctx.Err() != nil {
			return nil
		}
		if e, ok := errors.AsType[*client.Error](err); ok &&
			(e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) {
			return err
		}
		h.log.Debug("live stream failed, retrying", "kind", s.key.kind, "err", err)
		h.emit(s, Away{})
		if h.clock.Now().Sub(began) > longestWait {
			wait = firstWait
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.clock.After(wait):
		}
		wait = min(2*wait, longestWait)
	}
}

// emit sends an event to the subscriptions of a stream. One that is too far behind ends. A failure after another, and a
// start without a failure before, are no events.
func (h *Hub) emit(s *stream, value any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, away := value.(Away)
	if _, back := value.(Back); away || back {
		if s.away == away {
			return
		}
		s.away = away
	}
	for sub := range s.subs {
		select {
		case sub.events <- Event{s.key.kind, value}:
		default:
			h.drop(sub)
		}
	}
}

// drop ends a subscription. The lock is held.
func (h *Hub) drop(sub *Subscription) {
	s := sub.stream
	if !s.subs[sub] {
		return
	}
	delete(s.subs, sub)
	close(sub.events)
	h.open--
	if h.people[s.key.person]--; h.people[s.key.person] == 0 {
		delete(h.people, s.key.person)
	}
	if len(s.subs) == 0 {
		s.left++
		go h.stopLater(s, s.left)
	}
}

// stopLater stops a stream that had no subscription for a while: a tab that loads another page comes back.
func (h *Hub) stopLater(s *stream, left int) {
	select {
	case <-h.clock.After(linger):
	case <-s.ctx.Done():
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(s.subs) == 0 && s.left == left {
		s.cancel()
		h.forget(s)
	}
}

// forget makes the next subscription start a new stream. The lock is held.
func (h *Hub) forget(s *stream) {
	if h.streams[s.key] == s {
		delete(h.streams, s.key)
	}
}

// end ends the subscriptions of a stream that is over.
func (h *Hub) end(s *stream, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(s)
	for sub := range s.subs {
		sub.err = why
		h.drop(sub)
	}
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.drop(s)
}

// Close ends every stream and subscription, and waits for the sources.
func (h *Hub) Close() {
	h.mu.Lock()
	h.ended = true
	for _, s := range h.streams {
		s.cancel()
	}
	h.mu.Unlock()
	h.running.Wait()
}

// Open returns the number of streams and of subscriptions.
func (h *Hub) Open() (streams, subscriptions int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams), h.open
}
