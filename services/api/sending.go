package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// sender writes a long answer, as fast as the client takes it: nothing is queued for it but what it is sent
// next. A client that takes nothing for [slowClient] is given up.
type sender struct {
	w          http.ResponseWriter
	connection *http.ResponseController
	pending    bytes.Buffer
	encoder    *json.Encoder // into pending
	sent       bool
	failed     error
}

// sendAt is how much is gathered before it is sent.
const sendAt = 64 << 10

// sending begins a long answer. Its context ends with the request, or with the service; done is to be called
// at the end of the request.
func (s *Service) sending(w http.ResponseWriter, c *call) (ctx context.Context, out *sender, done func(), err error) {
	select {
	case s.streams <- struct{}{}:
	default:
		return nil, nil, nil, unavailable(nil, "%d clients are sent long answers already: try again later", s.cfg.Streams)
	}
	ctx, leave := context.WithCancel(c.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-s.ending:
			leave()
		case <-ctx.Done():
		}
	}()
	out = &sender{w: w, connection: http.NewResponseController(w)}
	out.encoder = json.NewEncoder(&out.pending)
	out.encoder.SetEscapeHTML(false)
	return ctx, out, func() { leave(); <-ended; <-s.streams }, nil
}

func (o *sender) text(s string) { o.pending.WriteString(s) }

// line writes one value and the end of its line. What cannot be encoded, or not be sent, fails the next flush.
func (o *sender) line(v any) {
	if o.failed != nil {
		return
	}
	if o.failed = o.encoder.Encode(v); o.failed != nil {
		return
	}
	if o.pending.Len() >= sendAt {
		o.failed = o.flush()
	}
}

// flush sends what was gathered.
func (o *sender) flush() error {
	if o.failed != nil {
		return o.failed
	}
	if o.pending.Len() == 0 {
		return nil
	}
	if err := o.connection.SetWriteDeadline(time.Now().Add(slowClient)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return errGone
	}
	o.sent = true
	if _, err := o.pending.WriteTo(o.w); err != nil {
		return errGone
	}
	if err := o.connection.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return errGone
	}
	return nil
}

// cut is what a handler returns of an error: once something was sent, the connection is closed, so that the
// client sees that the answer is not whole.
func (o *sender) cut(err error) error {
	if err != nil && o.sent {
		return http.ErrAbortHandler
	}
	return err
}
