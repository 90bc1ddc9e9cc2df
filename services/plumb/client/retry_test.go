package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/services/plumb/client"
)

// busy runs a server of the handler's making, and a client that notes its waits and does not wait.
func busy(t *testing.T, h http.HandlerFunc) (*client.Client, *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	var waits []time.Duration
	c, err := client.New(client.Config{URL: server.URL, Token: "secret", Account: account,
		Wait: func(_ context.Context, d time.Duration, why string) error {
			if !strings.Contains(why, "answered") {
				t.Errorf("why: %s", why)
			}
			waits = append(waits, d)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &waits
}

func TestBusyServersAreAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header [2]string
		method string
		times  int // that it answers so
		waits  []time.Duration
		fails  bool
	}{
		"seconds":               {429, [2]string{"Retry-After", "7"}, "GET", 2, []time.Duration{7 * time.Second, 7 * time.Second}, false},
		"milliseconds":          {429, [2]string{"Retry-After-Ms", "1500"}, "GET", 1, []time.Duration{1500 * time.Millisecond}, false},
		"a time that has been":  {429, [2]string{"Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT"}, "GET", 1, []time.Duration{0}, false},
		"nothing said":          {429, [2]string{}, "GET", 3, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, false},
		"nonsense":              {429, [2]string{"Retry-After", "soon"}, "GET", 1, []time.Duration{time.Second}, false},
		"a change":              {429, [2]string{}, "POST", 1, []time.Duration{time.Second}, false},
		"unavailable":           {503, [2]string{}, "GET", 1, []time.Duration{time.Second}, false},
		"a gateway":             {502, [2]string{}, "GET", 1, []time.Duration{time.Second}, false},
		"a change, unavailable": {503, [2]string{}, "POST", 1, nil, true},
		"a change not made":     {503, [2]string{"X-Should-Retry", "true"}, "POST", 2, []time.Duration{time.Second, 2 * time.Second}, false},
		"an internal error":     {500, [2]string{}, "GET", 1, nil, true},
		"not worth it":          {503, [2]string{"X-Should-Retry", "false"}, "GET", 1, nil, true},
		"too long a wait":       {429, [2]string{"Retry-After", "3600"}, "GET", 1, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			left := c.times
			cl, waits := busy(t, func(w http.ResponseWriter, r *http.Request) {
				if left--; left >= 0 {
					if c.header[0] != "" {
						w.Header().Set(c.header[0], c.header[1])
					}
					refuse(w, c.status, 10013, "busy")
					return
				}
				answer(w, client.Object{"id": "a", "name": "n"})
			})
			var err error
			if c.method == "GET" {
				_, err = cl.Objects(client.KindGroup).Get(t.Context(), "a")
			} else {
				_, err = cl.Objects(client.KindGroup).Create(t.Context(), map[string]any{"name": "n"})
			}
			if (err != nil) != c.fails || !slices.Equal(*waits, c.waits) {
				t.Errorf("%v, waited %v", err, *waits)
			}
		})
	}
}

// A server that stays too busy is asked a number of times, and its last answer is the error.
func TestBusyServersAreGivenUp(t *testing.T) {
	asked := 0
	cl, waits := busy(t, func(w http.ResponseWriter, r *http.Request) { asked++; refuse(w, 429, 10013, "rate limited") })
	_, err := cl.Objects(client.KindGroup).List(t.Context())
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != 429 || asked != 8 || len(*waits) != 7 ||
		(*waits)[6] != 30*time.Second {
		t.Errorf("%v, asked %d times, waited %v", err, asked, *waits)
	}
}

// A list ends even if the server ignores the page parameter.
func TestListsThatIgnoreThePageEnd(t *testing.T) {
	asked := 0
	cl, _ := busy(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		answer(w, []client.Object{{"id": "a", "name": "one"}, {"id": "b", "name": "two"}})
	})
	all, err := cl.Objects(client.KindGroup).List(t.Context())
	if err != nil || len(all) != 2 || asked != 2 {
		t.Errorf("%v, %v, asked %d times", all, err, asked)
	}
	// Resources created or deleted between two pages shift the others: the list still has no duplicates.
	cl, _ = busy(t, func(w http.ResponseWriter, r *http.Request) {
		page := map[string][]client.Object{"1": {{"id": "a"}, {"id": "b"}},
			"2": {{"id": "b"}, {"id": "c"}}}[r.URL.Query().Get("page")]
		answer(w, append([]client.Object{}, page...))
	})
	if all, err := cl.Objects(client.KindGroup).List(t.Context()); err != nil || len(all) != 3 {
		t.Errorf("%v, %v", all, err)
	}
	asked = 0
	cl, _ = busy(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		answer(w, []client.Object{{"id": fmt.Sprint(asked)}})
	})
	if _, err := cl.Objects(client.KindGroup).List(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "/access/groups: the list has more than") {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

func TestOtherListsThatDoNotGoOnEnd(t *testing.T) {
	cl, _ := busy(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/audit_logs") {
			answer(w, []client.Object{{"id": "1"}})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"success":true,"result":[{"id":"1"}],"result_info":{"cursor":"same"}}`)
	})
	n := 0
	for _, err := range cl.AuditLog(t.Context(), client.AuditQuery{}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 1 {
		t.Errorf("%d changes", n)
	}
	if _, _, err := cl.Devices(t.Context(), map[string][]string{}, 1000); err == nil ||
		!strings.Contains(err.Error(), "the cursor of the list did not change") {
		t.Errorf("%v", err)
	}
}
