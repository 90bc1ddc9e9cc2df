package proxy

import (
	"errors"
	"io"
	"sync"
)

// maxReplay bounds what is kept of a request's body, in bytes. What the transport reads of a body before it first
// writes to the origin fits.
const maxReplay = 64 << 10

var (
	errNoReplay  = errors.New("the request's body cannot be sent again")
	errOtherTurn = errors.New("the request's body is read by a later attempt")
)

// replay is a request's body that can be read again from its beginning, until more than maxReplay bytes of it have
// been read. It waits for nothing: what a client has not sent yet is read when the origin's connection takes it.
type replay struct {
	from io.Reader

	mu      sync.Mutex
	kept    []byte // what was read so far
	gone    bool   // more was read
	reading bool
	turn    *turn // the one that may read
}

// turn is the body as one attempt reads it.
type turn struct {
	of *replay
	at int // in kept
}

// body is the body for the next attempt, [http.Request.GetBody].
func (r *replay) body() (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone || r.reading {
		return nil, errNoReplay
	}
	r.turn = &turn{of: r}
	return r.turn, nil
}

// Read implements [io.Reader].
func (t *turn) Read(p []byte) (int, error) {
	r := t.of
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.turn != t || r.reading:
		return 0, errOtherTurn
	case t.at < len(r.kept):
		n := copy(p, r.kept[t.at:])
		t.at += n
		return n, nil
	}
	r.reading = true
	r.mu.Unlock()
	n, err := r.from.Read(p)
	r.mu.Lock()
	r.reading = false
	if r.gone = r.gone || len(r.kept)+n > maxReplay; r.gone {
		r.kept, t.at = nil, 0
	} else {
		r.kept = append(r.kept, p[:n]...)
		t.at = len(r.kept)
	}
	return n, err
}

// Close ends the attempt. The body itself belongs to the server.
func (t *turn) Close() error {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.of.turn == t {
		t.of.turn = nil
	}
	return nil
}
