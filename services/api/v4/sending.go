package v4

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// LineWriter writes a long response as fast as the client reads it, with a bounded buffer. It gives up on a client that
// reads nothing for [slowClient].
type LineWriter struct {
	w          http.ResponseWriter
	connection *http.ResponseController
	pending    bytes.Buffer
	encoder    *json.Encoder // into pending
	Sent       bool
	failed     error
}

// sendAt is the buffer size at which data is sent, in bytes.
const sendAt = 64 << 10

// Text writes text to the buffer.
func (o *LineWriter) Text(s string) { o.pending.WriteString(s) }

// Line writes one value and a newline. Errors of encoding or sending are returned by the next Flush.
func (o *LineWriter) Line(v any) {
	if o.failed != nil {
		return
	}
	if o.failed = o.encoder.Encode(v); o.failed != nil {
		return
	}
	if o.pending.Len() >= sendAt {
		o.failed = o.Flush()
	}
}

// Flush sends the buffered data.
func (o *LineWriter) Flush() error {
	if o.failed != nil {
		return o.failed
	}
	if o.pending.Len() == 0 {
		return nil
	}
	if err := o.connection.SetWriteDeadline(time.Now().Add(slowClient)); err != nil &&
		!errors.Is(err, http.ErrNotSupported) {
		return ErrClientGone
	}
	o.Sent = true
	if _, err := o.pending.WriteTo(o.w); err != nil {
		return ErrClientGone
	}
	if err := o.connection.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return ErrClientGone
	}
	return nil
}

// Cut returns the error for a handler to return. If data was sent already, the connection is closed, so that the client
// notices that the response is incomplete.
func (o *LineWriter) Cut(err error) error {
	if err != nil && o.Sent {
		return http.ErrAbortHandler
	}
	return err
}
