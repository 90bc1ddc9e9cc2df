package embed

import (
	"context"
	"fmt"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// For a request across accounts the server stores the reply's destination, and removes it with the reply. The requests
// of a busy evaluator leave almost nothing behind.
func TestTheServerForgetsWhereAnswersWent(t *testing.T) {
	s, err := Start(t.Context(), Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	as := func(r topology.Role) *bus.Conn {
		c, err := s.Connect(t.Context(), r, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	if err := provision.Topology(t.Context(), as(topology.Operator), topology.Options{LogMaxBytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	const messages = 500
	page := topology.PageRef{Account: proto.NewAccount(), Integration: proto.NewID()}
	evaluator := as(topology.Evaluator)
	var inputs []bus.Outgoing
	for n := range messages {
		page.Page = topology.PageNumber(n)
		inputs = append(inputs, bus.Outgoing{Subject: topology.Scores(page), Body: &proto.Input{Tick: 1}})
	}
	if errs := as(topology.Fetcher).PublishAll(t.Context(), inputs); errs != nil {
		t.Fatal(errs)
	}
	handled := make(chan error, messages)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- stage.Consume(ctx, evaluator,
			stage.Stage{Name: "evaluate", Stream: topology.PostureScores, Consumer: topology.ConsumerEvaluate, Workers: 16},
			func(ctx context.Context, m *bus.Msg) error {
				err := evaluateOnce(ctx, evaluator, m)
				handled <- err
				return err
			})
	}()
	for range messages {
		if err := <-handled; err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// Some belong to requests without a result, and no other request reuses them.
	const few = messages / 10
	for _, z := range []topology.Zone{topology.Pipeline, topology.ZoneOf(topology.Evaluator),
		topology.ZoneOf(topology.Fetcher)} {
		a, err := s.ns.LookupAccount(s.authority.Account(z))
		if err != nil {
			t.Fatal(err)
		}
		left := func() int { return a.NumPendingAllResponses() + a.NumPendingReverseResponses() }
		look, stop := time.NewTicker(50*time.Millisecond), time.Now().Add(20*time.Second)
		for left() > few && time.Now().Before(stop) {
			<-look.C
		}
		look.Stop()
		if n := left(); n > few {
			t.Errorf("%s remembers the answers of %d requests", z, n)
		}
	}
}

// evaluateOnce sends the requests of one evaluation: state, pages in a batch, and a commit.
func evaluateOnce(ctx context.Context, c *bus.Conn, m *bus.Msg) error {
	page, err := topology.ParsePage(m.Subject)
	if err != nil {
		return err
	}
	if _, err := c.Last(ctx, topology.PostureLog, topology.Log(page)); err == nil {
		return fmt.Errorf("page %d has an entry already", page.Page)
	}
	if err := c.Range(ctx, topology.PostureState, topology.AllLogs, 1, 1<<60,
		func(*bus.Msg) error { return bus.ErrStop }); err != nil {
		return err
	}
	_, err = c.Commit(ctx, []bus.Outgoing{
		{Subject: topology.Log(page), Body: &proto.Entry{}, ExpectLast: bus.Expect(0)},
		bus.ChangeMsg(&proto.Change{Account: page.Account, Check: page.Integration, Outcome: proto.OutcomePass,
			Page: uint32(page.Page), Index: 1}),
	})
	return err
}
