package v4

import (
	"context"
	"encoding/json"
	"net/http"
)

// Streams bounds how many clients are sent long answers at once, and ends these answers when the service ends.
type Streams struct {
	places chan struct{}
	ending <-chan struct{} // closed when the service ends
}

func NewStreams(limit int, ending <-chan struct{}) *Streams {
	return &Streams{places: make(chan struct{}, limit), ending: ending}
}

// Limit returns how many clients are served at once.
func (s *Streams) Limit() int { return cap(s.places) }

// Open returns how many clients are served now.
func (s *Streams) Open() int { return len(s.places) }

// Acquire takes one of the places, which release gives back. It reports false if none is free.
func (s *Streams) Acquire() (release func(), free bool) {
	select {
	case s.places <- struct{}{}:
		return func() { <-s.places }, true
	default:
		return nil, false
	}
}

// Watch calls leave when the service ends. It returns when ctx does.
func (s *Streams) Watch(ctx context.Context, leave func()) {
	select {
	case <-s.ending:
		leave()
	case <-ctx.Done():
	}
}

// Begin begins a long answer. The context ends with the request, or with the service; the caller calls done when the
// request ends.
func (s *Streams) Begin(w http.ResponseWriter, c *Call) (ctx context.Context, out *LineWriter, done func(), err error) {
	release, free := s.Acquire()
	if !free {
		return nil, nil, nil, Unavailable(nil, "%d clients are sent long answers already: try again later", s.Limit())
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
