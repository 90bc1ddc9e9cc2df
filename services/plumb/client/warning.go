package client

import (
	"context"
	"encoding/json"
	"net/http"
)

type warningKey struct{}

type listener struct {
	warn    func(message string)
	changes bool // only messages about changes
}

// WithWarnings returns a context for calls. warn is called with each message in a successful response: doubts about a
// stored value, or the members left out of a list. warn must be safe for concurrent use.
func WithWarnings(ctx context.Context, warn func(message string)) context.Context {
	return context.WithValue(ctx, warningKey{}, listener{warn: warn})
}

// WithDoubts is like [WithWarnings] without the messages of requests that only read.
func WithDoubts(ctx context.Context, warn func(message string)) context.Context {
	return context.WithValue(ctx, warningKey{}, listener{warn: warn, changes: true})
}

// warn tells the messages of a response to a request with a method.
func (e *envelope) warn(ctx context.Context, method string) {
	l, ok := ctx.Value(warningKey{}).(listener)
	if !ok || l.changes && method == http.MethodGet {
		return
	}
	for _, m := range e.Messages {
		if m.Message != "" {
			l.warn(m.Message)
		}
	}
}

type message struct {
	Message string `json:"message"`
}

// messages are the messages of a response. They never make a response unreadable: some servers send strings in place of
// objects.
type messages []message

// UnmarshalJSON ignores messages without text.
func (m *messages) UnmarshalJSON(data []byte) error {
	var all []json.RawMessage
	_ = json.Unmarshal(data, &all)
	for _, raw := range all {
		var one message
		if json.Unmarshal(raw, &one) != nil {
			_ = json.Unmarshal(raw, &one.Message)
		}
		*m = append(*m, one)
	}
	return nil
}
