package policytest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/internal/clock"
)

// fixture is the API over a bus, without its views: for tests of policies without posture checks.
type fixture struct {
	*API
	t       *testing.T
	conn    *bus.Conn // as operator
	clock   *clock.Fake
	account proto.Account
}

func newFixture(t *testing.T) *fixture {
	b := bustest.Start(t)
	c := clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	s := New(Deps{Store: store.New(b.Conn(topology.API), bustest.Log(t), c, nil)})
	return &fixture{API: s, t: t, conn: b.Conn(topology.Operator), clock: c, account: proto.NewAccount()}
}

// login stores a user's record, as at a login.
func (f *fixture) login(n int) {
	f.t.Helper()
	now := proto.At(f.clock.Now())
	email := fmt.Sprintf("u%d@example.com", n)
	u := &proto.User{ID: proto.DeriveID(f.account, email), Email: email, LastSeenAt: now,
		Last: proto.Session{Email: email, StartedAt: now}}
	key := topology.BucketSubject(topology.Sessions, topology.UserKey(f.account, u.ID))
	if _, err := f.conn.Publish(f.t.Context(), bus.Outgoing{Subject: key, Body: u}); err != nil {
		f.t.Fatal(err)
	}
}

// stored returns the stored record of a test.
func (f *fixture) stored(t *test) *proto.PolicyTest {
	f.t.Helper()
	r := new(proto.PolicyTest)
	if err := f.get(f.t.Context(), topology.PolicyTestKey(t.account, t.record.ID), r); err != nil {
		f.t.Fatal(err)
	}
	return r
}

var everyone = []proto.Policy{{Name: "p", Decision: proto.DecisionAllow,
	Include: []proto.Rule{{Selector: "everyone", Body: []byte(`{}`)}}}}

// TestLoginsDuringATest checks that a test has each user once if users log in again, log in for the first time, and
// disappear while it runs.
func TestLoginsDuringATest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const users = 1500
	for n := range users {
		f.login(n)
	}
	x := f.newTest(f.account, "token", everyone)
	if err := x.list(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range 700 { // their records move to the end of the stream
		f.login(n)
	}
	f.login(users) // is not of the test
	gone := proto.DeriveID(f.account, "u1400@example.com")
	key := topology.UserKey(f.account, gone)
	revision, err := f.conn.Get(t.Context(), topology.Sessions, key, new(proto.User))
	if err == nil {
		err = f.conn.Delete(t.Context(), topology.Sessions, key, revision)
	}
	if err == nil {
		err = x.evaluateAll(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(x.members) != 1 || x.members[gone] == nil {
		t.Errorf("%d users have no result", len(x.members))
	}
	views, err := f.readUsers(t.Context(), f.account, f.stored(x), "", 0, 2*users)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[proto.ID]bool{}
	for _, v := range views {
		seen[v.ID] = true
	}
	if len(views) != users-1 || len(seen) != users-1 || seen[gone] {
		t.Errorf("%d results of %d users, want %d", len(views), len(seen), users-1)
	}
}

// TestEndOfTests checks the stored state of a test by the way it ends.
func TestEndOfTests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.login(1)
	ended := func(ctx context.Context) *proto.PolicyTest {
		x := f.newTest(f.account, "token", everyone)
		x.execute(ctx)
		return f.stored(x)
	}
	if r := ended(t.Context()); r.State != proto.PolicyTestComplete || r.Total != 1 || r.Problem != "" {
		t.Errorf("a whole test is %+v", r)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if r := ended(stopped); r.State != proto.PolicyTestExceededTime || r.Problem != processEnded {
		t.Errorf("a test whose process ends is %+v", r)
	}
	if state, problem := ending(context.DeadlineExceeded, errLimit); state != proto.PolicyTestExceededTime ||
		problem != "The test was stopped after 10m0s." {
		t.Errorf("a test at the limit is %s: %s", state, problem)
	}
	if state, _ := ending(errors.New("broken"), nil); state != proto.PolicyTestBlocked {
		t.Errorf("a test with an error is %s", state)
	}
}

// TestProgressOfALostTest checks that a test of a crashed process is not shown as running for ever.
func TestProgressOfALostTest(t *testing.T) {
	t.Parallel()
	now := proto.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	r := &proto.PolicyTest{State: proto.PolicyTestProcessing, UpdatedAt: now, Total: 40,
		Parts: []proto.PolicyPart{{Approved: 10, Blocked: 5, Errored: 5}, {Approved: 6}}}
	v := viewProgress(r, now.Add(lease))
	if v.Status != proto.PolicyTestProcessing || v.Processed != 65 || v.Approved != 61 || v.Blocked != 19 ||
		v.Errored != 19 || v.Pages != 2 {
		t.Errorf("a running test is %+v", v)
	}
	if v := viewProgress(r, now.Add(lease+time.Millisecond)); v.Status != proto.PolicyTestExceededTime ||
		v.Problem != processEnded || v.Processed != 65 {
		t.Errorf("a lost test is %+v", v)
	}
}

// TestRunningTestsAreBounded checks that a further test is rejected while two are accepted, and accepted afterwards.
func TestRunningTestsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := range maxTests {
		x := f.newTest(f.account, "token", everyone)
		if err := f.accept(t.Context(), x); err != nil {
			t.Fatalf("test %d: %v", n, err)
		}
	}
	if err := f.accept(t.Context(), f.newTest(f.account, "token", everyone)); !errors.Is(err, errBusy) {
		t.Fatalf("one more test: %v", err)
	}
	bustest.Run(t, f.Run)
	bustest.Eventually(t, "one more test is accepted", func() bool {
		return f.accept(t.Context(), f.newTest(f.account, "token", everyone)) == nil
	})
}

// TestExpiredResults checks the response about a test with its results removed before its own record.
func TestExpiredResults(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.login(1)
	x := f.newTest(f.account, "token", everyone)
	x.execute(t.Context())
	stream, err := f.conn.JetStream().Stream(t.Context(), topology.BucketStream(topology.PolicyTests))
	if err == nil {
		err = stream.Purge(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.readUsers(t.Context(), f.account, &x.record, "", 0, 1); !errors.Is(err, errNoTest) {
		t.Errorf("the results of an expired test: %v", err)
	}
}
