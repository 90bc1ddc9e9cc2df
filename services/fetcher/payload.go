package fetcher

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// payload is a request's body in a reusable buffer. An HTTP transport may go on reading a body after it has returned a
// response, so the buffer is released only after its owner and every reader are done.
type payload struct {
	data []byte
	uses atomic.Int32
}

var payloads = sync.Pool{New: func() any { return new(payload) }}

// maxPooledPayload keeps one page of very long fields from staying in memory.
const maxPooledPayload = 2 << 20

// newPayload is an empty payload; its owner fills it and releases it.
func newPayload() *payload {
	p := payloads.Get().(*payload)
	p.data = p.data[:0]
	p.uses.Store(1)
	return p
}

func (p *payload) release() {
	if p.uses.Add(-1) == 0 && cap(p.data) <= maxPooledPayload {
		payloads.Put(p)
	}
}

// reader reads the payload from its beginning. It must be closed.
func (p *payload) reader() io.ReadCloser {
	p.uses.Add(1)
	return &payloadReader{payload: p}
}

type payloadReader struct {
	mu      sync.Mutex
	payload *payload // nil once closed
	at      int
}

var errBodyClosed = errors.New("the request's body was closed")

func (r *payloadReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.payload == nil {
		return 0, errBodyClosed
	}
	if r.at == len(r.payload.data) {
		return 0, io.EOF
	}
	n := copy(b, r.payload.data[r.at:])
	r.at += n
	return n, nil
}

func (r *payloadReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.payload != nil {
		r.payload.release()
		r.payload = nil
	}
	return nil
}
