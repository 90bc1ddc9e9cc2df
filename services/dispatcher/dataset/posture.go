package dataset

import "plumbline.dev/proto"

// postureFields are the fields of [PostureResults].
var postureFields = []Field{
	{Name: "ClientVersion", Type: "string"},
	{Name: "DeviceID", Type: "string", Sourced: true, value: func(r *row) any { return r.change.Device }},
	{Name: "DeviceManufacturer", Type: "string"},
	{Name: "DeviceModel", Type: "string"},
	{Name: "DeviceName", Type: "string", Sourced: true, device: true,
		value: fact(func(d *proto.Device) string { return d.Hostname })},
	{Name: "DeviceSerialNumber", Type: "string", Sourced: true, device: true,
		value: fact(func(d *proto.Device) string { return d.Serial })},
	{Name: "DeviceType", Type: "string"},
	{Name: "Email", Type: "string", Sourced: true, device: true,
		value: fact(func(d *proto.Device) string { return d.Email })},
	{Name: "OSVersion", Type: "string"},
	{Name: "PolicyID", Type: "string", Sourced: true, value: func(r *row) any { return r.change.check }},
	{Name: "PostureCheckName", Type: "string", Sourced: true,
		value: setting(func(c *proto.Check) any { return c.Name })},
	{Name: "PostureCheckType", Type: "string", Sourced: true,
		value: setting(func(c *proto.Check) any { return c.Type })},
	{Name: "PostureEvaluatedResult", Type: "bool", Sourced: true,
		value: func(r *row) any { return r.change.outcome == proto.OutcomePass }},
	{Name: "PostureExpectedJSON", Type: "object", Sourced: true, value: setting(expected)},
	{Name: "PostureReceivedJSON", Type: "object", Sourced: true, value: received},
	{Name: "RegistrationID", Type: "string"},
	{Name: "Timestamp", Type: "int or string", Sourced: true, value: func(r *row) any { return r.time(r.at) }},
	{Name: "UserUID", Type: "string"},
}

// fact returns a fact about the device, or null if it is not known.
func fact(of func(*proto.Device) string) func(*row) any {
	return func(r *row) any {
		if r.change.facts == nil {
			return nil
		}
		return known(of(r.change.facts))
	}
}

// setting returns a setting of the check, or null if the check was deleted.
func setting(of func(*proto.Check) any) func(*row) any {
	return func(r *row) any {
		if r.change.config == nil {
			return nil
		}
		return of(r.change.config)
	}
}

// known returns a text, or null for an empty one.
func known(text string) any {
	if text == "" {
		return nil
	}
	return text
}

type expectation struct {
	Connection proto.ID       `json:"connection_id"`
	Operator   proto.Operator `json:"operator"`
	Score      float64        `json:"score"`
}

func expected(c *proto.Check) any { return expectation{c.Integration, c.Operator, c.Score} }

// reception is the value of PostureReceivedJSON. Outcome distinguishes fail from unknown.
type reception struct {
	Score    *int          `json:"score"` // null if the device has none
	Outcome  proto.Outcome `json:"outcome"`
	Observed proto.Outcome `json:"observed"` // by the newest score alone
	Reason   proto.Reason  `json:"reason"`
}

func received(r *row) any {
	d := r.change
	v := reception{Outcome: d.outcome, Observed: d.ObservedOutcome(d.outcome), Reason: d.Reason}
	if d.Score != proto.NoScore {
		v.Score = &d.Score
	}
	return v
}
