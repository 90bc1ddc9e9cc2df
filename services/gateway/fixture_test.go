package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/exchange"
	"plumbline.dev/services/gateway/login"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/seal"
)

// fixture is a gateway and an exchange on a real bus, and an origin reporting its requests.
type fixture struct {
	testing.TB
	bus     *bustest.Bus
	api     *bus.Conn
	ids     []age.Identity
	account proto.Account
	token   *proto.ServiceToken
	secret  string
	origin  *httptest.Server
	gateway *Service
	metrics *prometheus.Registry

	records *bustest.Records
}

func newFixture(t testing.TB, cfg Config) *fixture {
	t.Helper()
	identity, _, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	w := &fixture{TB: t, bus: bustest.Start(t), ids: ids, account: proto.NewAccount(),
		secret:  credential.NewServiceSecret(),
		metrics: prometheus.NewRegistry()}
	w.api = w.bus.Conn(topology.API)
	w.records = bustest.NewRecords(t, w.api, w.account)
	w.token = &proto.ServiceToken{ID: proto.NewID(), ClientID: credential.NewClientID(), Name: "robot",
		SecretHash: credential.Hash(w.secret), Version: 1}
	w.saveToken()
	w.origin = httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(w.origin.Close)
	cfg.AccessAddr, cfg.TeamDomain, cfg.SessionKey = "127.0.0.1:0", "https://team.example.com",
		bytes.Repeat([]byte{7}, login.KeySize)
	quiet := slog.New(slog.DiscardHandler)
	ex, err := exchange.New(exchange.Config{TeamDomain: cfg.TeamDomain},
		exchange.Deps{Bus: w.bus.Conn(topology.Exchange), Log: quiet,
			Metrics: prometheus.NewRegistry(), Clock: clock.System, Identities: ids})
	if err != nil {
		t.Fatal(err)
	}
	w.run(ex.Run)
	w.gateway, err = New(cfg,
		Deps{Bus: w.bus.Conn(topology.Gateway), Log: quiet, Metrics: w.metrics, Clock: clock.System, Identities: ids})
	if err != nil {
		t.Fatal(err)
	}
	w.run(w.gateway.Run)
	bustest.Eventually(t, "exchange and gateway are ready", func() bool {
		return ex.Ready(t.Context()) == nil && w.gateway.Ready(t.Context()) == nil
	})
	return w
}

func (w *fixture) run(part func(context.Context) error) {
	bustest.Run(w, part)
}

func (w *fixture) saveToken() {
	w.Helper()
	w.records.ServiceToken(w.token)
}

func (w *fixture) policy(d proto.Decision, selector string, body any) *proto.Policy {
	w.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	p := &proto.Policy{ID: proto.NewID(), Decision: d, Include: []proto.Rule{{Selector: selector, Body: b}}}
	w.records.Configure(topology.KindPolicy, p.ID, p)
	return p
}

func (w *fixture) robots() *proto.Policy {
	return w.policy(proto.DecisionNonIdentity, "service_token", map[string]string{"token_id": w.token.ID.String()})
}

// app makes an application and waits until the gateway serves it.
func (w *fixture) app(domain, origin string, change func(*proto.Application),
	policies ...*proto.Policy) *proto.Application {
	w.Helper()
	a := &proto.Application{ID: proto.NewID(), AUD: strings.Repeat(strings.ReplaceAll(proto.NewID().String(), "-", ""), 2),
		Name: domain, Type: "self_hosted", Domains: []string{domain}, OriginURL: origin}
	for i, p := range policies {
		a.Policies = append(a.Policies, proto.PolicyLink{Policy: p.ID, Precedence: i + 1})
	}
	if change != nil {
		change(a)
	}
	key := topology.ConfigKey(w.account, topology.KindApplication, a.ID)
	w.records.Put(topology.Config, key, a)
	w.served()
	return a
}

// served waits until the gateway decides by the newest records.
func (w *fixture) served() {
	w.Helper()
	probe := &proto.Application{ID: proto.NewID(), AUD: strings.Repeat("e", 64), Name: "probe", Type: "self_hosted",
		Domains: []string{strings.ReplaceAll(proto.NewID().String(), "-", "") + ".probe.example.com"}}
	w.records.Configure(topology.KindApplication, probe.ID, probe)
	bustest.Eventually(w, "the gateway has the configuration", func() bool {
		got := w.send("GET / HTTP/1.1\r\nHost: " + probe.Domains[0] + "\r\nConnection: close\r\n\r\n")
		return got.status != http.StatusNotFound
	})
}

// seen is a request at the origin.
type seen struct {
	Method, Host, URI string
	Header            http.Header
	Body              string
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-From", "origin")
	_ = json.NewEncoder(w).Encode(seen{r.Method, r.Host, r.RequestURI, r.Header, string(body)})
}

// answer is a response to a client.
type answer struct {
	status int
	header http.Header
	body   string
}

// origin returns the request at the origin, if it got that far.
func (a answer) origin() (s seen, ok bool) {
	if a.header.Get("X-From") != "origin" || json.Unmarshal([]byte(a.body), &s) != nil {
		return s, false
	}
	return s, true
}

// send writes bytes to the gateway, and reads one answer.
func (w *fixture) send(request string) answer {
	w.Helper()
	conn, err := net.Dial("tcp", w.gateway.AccessAddr())
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, request); err != nil {
		w.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.Error(err)
	}
	return answer{r.StatusCode, r.Header, string(body)}
}

// get asks for a path of a host, with the lines of a header.
func (w *fixture) get(host, path string, lines ...string) answer {
	w.Helper()
	return w.send("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n")
}

func (w *fixture) credentials(more ...string) []string {
	return append([]string{"CF-Access-Client-Id: " + w.token.ClientID, "CF-Access-Client-Secret: " + w.secret}, more...)
}
