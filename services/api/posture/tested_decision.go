package posture

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	evaluated "plumbline.dev/services/evaluator/settings"
)

// testedCheck is a check of the tested integration.
type testedCheck struct {
	ID       proto.ID       `json:"id"`
	Name     string         `json:"name"`
	Operator proto.Operator `json:"operator"`
	Score    float64        `json:"score"`
}

// testedDevice is a device of a test and the outcomes of its answer.
type testedDevice struct {
	ID      proto.ID         `json:"device_id"`
	Name    string           `json:"name"`
	Serial  string           `json:"serial_number"`
	Email   string           `json:"email"`
	Score   *int             `json:"score"`   // null if the answer has no valid score
	Problem string           `json:"problem"` // why there is no score; empty if there is one
	S2SID   string           `json:"s2s_id"`
	Checks  []testedDecision `json:"checks"`
}

// testedDecision is what a check would decide about a device if the answer were its first one. Hysteresis, grace and
// breakers depend on earlier answers and decide nothing here.
type testedDecision struct {
	Check    proto.ID      `json:"check_id"`
	Outcome  proto.Outcome `json:"outcome"`
	Observed proto.Outcome `json:"observed"` // by the score alone
	Reason   proto.Reason  `json:"reason"`
}

// decideTest evaluates the answer as the evaluators would, without an earlier entry.
func (s *API) decideTest(v *testView, a proto.Account, i *proto.Integration, stored bool, devices []proto.Device,
	answer *proto.ProbeAnswer) {
	config := fold.Config{Exists: true}
	for ok := !stored; !ok; { // the cache changes far less often than this takes
		config, ok = evaluated.Of(s.store.Catalog, a, i.ID)
	}
	config.Exists = true // also if the integration has been removed since
	page := fold.Page{Revision: 1, Devices: make([]proto.ID, len(devices))}
	for n := range devices {
		page.Devices[n] = devices[n].ID
	}
	in := &proto.Input{Cause: proto.CausePoll, Tick: 1, Poll: answer.Poll}
	if r := answer.Report; r != nil && r.Result != nil {
		in.Observations = r.Result.Observations
	}
	now := proto.At(s.store.Clock.Now())
	entry := fold.Next(nil, in, fold.Basis{Page: page, Config: config, StoredAt: now, Now: now}).Entry
	names := map[proto.ID]fold.Check{}
	for _, c := range config.Checks {
		names[c.ID] = c
	}
	v.Checks, v.Devices = make([]testedCheck, len(entry.Checks)), make([]testedDevice, len(devices))
	for n, ref := range entry.Checks {
		c := names[ref.ID]
		v.Checks[n] = testedCheck{ID: c.ID, Name: c.Name, Operator: c.Operator, Score: c.Score}
	}
	for n := range devices {
		d, res := &devices[n], &entry.Results[n]
		v.Devices[n] = testedDevice{ID: d.ID, Name: d.Hostname, Serial: d.Serial, Email: d.Email,
			Problem: reasonText(res.Problem), S2SID: res.S2SID, Checks: make([]testedDecision, len(entry.Checks))}
		if score := res.Score; score != proto.NoScore {
			v.Devices[n].Score = &score
		}
		for k, verdict := range res.Verdicts {
			v.Devices[n].Checks[k] = testedDecision{v.Checks[k].ID, verdict.Outcome, verdict.Observed, verdict.Reason}
		}
		switch {
		case answer.Poll.Error != proto.ReasonNone:
		case res.Problem == proto.ReasonMissing:
			v.Missing++
		case res.Problem != proto.ReasonNone:
			v.Invalid++
		default:
			v.Answered++
		}
	}
}
