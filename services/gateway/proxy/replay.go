package proxy

import (
	"errors"
	"io"
	"sync"
)

// maxReplay bounds the part of a request's body that is kept, in bytes. The transport reads less than this before it
// first writes to the origin.
const maxReplay = 64 << 10

var (
	errNoReplay  = errors.New("the request's body cannot be sent again")
	errOtherTurn = errors.New("the request's body is read by a later attempt")
)

// replay is a request's body that can be read again from its beginning, until more than maxReplay bytes have been
// read or no further attempt is possible. It never reads ahead: it reads from the client only when the origin's
// connection accepts more.
type replay struct {
	from io.Reader
	// again reports whether another attempt is still possible.
	again func() bool

	mu      sync.Mutex
	kept    []byte // all bytes read so far
	gone    bool   // the body cannot be read again
	reading bool
	turn    *turn // the current attempt
}

// turn is the body as read by one attempt.
type turn struct {
	of *replay
	at int // offset in kept
}

// body returns the body for the next attempt. It implements [http.Request.GetBody].
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
	if r.gone = r.gone || len(r.kept)+n > maxReplay || !r.again(); r.gone {
		r.kept, t.at = nil, 0
	} else {
		r.kept = append(r.kept, p[:n]...)
		t.at = len(r.kept)
	}
	return n, err
}

// Close ends the attempt. The server closes the client's body itself.
func (t *turn) Close() error {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.of.turn == t {
		t.of.turn = nil
	}
	return nil
}
