package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is what a handler gives: the result and what goes with it in the envelope of api/README.md 1.1.
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
}

func ok(result any) answer { return answer{result: result} }

// body is the envelope with what is in it. A list whose parts are encoded already is put together of them:
// nothing is read through again.
func (a answer) body() ([]byte, error) {
	var messages, result, info []byte
	var err error
	if list, ok := a.result.(listing); !ok {
		result, err = encode(a.result)
	} else {
		result = list.join()
	}
	if err == nil && len(a.messages) > 0 {
		messages, err = encode(a.messages)
	} else {
		messages = []byte("[]")
	}
	if err == nil && a.info != nil {
		info, err = encode(a.info)
	}
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(result)+len(messages)+len(info)+128)
	b = append(b, `{"success":true,"errors":[],"messages":`...)
	b = append(b, bytes.TrimSpace(messages)...)
	b = append(b, `,"result":`...)
	b = append(b, bytes.TrimSpace(result)...)
	if info != nil {
		b = append(b, `,"result_info":`...)
		b = append(b, bytes.TrimSpace(info)...)
	}
	return append(b, "}\n"...), nil
}

// write sends an answer. What cannot be encoded is an internal error, and nothing of it goes out.
func (a answer) write(w http.ResponseWriter) error {
	body, err := a.body()
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
	if p.transient {
		w.Header().Set("Retry-After", retryAfter)
	}
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	send(w, p.status, body)
}

// retryAfter is when a client may ask again after what may be gone by then, in seconds.
const retryAfter = "1"

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
