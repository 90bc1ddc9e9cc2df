package exchange

import (
	"math"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/tokenrequest"
)

// A sender may have seen a new application, or a new service token, before the exchange. The exchange does not decide
// by its older view, and neither records nor counts a denial; it decides once its views have caught up.
func TestTheExchangeDoesNotDecideByAnOlderView(t *testing.T) {
	w := newFixture(t)
	s, _ := w.start(w.deps(nil))
	lagging := func() float64 {
		return testutil.ToFloat64(s.metrics.exchanges.WithLabelValues(proto.CodeLagging))
	}
	app, token := *w.app, *w.token
	app.ID, token.ID, token.ClientID = proto.NewID(), proto.NewID(), "fedcba98765432100123456789abcdef.access"
	newApp, newToken := w.request(), w.request()
	newApp.Application = app.ID
	newApp.ConfigRevision = s.catalog.Revision() + 1
	newToken.ClientID = token.ClientID
	newToken.TokensRevision = s.tokens.Revision() + 1
	for _, c := range []struct {
		name  string
		q     *proto.ServiceExchange
		write func() uint64
		after string
	}{
		{"application", newApp, func() uint64 { return w.records.Configure(topology.KindApplication, app.ID, &app) }, ""},
		{"service token", newToken, func() uint64 { return w.records.ServiceToken(&token) }, "no_policy_holds"},
	} {
		before := lagging()
		if got := code(w.ask(c.q)); got != proto.CodeLagging || lagging() != before+1 {
			t.Fatalf("%s: %q before it is written, counted %v times", c.name, got, lagging()-before)
		}
		first := make(chan struct{})
		type outcome struct {
			answer *proto.TokenAnswer
			err    error
		}
		done := make(chan outcome, 1)
		go func() {
			answer, err := tokenrequest.Send(t.Context(), &signalling{w.fetcher, first}, topology.ExchangeService, c.q)
			done <- outcome{answer, err}
		}()
		<-first // the request has been answered once
		if revision := c.write(); revision < max(c.q.ConfigRevision, c.q.TokensRevision) {
			t.Fatalf("%s: written at revision %d", c.name, revision)
		}
		if o := <-done; o.err != nil || code(o.answer) != c.after {
			t.Errorf("%s: %+v, %v", c.name, o.answer, o.err)
		}
		if n := testutil.ToFloat64(s.metrics.exchanges.WithLabelValues("unknown_application")) +
			testutil.ToFloat64(s.metrics.exchanges.WithLabelValues("unknown_credentials")); n != 0 {
			t.Errorf("%s: %v denials by an older view", c.name, n)
		}
	}
}

// A request that names a revision which never comes is answered at once and occupies no worker.
func TestAnImpossibleRevisionHoldsNoWorker(t *testing.T) {
	w := newFixture(t)
	w.start(w.deps(nil))
	for range 100 { // more than there are workers
		q := w.request()
		q.ConfigRevision, q.TokensRevision = math.MaxUint64, math.MaxUint64
		if got := code(w.ask(q)); got != proto.CodeLagging {
			t.Fatalf("%q", got)
		}
	}
	person, statement := w.person(), &proto.Statement{Kind: proto.StatementMatch, Account: w.account,
		Application: w.app.ID, Hostname: "api.example.com", ConfigRevision: math.MaxUint64}
	person.ConfigRevision = math.MaxUint64
	if got := code(w.from(w.gateway, topology.ExchangeUser, person)); got != proto.CodeLagging {
		t.Errorf("a person's token: %q", got)
	}
	if got := code(w.from(w.gateway, topology.Statements, statement)); got != proto.CodeLagging {
		t.Errorf("a statement: %q", got)
	}
	if answer := w.ask(w.request()); answer.Error != nil {
		t.Errorf("a request by an earlier version: %v", answer.Error)
	}
}

// Revisions of other kinds than the exchange follows must not be named: the exchange never sees them.
func TestTheExchangeSeesTheAccessRevision(t *testing.T) {
	w := newFixture(t)
	s, _ := w.start(w.deps(nil))
	w.records.Configure(topology.KindCheck, proto.NewID(), &proto.Check{})
	revision := w.records.Configure(topology.KindGroup, proto.NewID(), &proto.Group{ID: proto.NewID()})
	w.records.Configure(topology.KindIntegration, proto.NewID(), &proto.Integration{})
	if err := s.catalog.AwaitRevision(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	if got := s.catalog.AccessRevision(); got != revision {
		t.Errorf("access revision %d, want %d", got, revision)
	}
}

// A fetcher's requests do not name the revision of the service token. Before the exchange denies credentials for good,
// it checks that the bucket has no newer revision of the token than its view.
func TestCredentialsAreNotDeniedByAnOlderView(t *testing.T) {
	w := newFixture(t)
	s, err := New(Config{TeamDomain: team}, w.deps(nil)) // its views do not run, as if the watch were late
	if err != nil {
		t.Fatal(err)
	}
	known, unknown := w.request(), w.request()
	unknown.ClientID = "fedcba98765432100123456789abcdef.access"
	known.ConfigRevision, unknown.ConfigRevision = 1, 1
	earlier := *known
	earlier.ConfigRevision = 0 // a sender that does not know the code
	for _, c := range []struct {
		name    string
		q       *proto.ServiceExchange
		gateway bool
		want    string
	}{
		{"a new token", known, false, proto.CodeLagging},
		{"no such token", unknown, false, "unknown_credentials"},
		{"a sender of an earlier version", &earlier, false, "unknown_credentials"},
		{"a gateway, which has seen the token", known, true, "unknown_credentials"},
	} {
		if answer, _ := s.exchange(t.Context(), c.q, c.gateway); code(answer) != c.want {
			t.Errorf("%s: %q, want %q", c.name, code(answer), c.want)
		}
	}
	bustest.Run(t, s.Run)
	w.ready(s)
	known.ClientSecret, known.ConfigRevision = "wrong", s.catalog.Revision()
	if got := code(w.ask(known)); got != "unknown_credentials" {
		t.Errorf("a wrong secret with a current view: %q", got)
	}
}
