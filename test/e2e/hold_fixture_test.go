package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// holdPatience is how long a hold may take: 20 pages are evaluated, judged, and followed.
const holdPatience = time.Minute

// The devices of these tests beside the fleet, by their addresses.
var (
	healthy = proto.Device{ID: proto.DeriveID(proto.Account{}, "healthy"), Hostname: "healthy", IPv4: "127.0.0.77"}
	broken  = proto.Device{ID: proto.DeriveID(proto.Account{}, "broken"), Hostname: "broken", IPv4: "127.0.0.78"}
)

// scores returns a device's score by its index in the fleet. Usually four in ten fail, so that a poll in which all pass
// exceeds the limits.
type scores func(n int) any

func usual(n int) any {
	if n%10 >= 6 {
		return 20
	}
	return 80
}

func always(score any) scores { return func(int) any { return score } }

// guarded is a fleet behind a breaker, polled when the test says so, and an application for two of its devices.
type guarded struct {
	*fixture
	devices   int
	mood      atomic.Pointer[scores]
	good, bad *site
	told      following
}

// hold is a hold as the API shows it.
type hold struct {
	ID          proto.ID `json:"id"`
	Rule        proto.ID `json:"rule_id"`
	State       string   `json:"state"`
	Directions  []string `json:"directions"`
	Pages       int      `json:"pages"`
	Devices     int      `json:"devices"`
	FleetLost   int      `json:"fleet_lost"`
	FleetGained int      `json:"fleet_gained"`
	By          string   `json:"by"`
	Reason      string   `json:"reason"`
}

func newGuarded(t *testing.T, devices int) *guarded {
	t.Helper()
	g := &guarded{devices: devices}
	g.fixture = newFixture(t, devices-2, "1h", "--overlay", "127.0.0.64/26")
	g.patience = holdPatience
	g.settle() // or the first poll meets devices not yet enrolled
	_, err := g.control.Import(t.Context(), func(yield func(proto.Device) bool) { _ = yield(healthy) && yield(broken) })
	g.do(err)
	places := map[string]int{healthy.ID.String(): 0, broken.ID.String(): 9} // they have the scores of these
	for n := range devices - 2 {
		places[stack.FleetDevice(n).ID.String()] = n
	}
	g.answers(usual)
	g.api.Score(func(d scorer.Device, _ int) any { return (*g.mood.Load())(places[d.ID]) })
	g.breaker(map[string]any{"enabled": false})
	g.poll()
	g.breaker(map[string]any{"enabled": true, "share": 0.2, "floor": 10})
	follow(t, g.fixture.follower, bus.Following{}, &g.told)
	g.good = newSite(t, g.control, g.plumb.Access, healthy.IPv4, g.plumb, stack.PostureRule(g.check.String()))
	bad := *g.good
	bad.visitor = stack.NewVisitor(t, g.plumb.Access, broken.IPv4, nil)
	g.bad = &bad
	g.poll()
	g.enters(true, false)
	return g
}

func (g *guarded) answers(s scores) { g.mood.Store(&s) }

// breaker sets the breaker of the check, and its expiration.
func (g *guarded) breaker(settings map[string]any) {
	g.Helper()
	body := map[string]any{"name": "healthy", "type": "custom_s2s", "x_breaker": settings,
		"input": map[string]any{"connection_id": g.integration, "operator": ">=", "score": threshold}}
	g.do(g.control.Call(g.Context(), http.MethodPut, "/devices/posture/"+g.check.String(), body, nil))
}

// polls has the API answer, and waits for the entries of the poll.
func (g *guarded) polls(s scores) {
	g.Helper()
	g.answers(s)
	g.poll()
}

// enters checks for each of the two devices whether the gateway admits it.
func (g *guarded) enters(good, bad bool) {
	g.Helper()
	status := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}
	g.good.becomes(holdPatience, status[good], "", g.good.token)
	g.bad.becomes(holdPatience, status[bad], "", g.good.token)
}

// outcomes counts the results of the newest entries.
func (g *guarded) outcomes() (n map[proto.Outcome]int, reasons map[proto.Reason]int) {
	g.Helper()
	g.do(g.audit.CatchUp(g.Context(), g.fixture.follower))
	n, reasons = map[proto.Outcome]int{}, map[proto.Reason]int{}
	for _, p := range g.audit.Pages() {
		for i := range p.Entry.Results {
			n[p.Entry.Results[i].Verdicts[0].Outcome]++
			reasons[p.Entry.Results[i].Verdicts[0].Reason]++
		}
	}
	return n, reasons
}

// are waits for the outcomes of the fleet: passes and fails.
func (g *guarded) are(pass, fail int) {
	g.Helper()
	stack.Until(g, holdPatience, fmt.Sprintf("%d pass, %d fail", pass, fail), func() error {
		if n, reasons := g.outcomes(); n[proto.OutcomePass] != pass || n[proto.OutcomeFail] != fail {
			return fmt.Errorf("%v, %v", n, reasons)
		}
		return nil
	})
}

// newest returns the hold of the check.
func (g *guarded) newest() (hold, error) {
	var all []hold
	err := g.control.Call(g.Context(), http.MethodGet, "/plumbline/holds?rule_id="+g.check.String(), nil, &all)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d holds", len(all))
	}
	if err != nil {
		return hold{}, err
	}
	return all[0], nil
}

// becomes waits until the hold of the check is in a state, and everyone was told.
func (g *guarded) becomes(state string, ok func(hold) bool) (h hold) {
	g.Helper()
	stack.Until(g, holdPatience, "the hold is "+state, func() (err error) {
		if h, err = g.newest(); err == nil && (h.State != state || ok != nil && !ok(h)) {
			err = fmt.Errorf("%+v", h)
		}
		return err
	})
	ref := topology.HoldRef{Account: g.control.Account, Integration: g.integration, Check: g.check}
	stack.Until(g, holdPatience, "followers are told of the hold", func() error {
		m, err := g.fixture.follower.Last(g.Context(), topology.PostureLog, topology.Hold(ref))
		if err != nil {
			return err
		}
		var notice proto.HoldNotice
		if err := m.Decode(&notice); err != nil {
			return err
		}
		if notice.ID != h.ID || string(notice.State) != state || notice.Devices != h.Devices {
			return fmt.Errorf("%+v", notice)
		}
		return nil
	})
	stack.Until(g, holdPatience, "the hold is in the audit log", func() error { return g.audited(h) })
	stack.Until(g, holdPatience, "the metric counts the hold", func() error {
		return g.counts("standing", state == "standing")
	})
	return h
}

// audited looks for the event of the hold's state.
func (g *guarded) audited(h hold) error {
	var all []struct {
		NewValueJSON map[string]any `json:"newValueJson"`
		Resource     struct {
			ID string `json:"id"`
		} `json:"resource"`
	}
	if err := g.control.Call(g.Context(), http.MethodGet, "/audit_logs?per_page=50", nil, &all); err != nil {
		return err
	}
	for _, e := range all {
		if e.Resource.ID == h.ID.String() && e.NewValueJSON["state"] == h.State {
			return nil
		}
	}
	return fmt.Errorf("no event %s of hold %s in %d", h.State, h.ID, len(all))
}

// counts compares the metric of a state with 1 or 0.
func (g *guarded) counts(state string, one bool) error {
	r, err := http.Get("http://" + g.plumb.Admin + "/metrics")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	want := fmt.Sprintf("plumbline_evaluator_holds{state=%q} %d", state, map[bool]int{true: 1}[one])
	if !slices.Contains(strings.Split(string(body), "\n"), want) {
		return errors.New("there is no line " + want)
	}
	return nil
}

// decide releases or rejects a hold; the status is 200 or the error's.
func (g *guarded) decide(h hold, to string) (status int) {
	g.Helper()
	err := g.control.Call(g.Context(), http.MethodPost, "/plumbline/holds/"+h.ID.String()+"/"+to,
		map[string]any{"reason": "looked at it"}, nil)
	var refused *stack.Refused
	switch {
	case errors.As(err, &refused):
		return refused.Status
	case err != nil:
		g.Fatal(err)
	}
	return http.StatusOK
}
