package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is what a handler gives: the result and what goes with it in the envelope of contract.md 1.1.
type answer struct {
	status   int // 0 means 200
	result   any
	info     any // of a list
	messages []notice
	// beside, where it is set, has members that stand in the envelope too: an object.
	beside any
	// revision, where it is not 0, is the resource's: it goes out as the ETag.
	revision uint64
}

// notice is an error, or a message, in the envelope.
type notice struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type envelope struct {
	Success  bool     `json:"success"`
	Errors   []notice `json:"errors"`
	Messages []notice `json:"messages"`
	Result   any      `json:"result"`
	Info     any      `json:"result_info,omitempty"`
}

func ok(result any) answer { return answer{result: result} }

// write sends an answer. What cannot be encoded is an internal error, and nothing of it goes out.
func (a answer) write(w http.ResponseWriter) error {
	e := envelope{Success: true, Errors: []notice{}, Messages: a.messages, Result: a.result, Info: a.info}
	if e.Messages == nil {
		e.Messages = []notice{}
	}
	body, err := encode(e)
	if err != nil {
		return err
	}
	if a.beside != nil {
		body = splice(body, a.beside)
	}
	if a.revision != 0 {
		w.Header().Set("ETag", etag(a.revision))
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	send(w, a.status, body)
	return nil
}

func (p *problem) write(w http.ResponseWriter) {
	body, _ := encode(envelope{Errors: []notice{{p.code, p.message}}, Messages: []notice{}})
	if p.status == http.StatusConflict || p.status >= 500 && !p.transient {
		w.Header().Set("X-Should-Retry", "false")
	}
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	send(w, p.status, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// encode leaves < and > as they are: operators are echoed as they were sent.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }
