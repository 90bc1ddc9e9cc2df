package frame

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"plumbline.dev/services/console/session"
	"plumbline.dev/services/plumb/client"
)

// Request is a request to a screen.
type Request struct {
	*http.Request
	W      *Writer
	Person session.Person
	// API is the person's own client of the control plane: it can do what they can do.
	API *client.Client
	Now time.Time

	frame    *Frame
	nonce    string
	mu       sync.Mutex
	warnings []string
}

// warn notes a message of the API about a change. It is safe for concurrent use.
func (r *Request) warn(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnings = append(r.warnings, message)
}

// doubts returns what the API said about the changes so far, such as doubts about a stored value. Each is a line.
func (r *Request) doubts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, message := range r.warnings {
		if text := sentence(strings.Join(strings.Fields(message), " ")); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// Writer is the response of a request. It notes the status.
type Writer struct {
	http.ResponseWriter
	status int
	// endless responses have a deadline for each write, in place of the server's for all of them.
	endless bool
}

// writeTime is how long the browser may take for a write of live events or an export.
const writeTime = 30 * time.Second

// extend begins the time for the next write. A server whose writers have no deadlines is a test's.
func (w *Writer) extend() {
	if w.endless {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTime))
	}
}

// WriteHeader sends the status.
func (w *Writer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *Writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.extend()
	return w.ResponseWriter.Write(b)
}

// Unwrap returns the writer below, for [http.ResponseController].
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var errNoSession = errors.New("there is no session")

// newRequest returns a request without a person, and sets the headers of its response.
func (f *Frame) newRequest(w http.ResponseWriter, r *http.Request) *Request {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	fr := &Request{Request: r, W: &Writer{ResponseWriter: w, endless: endless(r)}, Now: f.deps.Clock.Now(), frame: f,
		nonce: base64.RawStdEncoding.EncodeToString(b)}
	setHeaders(w.Header(), fr.nonce)
	return fr
}

// endless reports whether a request is for live events or an export.
func endless(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, streamPath) || strings.HasSuffix(r.URL.Path, "/export")
}

// bounded returns the context of the request. Live events and exports are not bounded, actions less than other
// requests.
func (r *Request) bounded() (context.Context, context.CancelFunc) {
	if r.W.endless {
		return context.WithCancel(r.Context())
	}
	if r.Method == http.MethodPost {
		return context.WithTimeout(r.Context(), actionTime)
	}
	return context.WithTimeout(r.Context(), requestTime)
}

// identify finds the person of the request.
func (r *Request) identify() error {
	p, err := r.Who()
	if err != nil {
		return err
	}
	r.Person = p
	r.API, err = client.New(r.frame.ClientConfig(p))
	return err
}

// Who returns the person of the request: the member whom the gateway vouches for, or else that of the session. So no
// session takes the place of a member: another site may have had the browser begin it. It returns an error if there is
// nobody.
func (r *Request) Who() (session.Person, error) {
	err := errNoSession
	if g := r.frame.deps.Gateway; g != nil && r.Header.Get(client.HeaderAssertion) != "" {
		var p session.Person
		p, err = g.Identify(r.Request)
		if !client.IsUnauthenticated(err) && !client.HasStatus(err, http.StatusForbidden) {
			return p, err
		}
		if client.IsUnauthenticated(err) { // the control plane is not told that this application is its console
			err = errNoSession
		}
	}
	if p, ok := r.frame.deps.Sessions.Find(session.Cookie(r.Request), r.byHand()); ok {
		return p, nil
	}
	return session.Person{}, err
}

// byHand reports whether a person made the request: the page itself loads fragments and events.
func (r *Request) byHand() bool {
	return r.Method != http.MethodGet || !r.Fragmented() && !strings.HasSuffix(r.URL.Path, streamPath)
}

// ClientConfig returns the configuration of a person's client.
func (f *Frame) ClientConfig(p session.Person) client.Config {
	return p.Client(f.cfg.API)
}

// Fragmented reports whether htmx asks for a part of a page.
func (r *Request) Fragmented() bool { return r.Header.Get("HX-Request") == "true" }

// target returns the id of the element that htmx replaces, or "".
func (r *Request) target() string {
	_, id, _ := strings.Cut(r.Header.Get("HX-Target"), "#")
	id, err := url.PathUnescape(id)
	if err != nil {
		return ""
	}
	return id
}

// Only returns a problem if the query has another parameter than these. A page that narrows what it shows answers with
// it: to leave out a condition that it does not know is to show more than was asked for.
func (r *Request) Only(names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		if !slices.Contains(names, name) {
			return &Problem{Status: http.StatusUnprocessableEntity, Title: "Unknown filter",
				Text: "This page has no filter " + strconv.Quote(name) + ". Its filters are: " + strings.Join(names, ", ") + "."}
		}
	}
	return nil
}

// Redirect leads the browser to a path of the console after an action. The message is shown there once, with the
// messages of the API about the action; it may be empty.
func (r *Request) Redirect(path, message string) error {
	r.setFlash(message, r.doubts())
	if r.Fragmented() {
		r.W.Header().Set("HX-Redirect", path)
		r.W.WriteHeader(http.StatusOK)
		return nil
	}
	r.W.Header().Set("Location", path)
	r.W.WriteHeader(http.StatusSeeOther)
	return nil
}

// Back returns a path of the console for a redirect: next, or else, if next leads elsewhere, the fallback.
func Back(next, fallback string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") {
		return fallback
	}
	return next
}
