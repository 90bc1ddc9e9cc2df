package client

import (
	"context"
	"encoding/json"
)

type warningKey struct{}

// WithWarnings returns a context whose calls have warn told of each message that the control plane adds to an answer
// that is no error: what it saved and has doubts about, or what a list leaves out. warn must be safe for concurrent use.
func WithWarnings(ctx context.Context, warn func(message string)) context.Context {
	return context.WithValue(ctx, warningKey{}, warn)
}

func (e *envelope) warn(ctx context.Context) {
	warn, _ := ctx.Value(warningKey{}).(func(string))
	if warn == nil {
		return
	}
	for _, m := range e.Messages {
		if m.Message != "" {
			warn(m.Message)
		}
	}
}

type message struct {
	Message string `json:"message"`
}

// messages are what an answer has beside its result. They never make an answer unreadable: some servers send texts in
// place of objects.
type messages []message

// UnmarshalJSON leaves out what has no text.
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
