package v4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// EventWriter writes server-sent events and heartbeats. A client that reads nothing for [slowClient] is disconnected,
// since nothing is queued for it.
type EventWriter struct {
	mu         sync.Mutex
	w          http.ResponseWriter
	connection *http.ResponseController
}

// ErrClientGone is the error for a client that left or stopped reading.
var ErrClientGone = errors.New("the client is gone")

const (
	heartbeat  = 15 * time.Second
	slowClient = 30 * time.Second
)

// NewEventWriter returns a writer of server-sent events. It sets the headers of the response.
func NewEventWriter(w http.ResponseWriter) *EventWriter {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // keeps proxies from buffering events
	return &EventWriter{w: w, connection: http.NewResponseController(w)}
}

// Send sends an event with JSON data. An empty id is omitted.
func (e *EventWriter) Send(kind, id string, data any) error {
	body, err := Encode(data) // one line, including its end
	if err != nil {
		return err
	}
	head := "event: " + kind + "\n"
	if id != "" {
		head += "id: " + id + "\n"
	}
	return e.write(fmt.Appendf(nil, "%sdata: %s\n", head, body))
}

func (e *EventWriter) write(b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.connection.SetWriteDeadline(time.Now().Add(slowClient)); err != nil &&
		!errors.Is(err, http.ErrNotSupported) {
		return ErrClientGone
	}
	if _, err := e.w.Write(b); err != nil {
		return ErrClientGone
	}
	if e.connection.Flush() != nil {
		return ErrClientGone
	}
	return nil
}

// Beat starts the response and keeps the connection alive. It calls gone if the client is gone.
func (e *EventWriter) Beat(ctx context.Context, gone func()) {
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
