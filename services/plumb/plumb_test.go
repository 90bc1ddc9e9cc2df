package plumb_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb"
)

// stopWithin is the longest acceptable time to stop after Ctrl-C.
const stopWithin = 5 * time.Second

// Without an address there is no console. With one, the process makes links that log in once.
func TestConsole(t *testing.T) {
	cfg := config(t, t.TempDir())
	cfg.ConsoleAddr = bustest.FreeAddr(t)
	i, stop := start(t, cfg)
	defer stop()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	use := url.Values{"code": {i.LoginURL[strings.Index(i.LoginURL, "code=")+len("code="):]}}
	for _, want := range []int{http.StatusOK, http.StatusGone} {
		r, err := browser.PostForm(i.ConsoleURL+"/login/use", use)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != want || want == http.StatusOK && !strings.Contains(string(body), i.Account.String()) {
			t.Errorf("status %d, want %d: %s", r.StatusCode, want, body)
		}
	}
	if _, metrics := get(t, i.AdminURL+"/metrics"); !strings.Contains(metrics, "\nplumbline_console_sessions 1\n") {
		t.Error("the console has no metrics")
	}
}

func config(t *testing.T, data string) plumb.Config {
	t.Helper()
	return plumb.Config{Data: data, APIAddr: bustest.FreeAddr(t), AccessAddr: bustest.FreeAddr(t),
		NATSAddr: bustest.FreeAddr(t), AdminAddr: bustest.FreeAddr(t), MinInterval: time.Second, LogMaxBytes: 1 << 30}
}

// start runs plumb until stop is called. stop fails the test if stopping takes too long or returns an error.
func start(t *testing.T, cfg plumb.Config) (plumb.Installation, func()) {
	t.Helper()
	s, err := plumb.New(cfg, plumb.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	ready, failed := context.WithCancelCause(ctx)
	go func() {
		select {
		case err := <-done:
			failed(errors.Join(errors.New("plumb ended"), err))
			done <- err
		case <-ready.Done():
		}
	}()
	i, err := s.Await(ready)
	if err != nil {
		t.Fatal(err)
	}
	failed(nil)
	return i, func() {
		t.Helper()
		cancel()
		var err error
		if took := machine.Took(func() { err = <-done }); err != nil || took > stopWithin {
			t.Errorf("ended with %v, %v after its context", err, took)
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestStartsStopsAndStartsAgain(t *testing.T) {
	data := t.TempDir() + "/data"
	first, stop := start(t, config(t, data))
	if code, text := get(t, first.AdminURL+"/readyz"); code != http.StatusOK {
		t.Errorf("/readyz: %d %s", code, text)
	}
	_, metrics := get(t, first.AdminURL+"/metrics")
	for _, name := range []string{"go_goroutines", "plumbline_registry_", "plumbline_api_", "plumbline_exchange_",
		"plumbline_scheduler_", "plumbline_fetcher_", "plumbline_evaluator_", "plumbline_gateway_"} {
		if !strings.Contains(metrics, "\n"+name) {
			t.Errorf("there is no metric %s", name)
		}
	}
	if code, text := get(t, first.TeamDomain+"/cdn-cgi/access/certs"); code != http.StatusOK ||
		!strings.Contains(text, "RS256") {
		t.Errorf("certs: %d %s", code, text)
	}
	follower, err := os.ReadFile(first.Data.FollowerPath())
	if err != nil {
		t.Fatal(err)
	}
	stop()

	second, stop := start(t, config(t, data))
	defer stop()
	if second.Account != first.Account || second.Token != first.Token || !first.TokenMade || second.TokenMade {
		t.Errorf("another account or token after a restart")
	}
	if again, err := os.ReadFile(second.Data.FollowerPath()); err != nil || string(again) != string(follower) {
		t.Errorf("other credentials for followers after a restart: %v", err)
	}
}

// Another system connects over the network as a follower, with no further permissions.
func TestAFollowerConnects(t *testing.T) {
	i, stop := start(t, config(t, t.TempDir()))
	defer stop()
	conn, err := bus.Connect(t.Context(),
		bus.Config{URL: "nats://" + i.NATSAddr, Creds: i.Data.FollowerPath(), Role: topology.Follower})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.AwaitTopology(t.Context(), topology.PostureState); err != nil {
		t.Error(err)
	}
	brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := conn.JetStream().Stream(brief, topology.BucketStream(topology.Tokens)); err == nil {
		t.Error("a follower sees the tokens")
	}
}

func run(t *testing.T, cfg plumb.Config) error {
	t.Helper()
	s, err := plumb.New(cfg, plumb.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		return err
	}
	return s.Run(t.Context())
}

func TestTwoDoNotShareADirectory(t *testing.T) {
	data := t.TempDir()
	_, stop := start(t, config(t, data))
	defer stop()
	if err := run(t, config(t, data)); err == nil || !strings.Contains(err.Error(), "is in use by process") {
		t.Errorf("the second ended with %v", err)
	}
}

func TestAnAddressInUseIsToldByItsFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for flag, set := range map[string]func(*plumb.Config, string){
		"--api-addr":       func(c *plumb.Config, addr string) { c.APIAddr = addr },
		"--access-addr":    func(c *plumb.Config, addr string) { c.AccessAddr = addr },
		"--nats-addr":      func(c *plumb.Config, addr string) { c.NATSAddr = addr },
		"--admin-addr":     func(c *plumb.Config, addr string) { c.AdminAddr = addr },
		"--ext-authz-addr": func(c *plumb.Config, addr string) { c.Gateway.ExtAuthzAddr = addr },
	} {
		cfg := config(t, t.TempDir())
		set(&cfg, l.Addr().String())
		if err := run(t, cfg); err == nil || !strings.Contains(err.Error(), "is in use") ||
			!strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]plumb.Config{"no data": {}, "negative interval": {Data: "x", MinInterval: -1}} {
		if _, err := plumb.New(cfg, plumb.Deps{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
