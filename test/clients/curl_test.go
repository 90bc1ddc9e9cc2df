//go:build clients

package clients

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// curl makes a request as Cloudflare's documentation shows it, and gives the status and the answer.
func (w *fixture) curl(t *testing.T, path string, args ...string) (status string, answer struct {
	Success bool
	Errors  []struct {
		Code    int
		Message string
	}
	Result json.RawMessage
}) {
	t.Helper()
	args = append([]string{"--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", "-H",
		"Authorization: Bearer " + w.token, w.base + strings.ReplaceAll(path, "ACCOUNT", "accounts/"+w.account)}, args...)
	out, err := exec.CommandContext(t.Context(), "curl", args...).Output()
	if err != nil {
		t.Fatalf("curl (Debian: apt-get install curl): %v", err)
	}
	end := bytes.LastIndexByte(out, '\n')
	if err := json.Unmarshal(out[:end], &answer); err != nil {
		t.Fatalf("%s: %s", path, out)
	}
	return string(out[end+1:]), answer
}

// What people write at a shell: bodies with curl's own content type and without any, slashes at the end, old and
// new versions of HTTP, bodies in pieces and after a question, answers that are compressed if that is possible.
func TestCurl(t *testing.T) {
	w := newFixture(t)
	body := `{"name": "curl", "duration": "8760h"}`
	large := `{"name": "large", "x": "` + strings.Repeat("x", 5000) + `"}` // curl asks first whether it may send it
	made := map[string]bool{}
	for name, args := range map[string][]string{
		"documented":        {"--request", "POST", "--header", "Content-Type: application/json", "--data", body},
		"json":              {"--json", body},
		"a form's type":     {"--data", body},
		"no type":           {"--header", "Content-Type:", "--data", body},
		"with a charset":    {"-H", "Content-Type: application/json; charset=utf-8", "-d", body},
		"in pieces":         {"-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/json", "-d", body},
		"HTTP/1.0":          {"--http1.0", "--json", body},
		"HTTP/2, if it can": {"--http2", "--json", body},
		"asked first":       {"-H", "Expect: 100-continue", "--json", large},
		"compressed answer": {"--compressed", "--json", body},
		"a byte order mark": {"--json", "\ufeff" + body},
	} {
		status, answer := w.curl(t, "/ACCOUNT/access/service_tokens", args...)
		if name == "a byte order mark" {
			if status != "400" || len(answer.Errors) != 1 {
				t.Errorf("%s: %s %+v", name, status, answer.Errors)
			}
			continue
		}
		var token struct{ ID string }
		if err := json.Unmarshal(answer.Result, &token); status != "201" || err != nil || made[token.ID] {
			t.Errorf("%s: %s %+v", name, status, answer.Errors)
		}
		made[token.ID] = true
	}
	for id := range made {
		one := "/ACCOUNT/access/service_tokens/" + id
		if status, answer := w.curl(t, one+"/", "-X", "PUT", "-d", `{"name":"renamed"}`); status != "200" ||
			!strings.Contains(string(answer.Result), `"renamed"`) {
			t.Errorf("changed: %s %s", status, answer.Result)
		}
		if status, answer := w.curl(t, one+"/refresh", "--request", "POST"); status != "200" {
			t.Errorf("refreshed: %s %+v", status, answer.Errors)
		}
		if status, answer := w.curl(t, one+"/rotate", "-X", "POST", "--data", "{}"); status != "200" ||
			!strings.Contains(string(answer.Result), "client_secret") {
			t.Errorf("rotated: %s %+v", status, answer.Errors)
		}
		if status, answer := w.curl(t, one, "--request", "DELETE", "-H", "Content-Type: application/json"); status != "200" ||
			!answer.Success {
			t.Errorf("deleted: %s %+v", status, answer.Errors)
		}
	}
	for path, want := range map[string]string{"/ACCOUNT/access/service_tokens/": "200",
		"/ACCOUNT/access/service_tokens?page=1&per_page=50&": "200",
		"/ACCOUNT/access/service_tokens?page=2":              "200", "/ACCOUNT/access/service_tokens?page=0": "400",
		"/ACCOUNT/access/nothing": "404", "/user/tokens/verify": "200"} {
		if status, answer := w.curl(t, path, "--compressed"); status != want || answer.Success != (want == "200") {
			t.Errorf("%s: %s %+v", path, status, answer.Errors)
		}
	}
	for what, args := range map[string][]string{"not JSON": {"-d", "name=curl"}, "no body": {"-X", "POST"},
		"a list": {"-d", "[]"}, "half": {"-d", `{"name":`}} {
		if status, answer := w.curl(t, "/ACCOUNT/access/service_tokens", args...); status != "400" || answer.Success ||
			len(answer.Errors) == 0 {
			t.Errorf("%s: %s %+v", what, status, answer.Errors)
		}
	}
}
