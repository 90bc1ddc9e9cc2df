package apitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Path returns the path of an endpoint of the fixture's account.
func (f *Fixture) Path(path string) string {
	return "/client/v4/accounts/" + f.Account.String() + path
}

// Request returns a request with the bootstrap token. The path is complete; see [Fixture.Path]. The body is nil, text,
// an io.Reader, or a value to encode as JSON.
func (f *Fixture) Request(method, path string, body any) *http.Request {
	f.T.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case io.Reader:
		r = b
	default:
		data, err := json.Marshal(body)
		if err != nil {
			f.T.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req := httptest.NewRequest(method, path, r)
	req.Header.Set("Authorization", "Bearer "+Bootstrap)
	req.Header.Set("Content-Type", "application/json")
	return req
}

// Send sends a request and checks the response against the OpenAPI description.
func (f *Fixture) Send(req *http.Request) Response {
	f.T.Helper()
	w, sent := httptest.NewRecorder(), teed(req)
	f.Handler.ServeHTTP(w, req)
	out := Response{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
	if _, measured := f.T.(*testing.B); !measured {
		Description(f.T).CheckExchange(f.T, req, sent.Bytes(), w.Code, w.Header(), out.Body)
	}
	if err := json.Unmarshal(out.Body, &out); err != nil {
		f.T.Fatalf("%s %s: response %d %q: %v", req.Method, req.URL.Path, w.Code, w.Body, err)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		f.T.Errorf("%s %s: content type %q", req.Method, req.URL.Path, got)
	}
	return out
}

// teed returns a buffer that gets what is read of a request's body later on.
func teed(req *http.Request) *bytes.Buffer {
	var sent bytes.Buffer
	if req.Body != nil {
		req.Body = io.NopCloser(io.TeeReader(req.Body, &sent))
	}
	return &sent
}

// Do sends a request with the bootstrap token. The path is that of an endpoint of the account.
func (f *Fixture) Do(method, path string, body any) Response {
	f.T.Helper()
	return f.Send(f.Request(method, f.Path(path), body))
}

// As is like [Fixture.Do] with another API token.
func (f *Fixture) As(token, method, path string, body any) Response {
	f.T.Helper()
	req := f.Request(method, f.Path(path), body)
	req.Header.Set("Authorization", "Bearer "+token)
	return f.Send(req)
}

// Want is like [Fixture.Do], and ends the test if the status is another one. It returns the result, or nil if the
// result is no object.
func (f *Fixture) Want(status int, method, path string, body any) map[string]any {
	f.T.Helper()
	r := f.Do(method, path, body)
	if r.Status != status {
		f.T.Fatalf("%s %s: %d %s, want %d", method, path, r.Status, r.Body, status)
	}
	var m map[string]any
	_ = json.Unmarshal(r.Result, &m)
	return m
}

// WantError is like [Fixture.Do], ends the test if the response is not one error with the status and code, and returns
// the message.
func (f *Fixture) WantError(status, code int, method, path string, body any) string {
	f.T.Helper()
	r := f.Do(method, path, body)
	if r.Status != status || len(r.Errors) != 1 || r.Errors[0].Code != code || r.Success || string(r.Result) != "null" {
		f.T.Fatalf("%s %s: %d %s, want %d and code %d", method, path, r.Status, r.Body, status, code)
	}
	return r.Errors[0].Message
}

// List returns a result that is a list.
func (f *Fixture) List(path string) (all []map[string]any, info map[string]any) {
	f.T.Helper()
	r := f.Do("GET", path, nil)
	if r.Status != 200 || json.Unmarshal(r.Result, &all) != nil {
		f.T.Fatalf("GET %s: %d %s", path, r.Status, r.Body)
	}
	return all, r.ResultInfo
}

// Status returns the status and the body of the response to a request with an API token. The path is complete. The
// response is not checked: it may be one that never ends with an envelope.
func (f *Fixture) Status(token, method, path string) (int, string) {
	f.T.Helper()
	req := f.Request(method, path, "{}")
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	f.Handler.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}
