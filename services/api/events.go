package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// eventWriter writes server-sent events, heartbeats between them. A client that takes nothing for
// [slowClient] is given up: nothing is queued for it here.
type eventWriter struct {
	mu         sync.Mutex
	w          http.ResponseWriter
	connection *http.ResponseController
}

const (
	heartbeat  = 15 * time.Second
	slowClient = 30 * time.Second
)

func newEventWriter(w http.ResponseWriter) *eventWriter {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy in between is not to hold events back
	return &eventWriter{w: w, connection: http.NewResponseController(w)}
}

func (e *eventWriter) send(kind, id string, data any) error {
	body, err := encode(data) // one line, its end included
	if err != nil {
		return err
	}
	head := "event: " + kind + "\n"
	if id != "" {
		head += "id: " + id + "\n"
	}
	return e.write(fmt.Appendf(nil, "%sdata: %s\n", head, body))
}

func (e *eventWriter) write(b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.connection.SetWriteDeadline(time.Now().Add(slowClient)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return errGone
	}
	if _, err := e.w.Write(b); err != nil {
		return errGone
	}
	if e.connection.Flush() != nil {
		return errGone
	}
	return nil
}

// beat begins the answer and keeps the connection alive; a client that is gone ends the stream.
func (e *eventWriter) beat(ctx context.Context, gone func()) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		if e.write([]byte(":\n\n")) != nil {
			gone()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
