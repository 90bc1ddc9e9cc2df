package event

import (
	"encoding/json"
	"fmt"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Transition is the data of [OutcomeChanged].
type Transition struct {
	Account     proto.Account       `json:"account_id"`
	Check       proto.ID            `json:"check_id"`
	Integration proto.ID            `json:"integration_id"`
	Page        topology.PageNumber `json:"page"`
	Tick        uint64              `json:"tick"`
	// From is "none" if the devices had no result.
	From proto.Outcome `json:"from"`
	To   proto.Outcome `json:"to"`
	// Count is the number of all devices of the transition.
	Count   int      `json:"count"`
	Devices []Device `json:"devices"`
	// Truncated is set if Devices does not name all of them; Link has the results of every device then.
	Truncated bool   `json:"truncated"`
	Link      string `json:"link,omitempty"`
}

// Device is a device of a transition.
type Device struct {
	Device proto.ID     `json:"device_id"`
	Reason proto.Reason `json:"reason"`
	// Observed is the outcome by the newest score alone.
	Observed proto.Outcome `json:"observed"`
	Score    *int          `json:"score"` // null if the device has none
}

// Message is a change on the bus.
type Message struct {
	Ref    topology.ChangeRef
	Change *proto.Change
	Seq    uint64 // in POSTURE_LOG
}

// OfChange returns the events of a change, one for each previous outcome, in a fixed order. link returns the address of
// a check's results; it may be nil.
func OfChange(m Message, link func(proto.Account, proto.ID) string) ([]Event, error) {
	var all []Event
	for _, from := range []proto.Outcome{proto.OutcomeNone, proto.OutcomeUnknown, proto.OutcomePass, proto.OutcomeFail} {
		others := func(d proto.ChangedDevice) bool { return d.From != from }
		devices := slices.DeleteFunc(slices.Clone(m.Change.Devices), others)
		if len(devices) == 0 {
			continue
		}
		e, err := transition(m, from, devices, link)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func transition(m Message, from proto.Outcome, devices []proto.ChangedDevice,
	link func(proto.Account, proto.ID) string) (Event, error) {
	t := Transition{Account: m.Ref.Account, Check: m.Ref.Check, Integration: m.Change.Integration, Page: m.Ref.Page,
		Tick: m.Change.Tick, From: from, To: m.Ref.Outcome, Count: len(devices), Devices: make([]Device, 0, MaxDevices)}
	for _, d := range devices[:min(len(devices), MaxDevices)] {
		shown := Device{Device: d.Device, Reason: d.Reason, Observed: d.ObservedOutcome(m.Ref.Outcome)}
		if d.Score != proto.NoScore {
			shown.Score = &d.Score
		}
		t.Devices = append(t.Devices, shown)
	}
	e := Event{Type: OutcomeChanged, At: m.Change.At.Time().UTC(),
		// The time distinguishes the log from a restored one that has another message with this sequence.
		ID: id(m.Ref.Account, fmt.Sprintf("change %d %d %s %d %s %s %s", m.Seq, m.Change.At, m.Ref.Check, m.Ref.Page,
			m.Change.Integration, from, m.Ref.Outcome))}
	for {
		if t.Truncated = len(t.Devices) < t.Count; t.Truncated && link != nil {
			t.Link = link(m.Ref.Account, m.Ref.Check)
		}
		body, err := json.Marshal(envelope{e.Type, e.At, t})
		if err != nil {
			return e, fmt.Errorf("event of a change: %w", err)
		}
		if len(body) <= MaxBody {
			e.Body = body
			return e, nil
		}
		if len(t.Devices) == 0 {
			return e, fmt.Errorf("event of a change: %d bytes without devices, at most %d allowed", len(body), MaxBody)
		}
		t.Devices = t.Devices[:len(t.Devices)/2]
	}
}
