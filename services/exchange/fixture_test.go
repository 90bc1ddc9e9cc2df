package exchange

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/seal"
)

const team = "https://team.example.com"

// fixture is an installation with one application, one policy and one service token.
type fixture struct {
	testing.TB
	bus     *bustest.Bus
	api     *bus.Conn
	fetcher *bus.Conn
	gateway *bus.Conn
	clock   *clock.Fake
	ids     []age.Identity

	account proto.Account
	app     *proto.Application
	policy  *proto.Policy
	token   *proto.ServiceToken
	secret  string
	records *bustest.Records // app, policy and token among them
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return fixtureOn(t, bustest.Start(t))
}

func fixtureOn(t testing.TB, b *bustest.Bus) *fixture {
	t.Helper()
	identity, _, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	w := &fixture{TB: t, bus: b, api: b.Conn(topology.API), fetcher: b.Conn(topology.Fetcher),
		gateway: b.Conn(topology.Gateway), clock: clock.NewFake(time.Now()), ids: ids,
		account: proto.NewAccount(), secret: credential.NewServiceSecret()}
	w.records = bustest.NewRecords(t, w.api, w.account)
	w.token = &proto.ServiceToken{ID: proto.NewID(), ClientID: credential.NewClientID(), Name: "poller",
		SecretHash: credential.Hash(w.secret), Version: 1, ExpiresAt: proto.At(w.clock.Now().Add(24 * time.Hour))}
	body, err := json.Marshal(map[string]string{"token_id": w.token.ID.String()})
	if err != nil {
		t.Fatal(err)
	}
	w.policy = &proto.Policy{ID: proto.NewID(), Decision: proto.DecisionNonIdentity,
		Include: []proto.Rule{{Selector: "service_token", Body: body}}}
	w.app = &proto.Application{ID: proto.NewID(), AUD: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		Domains: []string{"api.example.com"}, Policies: []proto.PolicyLink{{Policy: w.policy.ID, Precedence: 1}}}
	w.save()
	return w
}

// save writes what the test changed.
func (w *fixture) save() {
	w.Helper()
	w.records.ServiceToken(w.token)
	w.records.Configure(topology.KindPolicy, w.policy.ID, w.policy)
	w.records.Configure(topology.KindApplication, w.app.ID, w.app)
}

func (w *fixture) deps(log *slog.Logger) Deps {
	if log == nil {
		log = bustest.Log(w)
	}
	return Deps{Bus: w.bus.Conn(topology.Exchange), Log: log, Metrics: prometheus.NewRegistry(), Clock: w.clock,
		Identities: w.ids}
}

// start runs an exchange until stop is called or the test ends, and waits until it is ready.
func (w *fixture) start(deps Deps) (s *Service, stop func()) {
	w.Helper()
	s, stop = w.launch(deps)
	w.ready(s)
	return s, stop
}

func (w *fixture) ready(s *Service) {
	w.Helper()
	bustest.Eventually(w, "the exchange is ready", func() bool { return s.Ready(w.Context()) == nil })
}

func (w *fixture) launch(deps Deps) (s *Service, stop func()) {
	w.Helper()
	s, err := New(Config{TeamDomain: team + "/"}, deps)
	if err != nil {
		w.Fatal(err)
	}
	return s, bustest.Run(w, s.Run)
}

func (w *fixture) request() *proto.ServiceExchange {
	return &proto.ServiceExchange{Account: w.account, ClientID: w.token.ClientID, ClientSecret: w.secret,
		Application: w.app.ID}
}

// ask sends a request over the bus as a fetcher does.
func (w *fixture) ask(q *proto.ServiceExchange) *proto.TokenAnswer {
	w.Helper()
	return w.from(w.fetcher, topology.ExchangeService, q)
}

// code is the code of a refusal, "" for a token.
func code(a *proto.TokenAnswer) string {
	if a.Error != nil {
		return a.Error.Code
	}
	return ""
}

// eventually asks until the answer has a code; configuration takes a moment to arrive.
func (w *fixture) eventually(want string) *proto.TokenAnswer {
	w.Helper()
	var answer *proto.TokenAnswer
	bustest.Eventually(w, "the answer is "+want, func() bool {
		answer = w.ask(w.request())
		return code(answer) == want
	})
	return answer
}

func (w *fixture) signatures(s *Service) int { return int(testutil.ToFloat64(s.metrics.signatures)) }

func (w *fixture) serveCerts(s *Service) string {
	server := httptest.NewServer(s.Handler())
	w.Cleanup(server.Close)
	return server.URL + CertsPath
}

// audited returns the audit events in the outbox of the tokens.
func (w *fixture) audited() []*proto.AuditEvent {
	w.Helper()
	conn, stream := w.bus.Conn(topology.Operator), topology.BucketStream(topology.Tokens)
	var all []*proto.AuditEvent
	at, err := conn.Position(w.Context(), stream)
	if err == nil {
		err = conn.Range(w.Context(), stream, topology.OutboxesOf(topology.Tokens, w.account), 1, at.Last,
			func(m *bus.Msg) error {
				var body proto.AuditOutbox
				err := m.Decode(&body)
				all = append(all, body.Events...)
				return err
			})
	}
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// stored are the messages of a stream under a subject, decoded, in their order.
func stored[T any, M interface {
	*T
	proto.Message
}](w *fixture, stream, subject string) []T {
	w.Helper()
	s, err := w.bus.Conn(topology.Operator).JetStream().Stream(w.Context(), stream)
	if err != nil {
		w.Fatal(err)
	}
	info, err := s.Info(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	var all []T
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := s.GetMsg(w.Context(), seq)
		if err != nil || m.Subject != subject {
			continue
		}
		var one T
		if err := proto.Unmarshal(m.Data, M(&one)); err != nil {
			w.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// recorded are the authentications of the fixture's application.
func (w *fixture) recorded() []proto.Authentication {
	w.Helper()
	return stored[proto.Authentication](w, topology.AccessLogs, topology.AccessLog(w.account, w.app.ID))
}

// from sends a request on a connection.
func (w *fixture) from(c *bus.Conn, subject string, q proto.Message) *proto.TokenAnswer {
	w.Helper()
	var answer proto.TokenAnswer
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	if err := c.Request(ctx, subject, q, &answer); err != nil {
		w.Fatal(err)
	}
	return &answer
}

// signalling is a connection that closes answered after its first answer.
type signalling struct {
	*bus.Conn
	answered chan struct{}
}

func (c *signalling) Request(ctx context.Context, subject string, body, reply proto.Message) error {
	err := c.Conn.Request(ctx, subject, body, reply)
	select {
	case <-c.answered:
	default:
		close(c.answered)
	}
	return err
}
