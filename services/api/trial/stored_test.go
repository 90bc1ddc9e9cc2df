package trial_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// Whatever the scores, the settings of a check, exemptions and the observe switch are: a trial decides what the
// evaluator stores once the edit is made.
func TestTheTrialIsWhatTheEvaluatorStores(t *testing.T) {
	t.Parallel()
	const devices, edits = 30, 12
	f := newFleet(t, devices)
	r := rand.New(rand.NewPCG(7, 11))
	var id *proto.ID
	for n := range edits {
		scores := make([]int, r.IntN(devices)+1)
		for i := range scores {
			scores[i] = r.IntN(101)
		}
		f.poll(scores...)
		switch n {
		case 4:
			for i, enrolled := range []proto.Millis{0, 1} { // the second one is of an earlier enrolment
				x := &proto.Exemption{ID: proto.NewID(), Device: f.devices[i], Until: proto.At(time.Now().Add(time.Hour)),
					Reason: "x", Enrolled: enrolled}
				f.put(topology.KindExemption, x.ID, x)
			}
		case 8:
			o := &proto.Organization{Observe: &proto.ObserveSwitch{Until: proto.At(time.Now().Add(time.Hour)), Reason: "x"}}
			f.put(topology.KindOrganization, topology.OrganizationID(f.Account), o)
		}
		body := f.randomRule(r)
		tried := map[string]any{"rule": body}
		if id != nil {
			tried["rule_id"] = id
		}
		want := map[string]int{}
		for _, reason := range f.try(tried).Reasons {
			want[reason.Outcome+" "+reason.Reason] = reason.Devices
		}
		if id == nil {
			id = new(f.check(body))
		} else {
			f.Want(200, "PUT", "/devices/posture/"+id.String(), body)
		}
		e := f.until(f.integration, "the edit is evaluated", func(e *proto.Entry) bool { return f.has(e, *id) })
		got := map[string]int{}
		for _, res := range e.Results {
			v := res.Verdicts[0]
			got[fmt.Sprint(v.Outcome, " ", v.Reason)]++
		}
		if !maps.Equal(got, want) {
			t.Fatalf("edit %d, %s: the trial decides %v, the evaluator %v", n, apitest.JSON(t, body), want, got)
		}
		if n%4 == 3 { // the next one is a new check
			f.Want(200, "DELETE", "/devices/posture/"+id.String(), nil)
			f.until(f.integration, "the check is gone", func(e *proto.Entry) bool { return len(e.Checks) == 0 })
			id = nil
		}
	}
}

func (f *fleet) randomRule(r *rand.Rand) map[string]any {
	score := 10 + 10*r.IntN(8)
	all := map[string]any{"x_recover_score": nil, "x_grace": nil, "x_mode": nil}
	if r.IntN(2) == 0 {
		all["x_recover_score"] = score + 10
	}
	if r.IntN(2) == 0 {
		all["x_grace"] = "14d"
	}
	if r.IntN(5) == 0 {
		all["x_mode"] = "observe"
	}
	return f.rule(">=", float64(score), all)
}

// put stores a record in CONFIG, as the api does.
func (f *fleet) put(kind topology.Kind, id proto.ID, record proto.Message) {
	f.T.Helper()
	key := topology.ConfigKey(f.Account, kind, id)
	if _, err := f.Conn.Put(f.T.Context(), topology.Config, key, record, 0); err != nil {
		f.T.Fatal(err)
	}
}
