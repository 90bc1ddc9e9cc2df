package v4

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// LineWriter writes a long answer, as fast as the client takes it: nothing is queued for it but what it is sent
// next. A client that takes nothing for [slowClient] is given up.
type LineWriter struct {
	w          http.ResponseWriter
	connection *http.ResponseController
	pending    bytes.Buffer
	encoder    *json.Encoder // into pending
	Sent       bool
	failed     error
}

// sendAt is how much is gathered before it is sent.
const sendAt = 64 << 10

func (o *LineWriter) Text(s string) { o.pending.WriteString(s) }

// Line writes one value and the end of its line. What cannot be encoded, or not be sent, fails the next flush.
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

// Flush sends what was gathered.
func (o *LineWriter) Flush() error {
	if o.failed != nil {
		return o.failed
	}
	if o.pending.Len() == 0 {
		return nil
	}
	if err := o.connection.SetWriteDeadline(time.Now().Add(slowClient)); err != nil && !errors.Is(err, http.ErrNotSupported) {
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

// Cut is what a handler returns of an error: once something was sent, the connection is closed, so that the
// client sees that the answer is not whole.
func (o *LineWriter) Cut(err error) error {
	if err != nil && o.Sent {
		return http.ErrAbortHandler
	}
	return err
}
