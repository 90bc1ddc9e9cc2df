package console_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// tape records what the API answers, and answers with it again, changed.
type tape struct {
	url string

	mu      sync.Mutex
	api     http.Handler // nil: the tape plays
	answers map[string][]answer
	played  map[string]int
	// change changes the JSON of an answer while the tape plays.
	change func(request string, body any) any
}

// answer is an answer of the API to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newTape(t *testing.T, api http.Handler) *tape {
	t.Helper()
	p := &tape{api: api, answers: map[string][]answer{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// ServeHTTP answers as the API, or from the tape.
func (p *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := r.Method + " " + r.URL.RequestURI()
	p.mu.Lock()
	api := p.api
	p.mu.Unlock()
	var a answer
	if api != nil {
		recorded := httptest.NewRecorder()
		api.ServeHTTP(recorded, r)
		a = answer{recorded.Code, recorded.Header(), recorded.Body.Bytes()}
		p.mu.Lock()
		p.answers[request] = append(p.answers[request], a)
		p.mu.Unlock()
	} else {
		a = p.next(request)
	}
	for name, values := range a.header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// next returns the next answer to a request, changed. The last one is repeated.
func (p *tape) next(request string) answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.answers[request]
	if len(all) == 0 {
		return answer{status: http.StatusNotFound,
			body: []byte(`{"success":false,"errors":[{"code":1,"message":"not on tape"}]}`)}
	}
	a := all[min(p.played[request], len(all)-1)]
	p.played[request]++
	if v, ok := a.json(); ok && p.change != nil {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		if err := e.Encode(p.change(request, v)); err == nil {
			a.body = b.Bytes()
		}
	}
	return a
}

// json returns the body of an answer in JSON.
func (a answer) json() (v any, ok bool) {
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

// take returns the answers so far, and forgets them.
func (p *tape) take() map[string][]answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.answers
	p.answers = map[string][]answer{}
	return all
}

// play has the tape answer from answers.
func (p *tape) play(answers map[string][]answer, change func(request string, body any) any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.api, p.answers, p.played, p.change = nil, answers, map[string]int{}, change
}

// fixed are texts that nobody outside fills: names of members that the API has, ids and times.
var fixed = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$|^[0-9a-f]{8}-[0-9a-f-]{27}$|^[0-9a-f]{32}$|` +
	`^20\d\d-\d\d-\d\dT`)

// isWord matches texts that may be a name or a value of an enumeration. A provider may fill it.
var isWord = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// textsIn returns the paths of the texts in JSON. The elements of a list have one path, *, and the name of a member is
// a text too: its path ends in /=NAME.
func textsIn(v any, path string, add func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if !fixed.MatchString(name) {
				add(path + "/=" + name)
			}
			textsIn(member, path+"/"+name, add)
		}
	case []any:
		for _, element := range v {
			textsIn(element, path+"/*", add)
		}
	case string:
		if !fixed.MatchString(v) || isWord.MatchString(v) {
			add(path)
		}
	}
}

// withText returns a copy of JSON with other texts at a path of [textsIn].
func withText(v any, at, path string, change func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		all := make(map[string]any, len(v))
		for name, member := range v {
			member = withText(member, at, path+"/"+name, change)
			if path+"/="+name == at {
				name = change(name)
			}
			all[name] = member
		}
		return all
	case []any:
		all := make([]any, len(v))
		for n := range v {
			all[n] = withText(v[n], at, path+"/*", change)
		}
		return all
	case string:
		if path == at {
			return change(v)
		}
	}
	return v
}
