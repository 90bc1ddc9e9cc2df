package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

func TestWhoMayCall(t *testing.T) {
	y := start(t)
	expired, elsewhere := credential.NewAPIToken(), credential.NewAPIToken()
	for token, record := range map[string]proto.APIToken{
		expired:   {ExpiresAt: proto.At(y.clock.Now())},
		elsewhere: {},
	} {
		record.ID, record.SecretHash = proto.NewID(), credential.Hash(token)
		account := y.account
		if token == elsewhere {
			account = proto.NewAccount()
		}
		revision, err := y.conn.Put(t.Context(), topology.Tokens, topology.APITokenKey(account, record.SecretHash), &record, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := y.api.store.Tokens.AwaitRevision(t.Context(), revision); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, header string
		status, code int
	}{
		{"nothing", "", 403, v4.CodeAuthentication},
		{"an empty token", "Bearer ", 403, v4.CodeAuthentication},
		{"blanks", "Bearer    ", 403, v4.CodeAuthentication},
		{"another scheme", "Basic " + bootstrap, 403, v4.CodeAuthentication},
		{"no scheme", bootstrap, 403, v4.CodeAuthentication},
		{"a wrong token", "Bearer " + bootstrap + "x", 403, v4.CodeAuthentication},
		{"an expired token", "Bearer " + expired, 403, v4.CodeAuthentication},
		{"a token of another account", "Bearer " + elsewhere, 403, v4.CodeUnauthorized},
		{"the token", "Bearer " + bootstrap, 200, 0},
		{"the scheme in lower case", "bearer " + bootstrap, 200, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := y.request("GET", y.path("/access/service_tokens"), nil)
			req.Header.Del("Authorization")
			if c.header != "" {
				req.Header.Set("Authorization", c.header)
			}
			r := y.raw(req)
			if r.Status != c.status || c.code != 0 && r.Errors[0].Code != c.code {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		})
	}
}

func TestBootstrap(t *testing.T) {
	y := start(t, func(c *Config) { c.BootstrapToken = "" })
	token := credential.NewAPIToken()
	for _, want := range []bool{true, false} {
		if made, err := apitoken.Bootstrap(t.Context(), y.conn, y.clock, y.account, token, ""); err != nil || made != want {
			t.Errorf("made %t, %v", made, err)
		}
	}
	key := topology.APITokenKey(y.account, credential.Hash(token))
	revision, err := y.conn.Get(t.Context(), topology.Tokens, key, new(proto.APIToken))
	if err != nil {
		t.Fatal(err)
	}
	if err := y.conn.Delete(t.Context(), topology.Tokens, key, revision); err != nil {
		t.Fatal(err)
	}
	if made, err := apitoken.Bootstrap(t.Context(), y.conn, y.clock, y.account, token, ""); err != apitoken.ErrRevoked || made {
		t.Errorf("a revoked token: %t, %v", made, err)
	}
	y.cfg.BootstrapToken = token
	s := y.replica() // starts all the same
	if got, _ := s.store.Tokens.FindAPI(y.account, credential.Hash(token)); got != nil {
		t.Error("a revoked token is valid again")
	}
	if _, err := apitoken.Bootstrap(t.Context(), y.conn, y.clock, y.account, "short", ""); err == nil {
		t.Error("a token of the wrong form is taken")
	}
}

func TestRoutes(t *testing.T) {
	y := start(t)
	for _, c := range []struct {
		method, path string
		status, code int
	}{
		{"GET", "/", 404, v4.CodeNoRoute},
		{"GET", "/client/v4", 404, v4.CodeNoRoute},
		{"GET", "/client/v4/accounts/" + strings.Repeat("A", 32) + "/access/apps", 404, v4.CodeNoRoute},
		{"GET", "/client/v4/accounts/short/access/apps", 404, v4.CodeNoRoute},
		{"GET", y.path("/access/unheard-of"), 404, v4.CodeNoRoute},
		{"GET", y.path("/access/apps//"), 404, v4.CodeNoRoute},
		{"GET", "//client/v4/accounts/" + y.account.String() + "/access/apps/", 404, v4.CodeNoRoute},
		{"GET", y.path("/access/apps/none/"), 404, v4.CodeUnknownApplication},
		{"GET", y.path("//access/apps"), 404, v4.CodeNoRoute},
		{"GET", y.path("/access/../access/apps"), 404, v4.CodeNoRoute},
		{"PATCH", y.path("/access/apps"), 405, v4.CodeMethod},
		{"BREW", y.path("/access/apps"), 405, v4.CodeMethod},
		{"DELETE", y.path("/plumbline/status"), 405, v4.CodeMethod},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			req := y.request(c.method, "/", nil)
			req.URL.Path = c.path
			if r := y.raw(req); r.Status != c.status || r.Errors[0].Code != c.code {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		})
	}
	for _, path := range []string{"/access/apps/", "/access/keys/", "/devices/posture/"} {
		if r := y.do("GET", path, nil); r.Status == 404 {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	if r := y.do("GET", "/access/apps", nil); r.Header.Get("X-Request-Id") == "" || r.Header.Get("X-Should-Retry") != "" {
		t.Errorf("header %v", r.Header)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	y := start(t, func(c *Config) { c.MaxBody = 2048 })
	y.refused(413, v4.CodeTooLarge, "POST", "/access/apps", `{"name":"`+strings.Repeat("x", 4096)+`"}`)
	for name, body := range map[string]string{
		"empty": "", "blank": " ", "not JSON": "{", "a list": "[]", "null": "null", "text": `"x"`, "a name twice": `{"name":"a","name":"b"}`,
		"twice further in": `{"name":"a","x":{"y":1,"y":2}}`, "not UTF-8": "{\"name\":\"\xff\"}", "more after it": `{"name":"a"}{}`, "deep": strings.Repeat("[", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			y.t = t
			for _, path := range []string{"/access/apps", "/access/service_tokens", "/access/policies", "/devices/posture", "/devices/posture/integration"} {
				y.refused(400, v4.CodeInvalid, "POST", path, body)
			}
		})
	}
}

// A body is echoed some levels further in: one that a decoder can just read must not make lists unreadable.
func TestNestingIsBounded(t *testing.T) {
	y := start(t)
	nested := func(levels int) string {
		x := strings.Repeat("[", levels-1) + `"]\"["` + strings.Repeat("]", levels-1)
		return `{"name":"n","type":"file","flat":[{},{},[]],"x":` + x + `}`
	}
	for _, levels := range []int{v4.MaxNesting + 1, 9_999} {
		y.refused(400, v4.CodeInvalid, "POST", "/devices/posture", nested(levels))
	}
	y.want(200, "POST", "/devices/posture", nested(v4.MaxNesting))
	y.want(200, "POST", "/devices/posture", `{"name":"n","type":"file","description":"`+strings.Repeat("[", 2*v4.MaxNesting)+`"}`)
	y.want(200, "GET", "/devices/posture", nil)
}

func TestPanicsTellNothing(t *testing.T) {
	y := start(t)
	h := y.api.newHandler([]v4.Route{{Method: "GET", Path: v4.AccountPath + "/boom", Handle: func(context.Context, *v4.Call) (v4.Response, error) { panic("the inside") }},
		{Method: "GET", Path: v4.AccountPath + "/odd", Handle: func(context.Context, *v4.Call) (v4.Response, error) { return v4.OK(func() {}), nil }}})
	y.handler = h
	for _, path := range []string{"/boom", "/odd"} {
		r := y.do("GET", path, nil)
		if r.Status != 500 || r.Errors[0].Code != v4.CodeInternal || strings.Contains(string(r.Body), "inside") || r.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
		}
		if log := y.log.String(); !strings.Contains(log, r.Header.Get("X-Request-Id")) {
			t.Errorf("the log does not name the request: %s", log)
		}
	}
	if !strings.Contains(y.log.String(), "the inside") {
		t.Error("the log does not say what happened")
	}
}

func TestConfigIsChecked(t *testing.T) {
	y := start(t)
	for name, change := range map[string]func(*Config){
		"no recipient":         func(c *Config) { c.SealTo = nil },
		"a token of bad form":  func(c *Config) { c.BootstrapToken = "x" },
		"no account":           func(c *Config) { c.Account = proto.Account{} },
		"a short interval":     func(c *Config) { c.MinInterval = time.Millisecond },
		"no room for a stream": func(c *Config) { c.Streams = -1 },
	} {
		cfg := y.cfg
		change(&cfg)
		if _, err := New(cfg, Deps{}); err == nil || strings.Contains(err.Error(), bootstrap) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A real listener: HEAD, keep-alive, a slow handler's context, and an end in bounded time with a client
// that holds its connection open.
func TestOverTheWire(t *testing.T) {
	y := start(t)
	url := "http://" + y.api.Addr() + y.path("/access/apps")
	req, err := http.NewRequestWithContext(t.Context(), "HEAD", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bootstrap)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || len(body) != 0 {
		t.Errorf("HEAD: %d %q", resp.StatusCode, body)
	}
}

func TestABusThatIsAway(t *testing.T) {
	y := start(t)
	y.bus.Server(0).Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req := y.request("GET", y.path("/access/apps"), nil).WithContext(ctx)
	w := httptest.NewRecorder()
	y.handler.ServeHTTP(w, req)
	if w.Code != 503 || w.Header().Get("X-Should-Retry") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	bustest.Eventually(t, "not ready", func() bool { return y.api.Ready(t.Context()) != nil })
}
