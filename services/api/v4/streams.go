package v4

import (
	"context"
	"encoding/json"
	"net/http"
)

// Streams bounds the number of concurrent long responses, and ends them when the service ends.
type Streams struct {
	places chan struct{}
	ending <-chan struct{} // closed when the service ends
}

// NewStreams returns a limit on concurrent long responses. ending is closed when the service ends.
func NewStreams(limit int, ending <-chan struct{}) *Streams {
	return &Streams{places: make(chan struct{}, limit), ending: ending}
}

// Limit returns the largest number of concurrent long responses.
func (s *Streams) Limit() int { return cap(s.places) }

// Open returns the number of long responses in progress.
func (s *Streams) Open() int { return len(s.places) }

// Acquire reserves a place; release frees it. free is false if none is left.
func (s *Streams) Acquire() (release func(), free bool) {
	select {
	case s.places <- struct{}{}:
		return func() { <-s.places }, true
	default:
		return nil, false
	}
}

// Watch calls leave when the service ends. It returns when ctx is done.
func (s *Streams) Watch(ctx context.Context, leave func()) {
	select {
	case <-s.ending:
		leave()
	case <-ctx.Done():
	}
}

// Begin starts a long response. The context ends with the request or the service. The caller must call done when the
// request ends.
func (s *Streams) Begin(w http.ResponseWriter, c *Call) (ctx context.Context, out *LineWriter, done func(), err error) {
	release, free := s.Acquire()
	if !free {
		return nil, nil, nil, Unavailable(nil, "the limit of %d concurrent long responses is reached: try again later",
			s.Limit())
	}
	ctx, leave := context.WithCancel(c.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Watch(ctx, leave)
	}()
	out = &LineWriter{w: w, connection: http.NewResponseController(w)}
	out.encoder = json.NewEncoder(&out.pending)
	out.encoder.SetEscapeHTML(false)
	return ctx, out, func() { leave(); <-ended; release() }, nil
}
