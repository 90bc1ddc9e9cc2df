package sdk

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// world is an installation, and what a client is told of it.
type world struct {
	base    string // URL of the v4 API
	token   string
	account string
	zone    string
}

func start(t *testing.T) (world, context.Context) {
	t.Helper()
	p := stack.Up(t)
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(p.Data, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return world{base: "http://" + p.API + "/client/v4", token: read("api-token"), account: read("account-id"),
		zone: "00112233445566778899aabbccddeeff"}, ctx
}

// only makes every client's requests go to the installation: nothing of a test leaves the machine.
func (w world) only(t *testing.T) *http.Client {
	host := strings.TrimSuffix(strings.TrimPrefix(w.base, "http://"), "/client/v4")
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != host {
			t.Errorf("a request to %s", r.URL)
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
