// Package world is the installation that the SDKs are tried on, and how their answers are looked at.
package world

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/stack"
)

// World is an installation, and what a client is told of it.
type World struct {
	Base    string // URL of the v4 API
	Token   string
	Account string
	Zone    string
	plumb   *stack.Plumb
}

// Start runs an installation until the end of the test, whose time is what the context has.
func Start(t *testing.T) (World, context.Context) {
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
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second*stack.Slowness())
	t.Cleanup(cancel)
	return World{Base: "http://" + p.API + "/client/v4", Token: read("api-token"), Account: read("account-id"),
		Zone: "00112233445566778899aabbccddeeff", plumb: p}, ctx
}

// Only makes every client's requests go to the installation: nothing of a test leaves the machine.
func (w World) Only(t *testing.T) *http.Client {
	host := strings.TrimSuffix(strings.TrimPrefix(w.Base, "http://"), "/client/v4")
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != host {
			t.Errorf("a request to %s", r.URL)
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Enrol makes devices SN000 and on.
func (w World) Enrol(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	var list strings.Builder
	list.WriteString("serial_number,hostname,email\n")
	for i := range n {
		fmt.Fprintf(&list, "SN%03d,host-%03d,person%d@example.com\n", i, n-i, i%2)
	}
	r := Must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodPost,
		w.Base+"/accounts/"+w.Account+"/plumbline/devices", strings.NewReader(list.String())))
	r.Header.Set("Authorization", "Bearer "+w.Token)
	r.Header.Set("Content-Type", "text/csv")
	answer, err := w.Only(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("import: %s", answer.Status)
	}
}

// StoreLogins stores the records of users who logged in, as a gateway does, in this order. Their names are their
// addresses in upper case.
func (w World) StoreLogins(ctx context.Context, t *testing.T, addresses ...string) {
	t.Helper()
	conn, err := w.plumb.Operator(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	account, err := proto.ParseAccount(w.Account)
	for n := 0; err == nil && n < len(addresses); n++ {
		email, now := addresses[n], proto.At(time.Now())
		u := &proto.User{ID: proto.DeriveID(account, email), Email: email, Name: strings.ToUpper(email), CreatedAt: now,
			LastSeenAt: now, Last: proto.Session{Email: email, IP: "192.0.2.7", StartedAt: now}}
		_, err = conn.Put(ctx, topology.Sessions, topology.UserKey(account, u.ID), u, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Must gives what a method answered, which has to be as the SDK declares it.
func Must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		Declared(t, v)
		return v
	}
}

// Pager is what every list of the SDKs is walked with.
type Pager[T any] interface {
	Next() bool
	Current() T
	Err() error
}

// Walk gives all items of a list, each of which has to be as the SDK declares it.
func Walk[T any](t *testing.T, p Pager[T]) (all []T) {
	t.Helper()
	for p.Next() {
		if all = append(all, p.Current()); len(all) > 1000 {
			t.Fatal("the list does not end")
		}
		Declared(t, p.Current())
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
