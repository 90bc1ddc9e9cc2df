package trial

import (
	"cmp"
	"context"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/evaluator/trial"
)

// tally contains the counts of a trial.
type tally struct {
	Devices int `json:"devices"`
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
	// Flips is the number of devices with an outcome different from the one compared with.
	Flips          int           `json:"flips"`
	FlipsToFail    int           `json:"flips_to_fail"`
	FlipsToPass    int           `json:"flips_to_pass"`
	FlipsToUnknown int           `json:"flips_to_unknown"`
	Reasons        []reasonCount `json:"reasons"`
	Compared       compared      `json:"compared_with"`
}

type reasonCount struct {
	Outcome proto.Outcome `json:"outcome"`
	Reason  proto.Reason  `json:"reason"`
	Devices int           `json:"devices"`
}

// compared counts the devices by the outcome that a trial compares with. None counts the devices without an outcome,
// because the check is new.
type compared struct {
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
	None    int `json:"none"`
}

func tallyOf(c *trial.Counts) tally {
	t := tally{Devices: c.Devices, Pass: c.Outcome(proto.OutcomePass), Fail: c.Outcome(proto.OutcomeFail),
		Unknown: c.Outcome(proto.OutcomeUnknown), Flips: c.Flipping(), FlipsToFail: c.Flips[proto.OutcomeFail],
		FlipsToPass: c.Flips[proto.OutcomePass], FlipsToUnknown: c.Flips[proto.OutcomeUnknown], Reasons: []reasonCount{},
		Compared: compared{Pass: c.Compared[proto.OutcomePass], Fail: c.Compared[proto.OutcomeFail],
			Unknown: c.Compared[proto.OutcomeUnknown], None: c.Compared[proto.OutcomeNone]}}
	for d, n := range c.Decided {
		t.Reasons = append(t.Reasons, reasonCount{d.Outcome, d.Reason, n})
	}
	slices.SortFunc(t.Reasons, func(a, b reasonCount) int {
		return cmp.Or(cmp.Compare(b.Devices, a.Devices), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason))
	})
	return t
}

// answer is the response to a trial of the newest entries.
type answer struct {
	Rule        *string      `json:"rule_id"`        // null: a new rule
	Integration *string      `json:"integration_id"` // null: a rule of this type is not evaluated
	At          v4.Timestamp `json:"at"`
	Pages       int          `json:"pages"`
	tally
	Flipping []flippingDevice `json:"flipping"`
	More     bool             `json:"more"` // there are further flipping devices
}

// flippingDevice is a device with another outcome than today's.
type flippingDevice struct {
	Device   proto.ID            `json:"device_id"`
	Name     string              `json:"name"` // empty if the device left the inventory
	Page     topology.PageNumber `json:"page"`
	Score    *int                `json:"score"`
	From     string              `json:"from"` // "none" if there is no such check
	Outcome  proto.Outcome       `json:"outcome"`
	Reason   proto.Reason        `json:"reason"`
	Observed proto.Outcome       `json:"observed"`
}

// answer returns the response, with the names of the flipping devices.
func (s *API) answer(ctx context.Context, e *edit, t *tried, now proto.Millis) (v4.Response, error) {
	a := answer{At: v4.Timestamp(now), Pages: t.pages, tally: tallyOf(&t.counts), Flipping: []flippingDevice{}}
	if e.old != nil {
		a.Rule = v4.TextOrNull(e.old.ID.String())
	}
	if integration, evaluated := e.integration(); evaluated {
		a.Integration = v4.TextOrNull(integration.String())
	}
	names, read := map[proto.ID]string{}, map[topology.PageNumber]bool{}
	for _, f := range t.flipping.first() {
		if !read[f.page] {
			read[f.page] = true
			record, err := s.Device.Page(ctx, e.account, f.page)
			if err != nil {
				return v4.Response{}, err
			}
			clear(names)
			for i := range record.Devices {
				names[record.Devices[i].ID] = record.Devices[i].Hostname
			}
		}
		d := flippingDevice{Device: f.Device, Name: names[f.Device], Page: f.page, From: f.From.String(),
			Outcome: f.Outcome, Reason: f.Reason, Observed: f.Observed}
		if score := f.Score; score != proto.NoScore {
			d.Score = &score
		}
		a.Flipping = append(a.Flipping, d)
	}
	a.More = a.Flips > len(a.Flipping)
	return v4.Response{Result: a, Messages: t.unreadable.Notices()}, nil
}
