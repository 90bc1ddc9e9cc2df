// Package consoletest runs screens of the console in tests, on an API that the test makes up. A test asks the screens
// as a browser would, and asserts on what the page shows and on what the API was asked.
package consoletest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"
	"plumbline.dev/proto"
	"plumbline.dev/services/console/assertion"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/live"
	"plumbline.dev/services/console/session"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb/client"
)

// Account is the account of the tests, and Token the API token of the person who is logged in.
var Account = proto.Account{1, 2, 3}

// Token is the API token of the person who is logged in.
const Token = "the-token"

// Hostile is a name that a device, an application or an integration may have. [Page.Safe] looks for it.
const Hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>`

// Asked is a request that the API got.
type Asked struct {
	Method, Path, Query, Body string // Path is below the account
	Header                    http.Header
}

// Console is screens on a made-up API, and a browser that is logged in.
type Console struct {
	testing.TB
	Frame   *frame.Frame
	Clock   *clock.Fake
	Handler http.Handler
	cookie  *http.Cookie
	live    *live.Hub
	mu      sync.Mutex
	asked   []Asked
}

// Now is the time of a new console's clock.
var Now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// New returns screens on an API with routes: a method and a path below the account, such as "GET /plumbline/status".
// The API answers 404 to everything else, and /plumbline/status, /plumbline/overview, /plumbline/holds and
// /plumbline/observe as for an empty account unless the test has them.
func New(t testing.TB, routes map[string]http.HandlerFunc, screens ...func(*frame.Frame)) *Console {
	t.Helper()
	return NewLive(t, routes, nil, screens...)
}

// NewLive is [New] with streams of live events, which run by the console's clock. Without sources it has none.
func NewLive(t testing.TB, routes map[string]http.HandlerFunc, sources func(clock.Clock) map[string]live.Source,
	screens ...func(*frame.Frame)) *Console {
	t.Helper()
	c := &Console{TB: t, Clock: clock.NewFake(Now)}
	if sources != nil {
		c.live = live.New(slog.New(slog.DiscardHandler), c.Clock, sources(c.Clock))
		t.Cleanup(c.live.Close)
	}
	mux := http.NewServeMux()
	for path, empty := range map[string]any{"/plumbline/status": []any{}, "/plumbline/overview": map[string]any{},
		"/plumbline/holds": []any{}, "/plumbline/observe": map[string]any{}} {
		if routes["GET "+path] == nil {
			mux.HandleFunc("GET /client/v4/accounts/"+Account.String()+path, Answer(empty))
		}
	}
	for pattern, h := range routes {
		method, path, _ := strings.Cut(pattern, " ")
		if !strings.HasPrefix(path, "/accounts") {
			path = "/accounts/" + Account.String() + path
		}
		mux.HandleFunc(method+" /client/v4"+path, h)
	}
	mux.HandleFunc("/", Refuse(http.StatusNotFound, "no such resource"))
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.note(r)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	return c.at(api.URL, screens)
}

// Down returns screens on an API that does not answer.
func Down(t testing.TB, screens ...func(*frame.Frame)) *Console {
	t.Helper()
	api := httptest.NewServer(http.NotFoundHandler())
	api.Close()
	c := &Console{TB: t, Clock: clock.NewFake(Now)}
	return c.at(api.URL, screens)
}

func (c *Console) at(apiURL string, screens []func(*frame.Frame)) *Console {
	sessions := session.NewStore(c.Clock)
	api := client.Config{URL: apiURL, Transport: &http.Transport{}, Once: true}
	members := assertion.New(c.Clock, func(p session.Person) client.Config { return p.Client(api) })
	c.Frame = frame.New(frame.Config{API: api}, frame.Deps{Log: slog.New(slog.DiscardHandler), Clock: c.Clock,
		Sessions: sessions, Gateway: members, Live: c.live})
	for _, register := range screens {
		register(c.Frame)
	}
	c.Handler = c.Frame.Handler()
	w := httptest.NewRecorder()
	session.SetCookie(w, httptest.NewRequest(http.MethodGet, "/", nil),
		sessions.Begin(session.Person{Name: "ann@example.com", Token: Token, Account: Account}))
	c.cookie = w.Result().Cookies()[0]
	return c
}

func (c *Console) note(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	_, path, _ := strings.Cut(r.URL.Path, Account.String())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, Asked{r.Method, path, r.URL.RawQuery, string(body), r.Header})
}

// Asked returns the requests that the API got with a method, such as POST; "" is every method.
func (c *Console) Asked(method string) []Asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Asked
	for _, a := range c.asked {
		if method == "" || a.Method == method {
			all = append(all, a)
		}
	}
	return all
}

// Forget forgets the requests so far.
func (c *Console) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = nil
}

// Answer answers with a result in the envelope of the API.
func Answer(result any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, result, nil) }
}

// List answers with a page of a list, and information about the page such as a cursor.
func List(result, info any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "result": result, "errors": []any{},
			"messages": []any{}, "result_info": info})
	}
}

// Refuse answers with an error of the API.
func Refuse(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		reply(w, status, nil, []any{map[string]any{"code": 10000 + status, "message": message}})
	}
}

// Revoked answers as the API does to a credential that it does not accept.
func Revoked(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusForbidden, nil, []any{map[string]any{"code": 10000, "message": "Authentication error"}})
}

func reply(w http.ResponseWriter, status int, result any, errs []any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"success": len(errs) == 0, "result": result, "errors": errs,
		"messages": []any{}, "result_info": map[string]any{}})
}

// Get loads a page as the person who is logged in.
func (c *Console) Get(path string) *Page { return c.Do(c.Request(http.MethodGet, path, nil)) }

// Fragment has htmx load a part of a page into the element with the id.
func (c *Console) Fragment(path, id string) *Page {
	r := c.Request(http.MethodGet, path, nil)
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "div#"+id)
	return c.Do(r)
}

// Post sends a form.
func (c *Console) Post(path string, form url.Values) *Page {
	return c.Do(c.Request(http.MethodPost, path, form))
}

// Request returns a request of the browser that is logged in.
func (c *Console) Request(method, path string, form url.Values) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if form != nil || method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.AddCookie(c.cookie)
	return r
}

// Do sends a request as it is.
func (c *Console) Do(r *http.Request) *Page {
	c.Helper()
	w := httptest.NewRecorder()
	c.Handler.ServeHTTP(w, r)
	return Read(c.TB, w.Result())
}

// Read returns the page of a response, and closes its body.
func Read(t testing.TB, resp *http.Response) *Page {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return &Page{TB: t, Status: resp.StatusCode, Header: resp.Header, Body: string(body), root: root}
}
