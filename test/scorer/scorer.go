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

// API is a scoring API. Its fields are set before the first request.
type API struct {
	// Tokens, where it is set, checks the application token of every request, and the Client Secret must
	// not be there. Without it, Client ID and Secret must be these.
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

// Call is a request that was let in.
type Call struct {
	At      time.Time
	Devices []Device
	Claims  Claims
	// Number counts the calls about the same devices, from 0: the page is known by its first device.
	Number int
}

// Page tells calls about one page from those about another.
func (c *Call) Page() string {
	if len(c.Devices) == 0 {
		return ""
	}
	return c.Devices[0].ID
}

// Listen serves the API on a free loopback port until the test ends; it fails the test for every violation
// of the contract that it saw.
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

// Answer has every call with devices answered by f; where it returns false, the API answers well by itself.
func (a *API) Answer(f func(w http.ResponseWriter, c *Call) bool) { a.set(func() { a.answer = f }) }

// Score sets the score of a device in the call-th call about its page: any value that JSON can hold. nil
// leaves the device out. Without it scores are [ScoreOf].
func (a *API) Score(f func(d Device, call int) any) { a.set(func() { a.score = f }) }

// Latency sets how long an answer takes.
func (a *API) Latency(d time.Duration) { a.set(func() { a.latency = d }) }

func (a *API) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// Calls are the calls with devices so far.
func (a *API) Calls() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Call(nil), a.calls...)
}

// CallsByPage counts them by page.
func (a *API) CallsByPage() map[string]int {
	count := map[string]int{}
	for _, c := range a.Calls() {
		count[c.Page()]++
	}
	return count
}

// MostAtOnce is how many calls were under way at once at most.
func (a *API) MostAtOnce() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mostAtOnce
}

// Violations are what requests did that the contract does not allow.
func (a *API) Violations() []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]error(nil), a.violations...)
}

func (a *API) violation(err error) {
	a.set(func() { a.violations = append(a.violations, err) })
}

// ScoreOf is a device's score where the test sets no other: it follows from its id and the number of the
// call, and moves a little from one call to the next.
func ScoreOf(d Device, call int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, d.ID)
	return (int(h.Sum32()%101) + 7*call) % 101
}

// ServeHTTP is one poll.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		return // the caller is gone
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

// authenticate lets in who the contract says: by application token, or by Client ID and Secret.
func (a *API) authenticate(r *http.Request) (Claims, error) {
	id, secret := r.Header.Get("Cf-Access-Client-Id"), r.Header.Get("Cf-Access-Client-Secret")
	if a.Tokens == nil {
		if id != a.ClientID || secret != a.ClientSecret || id == "" {
			return Claims{}, errors.New("the Client ID and Secret are not the ones")
		}
		return Claims{}, nil
	}
	if secret != "" {
		a.violation(errors.New("the Client Secret was sent to an API that takes application tokens"))
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
		return // the caller is gone
	}
}
