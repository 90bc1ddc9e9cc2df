package apitest

import (
	"encoding/json"
	"net/http"
	"testing"
)

// Response is a response with its decoded envelope.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	Success    bool
	Errors     []Message
	Messages   []Message
	Result     json.RawMessage
	ResultInfo map[string]any `json:"result_info"`
}

// Message is an error or a message of an envelope.
type Message struct {
	Code    int
	Message string
	Detail  map[string]any `json:"x_detail"`
}

// Message returns the message with a code, or an empty text.
func (r Response) Message(code int) string {
	for _, m := range r.Messages {
		if m.Code == code {
			return m.Message
		}
	}
	return ""
}

// Object returns a result that is an object.
func (r Response) Object(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(r.Result, &m); err != nil {
		t.Fatalf("%d %s: %v", r.Status, r.Body, err)
	}
	return m
}
