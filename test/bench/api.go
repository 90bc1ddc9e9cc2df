package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// serveAPI is the environment variable with the address of the scoring API. If it is set, the process serves this
// API.
const serveAPI = "PLUMBLINE_BENCH_API"

// settings are the API's settings, set by a request to /settings.
type settings struct {
	Certs, Issuer, AUD string
	Latency            time.Duration
}

// seen is the response to a request to /seen.
type seen struct {
	Token string // the application token of the newest call
	Calls int64
	Bad   int64 // denied calls
}

// api is the scoring API. Like a user's own, it reads and writes JSON with the standard library and verifies the
// application token.
type api struct {
	settings atomic.Pointer[settings]
	tokens   atomic.Pointer[scorer.Tokens]
	token    atomic.Pointer[string]
	calls    atomic.Int64
	bad      atomic.Int64
}

func serve(addr string) error {
	a := new(api)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /score", a.score)
	mux.HandleFunc("POST /settings", func(w http.ResponseWriter, r *http.Request) {
		var s settings
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if old := a.settings.Load(); old == nil || old.AUD != s.AUD {
			a.tokens.Store(&scorer.Tokens{Certs: s.Certs, Issuer: s.Issuer, AUD: s.AUD})
		}
		a.settings.Store(&s)
	})
	mux.HandleFunc("GET /seen", func(w http.ResponseWriter, _ *http.Request) {
		s := seen{Calls: a.calls.Load(), Bad: a.bad.Load()}
		if t := a.token.Load(); t != nil {
			s.Token = *t
		}
		_ = json.NewEncoder(w).Encode(s)
	})
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

type scored struct {
	S2SID string `json:"s2s_id"`
	Score int    `json:"score"`
}

func (a *api) score(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("Cf-Access-Jwt-Assertion")
	tokens := a.tokens.Load()
	if tokens == nil {
		http.Error(w, "not configured yet", http.StatusServiceUnavailable)
		return
	}
	if _, err := tokens.Verify(r.Context(), token); err != nil {
		a.bad.Add(1)
		fmt.Fprintln(os.Stderr, "refused:", err)
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	a.token.Store(&token)
	round := a.calls.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var request struct {
		Devices []struct {
			ID string `json:"device_id"`
		} `json:"devices"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	result := make(map[string]scored, len(request.Devices))
	for i, d := range request.Devices {
		result[d.ID] = scored{S2SID: d.ID[:8], Score: scoreOf(d.ID, round, i)}
	}
	if d := a.settings.Load().Latency; d > 0 {
		time.Sleep(d)
	}
	answer, err := json.Marshal(map[string]any{"result": result})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// scoreOf returns the score of a device. Most scores are constant; one device in fifty gets a different score in each
// call.
func scoreOf(id string, round int64, place int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, id)
	score := int(h.Sum32() % 101)
	if (int(round)+place)%50 == 0 {
		score = 100 - score
	}
	return score
}

// apiProcess is another process of this program, running the scoring API.
type apiProcess struct {
	addr    string
	process *stack.Process
	told    settings
}

func startAPI() (*apiProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := stack.FreeAddr()
	if err != nil {
		return nil, err
	}
	p, err := stack.Launch(stack.Command{Name: "scoring API", Path: self, Env: []string{serveAPI + "=" + addr}})
	if err != nil {
		return nil, err
	}
	a := &apiProcess{addr: addr, process: p}
	err = stack.AskUntil(10*time.Second, func() error {
		_, err := a.seen(context.Background())
		return err
	})
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("the scoring API did not start: %w\n%s", err, p.Log())
	}
	return a, nil
}

func (a *apiProcess) url() string { return "http://" + a.addr + "/score" }

// latency sets the response time.
func (a *apiProcess) latency(ctx context.Context, d time.Duration) error {
	s := a.told
	s.Latency = d
	return a.set(ctx, s)
}

func (a *apiProcess) set(ctx context.Context, s settings) error {
	a.told = s
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.addr+"/settings", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("response of the scoring API to its settings: %s", resp.Status)
	}
	return nil
}

func (a *apiProcess) seen(ctx context.Context) (seen, error) {
	var s seen
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.addr+"/seen", nil)
	if err != nil {
		return s, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}
