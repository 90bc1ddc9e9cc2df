package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/client"
)

var account = proto.Account{1, 2, 3}

// serve runs a control plane of the test's making; the token is checked.
func serve(t *testing.T, routes map[string]http.HandlerFunc) *client.Client {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range routes {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /client/v4/accounts/"+account.String()+path, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer secret" {
				t.Errorf("authorization %q", r.Header.Get("Authorization"))
			}
			h(w, r)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := client.New(client.Config{URL: server.URL + "/client/v4/", Token: "secret", Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answer(w http.ResponseWriter, result any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "errors": []any{}, "messages": []any{},
		"result": result})
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"success":false,"errors":[{"code":%d,"message":%q}],"messages":[],"result":null}`, code, message)
}

func TestListsEndWithAnEmptyPage(t *testing.T) {
	var asked []string
	c := serve(t, map[string]http.HandlerFunc{"GET /access/service_tokens": func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Query().Get("page")
		asked = append(asked, page)
		all := map[string][]client.ServiceToken{"1": {{ID: "a", Name: "one"}}, "2": {{ID: "b", Name: "two"}}}
		some := all[page]
		if some == nil {
			some = []client.ServiceToken{}
		}
		answer(w, some)
	}})
	all, err := c.ServiceTokens.List(t.Context())
	if err != nil || len(all) != 2 || all[1].Value.Name != "two" {
		t.Errorf("%v, %v", all, err)
	}
	if !slices.Equal(asked, []string{"1", "2", "3"}) {
		t.Errorf("asked for pages %v", asked)
	}
}

func TestFindGoesByIDThenByName(t *testing.T) {
	c := serve(t, map[string]http.HandlerFunc{"GET /devices/posture": func(w http.ResponseWriter, _ *http.Request) {
		answer(w, []client.Check{{ID: "x", Name: "y"}, {ID: "y", Name: "z"}, {ID: "1", Name: "twin"},
			{ID: "2", Name: "twin"}})
	}})
	for name, want := range map[string]string{"x": "x", "y": "y", "z": "y"} {
		if item, err := c.Checks.Find(t.Context(), name); err != nil || item.Value.ID != want {
			t.Errorf("%s: %v, %v", name, item.Value, err)
		}
	}
	if _, err := c.Checks.Find(t.Context(), "nobody"); !client.IsNotFound(err) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := c.Checks.Find(t.Context(), "twin"); err == nil || client.IsNotFound(err) ||
		!strings.Contains(err.Error(), "2 checks have the name") {
		t.Errorf("twin: %v", err)
	}
}

// Members unknown to the commands are kept.
func TestItemsKeepWhatWasSaid(t *testing.T) {
	c := serve(t,
		map[string]http.HandlerFunc{"GET /devices/posture/integration/i": func(w http.ResponseWriter, _ *http.Request) {
			answer(w, json.RawMessage(`{"id":"i","x_new":[1]}`))
		}})
	item, err := c.Integrations.Get(t.Context(), "i")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(item); err != nil || string(text) != `{"id":"i","x_new":[1]}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestRefusals(t *testing.T) {
	c := serve(t, map[string]http.HandlerFunc{
		"POST /devices/posture/integration": func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, 400, 2046, "invalid posture integration request: the API answered 405")
		},
		"GET /access/apps": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) },
		"GET /devices/posture": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
	})
	_, err := c.Integrations.Create(t.Context(), client.Integration{Name: "x"})
	var e *client.Error
	if !errors.As(err, &e) || e.Code != 2046 || e.Status != 400 ||
		e.Error() != "invalid posture integration request: the API answered 405 (code 2046)" {
		t.Errorf("refusal: %v", err)
	}
	if _, err := c.Applications.List(t.Context()); !errors.As(err, &e) || e.Status != 502 ||
		strings.Contains(err.Error(), "html") {
		t.Errorf("no envelope: %v", err)
	}
	if _, err := c.Checks.List(t.Context()); !errors.As(err, &e) || e.Status != 302 {
		t.Errorf("redirect: %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	c, err := client.New(client.Config{URL: "http://127.0.0.1:1", Token: "secret", Account: account})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Status(t.Context()); err == nil || !strings.Contains(
		err.Error(), "no control plane listens at 127.0.0.1:1") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"no url":     {Token: "t", Account: account},
		"no scheme":  {URL: "127.0.0.1:8400", Token: "t", Account: account},
		"no token":   {URL: "http://h", Account: account},
		"no account": {URL: "http://h", Token: "t"},
	} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestImportIsStreamed(t *testing.T) {
	first := make(chan string, 1)
	c := serve(t, map[string]http.HandlerFunc{"POST /plumbline/devices": func(w http.ResponseWriter, r *http.Request) {
		line := make([]byte, 10)
		if _, err := io.ReadFull(r.Body, line); err != nil {
			t.Error(err)
		}
		first <- string(line) + r.Header.Get("Content-Type")
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, map[string]any{"enrolled": 2, "refused": 1, "errors": []any{map[string]any{"line": 3, "message": "no id"}}})
	}})
	in, out := io.Pipe()
	go func() {
		_, _ = io.WriteString(out, "device_id\n")
		if got := <-first; got != "device_id\ntext/csv" {
			t.Errorf("read %q", got)
		}
		out.Close()
	}()
	done, err := c.Import(t.Context(), client.CSV, in, nil)
	if err != nil || done.Enrolled != 2 || done.Refused != 1 || done.Refusals[0].Line != 3 {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestFollow(t *testing.T) {
	c := serve(t,
		map[string]http.HandlerFunc{"GET /plumbline/results/stream": func(w http.ResponseWriter, r *http.Request) {
			if last := r.Header.Get("Last-Event-ID"); last != "7" {
				t.Errorf("Last-Event-ID %q", last)
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w,
				": hello\n\nid: 8\nevent: entry\ndata: {\"a\":\ndata: 1}\n\nevent:change\ndata:{}\n\nevent: cut\ndata: {}")
		}})
	var got []string
	var last error
	for e, err := range c.Follow(t.Context(), "7") {
		if err != nil {
			last = err
			break
		}
		got = append(got, fmt.Sprintf("%s %s %s", e.ID, e.Kind, e.Data))
	}
	if want := []string{"8 entry {\"a\":\n1}", "8 change {}"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if !errors.Is(last, client.ErrStreamEnded) {
		t.Errorf("ended with %v", last)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	c := serve(t,
		map[string]http.HandlerFunc{"GET /plumbline/results/stream": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: entry\ndata: {}\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := 0
	for _, err := range c.Follow(ctx, "") {
		if err != nil {
			break
		}
		events++
		cancel()
	}
	if events != 1 {
		t.Errorf("%d events", events)
	}
}

// An import that waits for its list, at a terminal say, is given up when it is told to.
func TestImportEndsWithItsContext(t *testing.T) {
	begun := make(chan struct{})
	c := serve(t, map[string]http.HandlerFunc{"POST /plumbline/devices": func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		_, _ = io.Copy(io.Discard, r.Body)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, out := io.Pipe()
	defer out.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Import(ctx, client.CSV, in, nil)
		ended <- err
	}()
	if _, err := io.WriteString(out, "device_id\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
