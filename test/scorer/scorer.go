package scorer

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// API is a scoring API. Set its fields before the first request.
type API struct {
	// Tokens, if not nil, verifies the application token of every request; the Client Secret must then be absent. If
	// it is nil, Client ID and Secret must match these fields.
	Tokens                 *Tokens
	ClientID, ClientSecret string

	mu         sync.Mutex
	calls      []Call
	violations []error
	answer     func(w http.ResponseWriter, c *Call) bool
	score      func(d Device, call int) any
	latency    time.Duration
	inFlight   int
	mostAtOnce int
}

// Call is an authenticated request.
type Call struct {
	At      time.Time
	Devices []Device
	Claims  Claims
	// Number counts the calls with the same page, from 0. A page is identified by its first device.
	Number int
}

// Page identifies the page of the call.
func (c *Call) Page() string {
	if len(c.Devices) == 0 {
		return ""
	}
	return c.Devices[0].ID
}

// Listen serves the API on a free loopback port until the end of the test. It fails the test for every violation of
// the contract.
func (a *API) Listen(t testing.TB) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: a, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		for _, v := range a.Violations() {
			t.Errorf("a request to the scoring API: %v", v)
		}
	})
	return "http://" + l.Addr().String() + "/score"
}

// Answer sets a function to answer calls with devices. If it returns false, the API answers normally.
func (a *API) Answer(f func(w http.ResponseWriter, c *Call) bool) { a.set(func() { a.answer = f }) }

// Score sets the scores of devices. call is the number of the call with the device's page. A score is any JSON value;
// nil omits the device. The default is [ScoreOf].
func (a *API) Score(f func(d Device, call int) any) { a.set(func() { a.score = f }) }

// Latency sets the response time.
func (a *API) Latency(d time.Duration) { a.set(func() { a.latency = d }) }

func (a *API) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// Calls returns the calls with devices so far.
func (a *API) Calls() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Call(nil), a.calls...)
}

// CallsByPage returns the number of calls by page.
func (a *API) CallsByPage() map[string]int {
	count := map[string]int{}
	for _, c := range a.Calls() {
		count[c.Page()]++
	}
	return count
}

// MostAtOnce returns the highest number of concurrent calls.
func (a *API) MostAtOnce() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mostAtOnce
}

// Violations returns the violations of the contract so far.
func (a *API) Violations() []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]error(nil), a.violations...)
}

func (a *API) violation(err error) {
	a.set(func() { a.violations = append(a.violations, err) })
}

// ScoreOf returns the default score of a device. It depends on the id and the number of the call, and changes
// slightly between calls.
func ScoreOf(d Device, call int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, d.ID)
	return (int(h.Sum32()%101) + 7*call) % 101
}

// ServeHTTP answers one poll.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		return // the client has disconnected
	}
	if err := checkHead(r); err != nil {
		a.violation(err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	claims, err := a.authenticate(r)
	if err != nil {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	devices, err := readDevices(body)
	if err != nil {
		a.violation(err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	call := Call{At: time.Now(), Devices: devices, Claims: claims}
	answer, latency := a.begin(&call)
	defer a.set(func() { a.inFlight-- })
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-r.Context().Done():
			return
		}
	}
	if len(devices) > 0 && answer != nil && answer(w, &call) {
		return
	}
	a.answerWell(w, &call)
}

func (a *API) begin(c *Call) (answer func(http.ResponseWriter, *Call) bool, latency time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.calls {
		if a.calls[i].Page() == c.Page() {
			c.Number++
		}
	}
	if len(c.Devices) > 0 {
		a.calls = append(a.calls, *c)
	}
	a.inFlight++
	a.mostAtOnce = max(a.mostAtOnce, a.inFlight)
	return a.answer, a.latency
}

// authenticate verifies the application token, or the Client ID and Secret, as required by the contract.
func (a *API) authenticate(r *http.Request) (Claims, error) {
	id, secret := r.Header.Get("Cf-Access-Client-Id"), r.Header.Get("Cf-Access-Client-Secret")
	if a.Tokens == nil {
		if id != a.ClientID || secret != a.ClientSecret || id == "" {
			return Claims{}, errors.New("wrong Client ID or Secret")
		}
		return Claims{}, nil
	}
	if secret != "" {
		a.violation(errors.New("the Client Secret was sent together with an application token"))
	}
	claims, err := a.Tokens.Verify(r.Context(), r.Header.Get("Cf-Access-Jwt-Assertion"))
	if err != nil && r.Header.Get("Cf-Access-Jwt-Assertion") != "" {
		a.violation(fmt.Errorf("application token: %w", err))
	}
	if err == nil && a.ClientID != "" && claims.CommonName != a.ClientID {
		err = fmt.Errorf("common_name %q is not the client id", claims.CommonName)
		a.violation(err)
	}
	return claims, err
}

type scored struct {
	S2SID string `json:"s2s_id"`
	Score any    `json:"score"`
}

func (a *API) answerWell(w http.ResponseWriter, c *Call) {
	a.mu.Lock()
	score := a.score
	a.mu.Unlock()
	if score == nil {
		score = func(d Device, call int) any { return ScoreOf(d, call) }
	}
	result := make(map[string]scored, len(c.Devices))
	for _, d := range c.Devices {
		if s := score(d, c.Number); s != nil {
			result[d.ID] = scored{S2SID: "s2s-" + d.Serial, Score: s}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(map[string]any{"result": result}); err != nil {
		return // the client has disconnected
	}
}
