package v4

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"plumbline.dev/proto"
)

// Response is the result of a handler, with the other members of the envelope of api/README.md 1.1.
type Response struct {
	Status   int // 0: 200
	Result   any
	Info     any // page information of a list
	Messages []Notice
	// Beside is an object with further members for the envelope, or nil.
	Beside any
	// Revision is the resource's revision, which is sent as the ETag; 0: no ETag.
	Revision uint64
}

// HeaderMessages is the header that asks for the messages of routes with TextMessages.
const HeaderMessages = "X-Plumbline-Messages"

// Notice is an error or a message in the envelope.
type Notice struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	// Detail has the facts of the message for programs.
	Detail any `json:"x_detail,omitempty" says:"Facts for programs. A 409 about a hold has its state, by and decided_at; one about expect_flips has flips, devices and expect_flips."`
}

type envelope struct {
	Success  bool     `json:"success"`
	Errors   []Notice `json:"errors"`
	Messages []Notice `json:"messages"`
	Result   any      `json:"result"`
}

// OK returns a response with status 200.
func OK(result any) Response { return Response{Result: result} }

// body returns the JSON of the envelope. The parts of a [RawList] are joined without encoding them again.
func (a Response) body() ([]byte, error) {
	var messages, result, info []byte
	var err error
	if list, ok := a.Result.(RawList); !ok {
		result, err = Encode(a.Result)
	} else {
		result = list.join()
	}
	if err == nil && len(a.Messages) > 0 {
		messages, err = Encode(a.Messages)
	} else {
		messages = []byte("[]")
	}
	if err == nil && a.Info != nil {
		info, err = Encode(a.Info)
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

// Write sends a response. If encoding fails, it returns an error and sends nothing.
func (a Response) Write(w http.ResponseWriter) error {
	body, err := a.body()
	if err != nil {
		return err
	}
	if a.Beside != nil {
		body = Splice(body, a.Beside)
	}
	if a.Revision != 0 {
		w.Header().Set("ETag", etag(a.Revision))
	}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	SendJSON(w, a.Status, body)
	return nil
}

func (p *Error) write(w http.ResponseWriter) {
	body, _ := Encode(envelope{Errors: []Notice{{p.code, p.Message, p.detail}}, Messages: []Notice{}})
	if p.Status == http.StatusConflict || p.Status >= 500 && !p.transient {
		w.Header().Set("X-Should-Retry", "false")
	}
	if p.transient {
		w.Header().Set("Retry-After", retryAfter)
	}
	if p.unwritten {
		w.Header().Set("X-Should-Retry", "true")
	}
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	SendJSON(w, p.Status, body)
}

// retryAfter is the delay before a client should retry after a transient error, in seconds.
const retryAfter = "1"

// SendJSON sends a JSON body.
func SendJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left needs no response
}

// Encode returns the JSON of a value. It does not escape < and >, since operators are returned as sent.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// RawList is a list of encoded parts.
type RawList []json.RawMessage

func (l RawList) join() []byte {
	size := len("[]")
	for _, one := range l {
		size += len(one) + len(",")
	}
	b := append(make([]byte, 0, size), '[')
	for n, one := range l {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, one...)
	}
	return append(b, ']')
}

// IDOnly is the result of a deletion.
type IDOnly struct {
	ID proto.ID `json:"id"`
}
