package trial_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/evaluator"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal/sealtest"
)

// fleet is an api, a registry and an evaluator, with devices on one page. The clocks are the machine's.
type fleet struct {
	*apitest.Fixture
	integration proto.ID
	devices     []proto.ID
	tick        uint64
}

func newFleet(t *testing.T, devices int) *fleet {
	t.Helper()
	f := &fleet{Fixture: apitest.Start(t)}
	f.Clock.Set(time.Now())
	f.StartRegistry()
	e, err := evaluator.New(evaluator.Config{}, evaluator.Deps{Bus: f.Bus.Conn(topology.Evaluator), Log: bustest.Log(t),
		Metrics: prometheus.NewRegistry(), Clock: clock.System, Identities: sealtest.Identities(t)})
	if err != nil {
		t.Fatal(err)
	}
	bustest.Run(t, e.Run)
	f.integration = f.newIntegration("Scores")
	list := "serial_number,hostname\n"
	for i := range devices {
		list += fmt.Sprintf("S-%d,host-%d\n", i, i)
		f.devices = append(f.devices, proto.DeriveID(f.Account, fmt.Sprintf("S-%d", i)))
	}
	f.Import("text/csv", list)
	return f
}

func (f *fleet) newIntegration(name string) proto.ID {
	return apitest.ID(f.Want(200, "POST", "/devices/posture/integration",
		apitest.With(apitest.IntegrationBody(), "name", name)))
}

// poll stores the scores of a poll, and waits until they are in the state.
func (f *fleet) poll(scores ...int) {
	f.T.Helper()
	f.tick++
	in := &proto.Input{Cause: proto.CausePoll, Tick: f.tick, Poll: proto.Poll{Attempts: 1, Status: 200}}
	for i, score := range scores {
		in.Observations = append(in.Observations, proto.Observation{Device: f.devices[i], Score: score})
	}
	out := bus.Outgoing{Subject: topology.Scores(f.page(f.integration)), Body: in}
	if _, err := f.Conn.Publish(f.T.Context(), out); err != nil {
		f.T.Fatal(err)
	}
	f.until(f.integration, "the poll is in the state", func(e *proto.Entry) bool { return e.Tick == f.tick })
}

func (f *fleet) page(integration proto.ID) topology.PageRef {
	return topology.PageRef{Account: f.Account, Integration: integration}
}

// until waits for the page's newest entry of an integration, and for the api to have it.
func (f *fleet) until(integration proto.ID, what string, ok func(*proto.Entry) bool) *proto.Entry {
	f.T.Helper()
	e := new(proto.Entry)
	bustest.Eventually(f.T, what, func() bool {
		m, err := f.Conn.Last(f.T.Context(), topology.PostureState, topology.Log(f.page(integration)))
		return err == nil && m.Decode(e) == nil && ok(e)
	})
	return e
}

// has reports whether an entry has results of a check at its newest revision.
func (f *fleet) has(e *proto.Entry, check proto.ID) bool {
	var c proto.Check
	key := topology.ConfigKey(f.Account, topology.KindCheck, check)
	revision, err := f.Conn.Get(f.T.Context(), topology.Config, key, &c)
	return err == nil && slices.Contains(e.Checks, proto.CheckRef{ID: check, Revision: revision})
}

// check creates a check and waits for its results.
func (f *fleet) check(body map[string]any) proto.ID {
	f.T.Helper()
	id := apitest.ID(f.Want(200, "POST", "/devices/posture", body))
	f.until(f.integration, "the check is evaluated", func(e *proto.Entry) bool { return f.has(e, id) })
	return id
}

// rule is the body of a check.
func (f *fleet) rule(operator string, score float64, members map[string]any) map[string]any {
	body := map[string]any{"name": "Healthy", "type": "custom_s2s",
		"input": map[string]any{"connection_id": f.integration, "operator": operator, "score": score}}
	return apitest.Plus(body, members)
}

// answer is the response to a trial.
type answer struct {
	Rule        *string `json:"rule_id"`
	Integration *string `json:"integration_id"`
	Pages       int
	tally
	Flipping []struct {
		Device   string `json:"device_id"`
		Name     string
		Score    *int
		From     string
		Outcome  string
		Reason   string
		Observed string
	}
	More bool
}

type tally struct {
	Devices, Pass, Fail, Unknown int
	Flips                        int
	ToFail                       int `json:"flips_to_fail"`
	ToPass                       int `json:"flips_to_pass"`
	ToUnknown                    int `json:"flips_to_unknown"`
	Reasons                      []struct {
		Outcome, Reason string
		Devices         int
	}
	Compared struct{ Pass, Fail, Unknown, None int } `json:"compared_with"`
}

func (f *fleet) try(body map[string]any) (a answer) {
	f.T.Helper()
	r := f.Do("POST", "/plumbline/checks/try", body)
	if r.Status != 200 || json.Unmarshal(r.Result, &a) != nil {
		f.T.Fatalf("%d %s", r.Status, r.Body)
	}
	return a
}
