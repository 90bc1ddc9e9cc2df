package securityevent

import (
	"fmt"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Change is a change on the bus, and what else its tokens have.
type Change struct {
	Ref     topology.ChangeRef
	Devices *proto.Change
	Seq     uint64 // in POSTURE_LOG
	// CheckName and Remediation are those of the check; empty if it is unknown.
	CheckName, Remediation string
	// Emails are the addresses of the devices' users. A device without one has no entry.
	Emails map[proto.ID]string
}

// The statuses of a device.
const (
	compliant    = "compliant"
	notCompliant = "not-compliant"
)

// change is the event device-compliance-change.
type change struct {
	// Subject is part of the event in the profile of Okta only.
	Subject     any               `json:"subject,omitempty"`
	Previous    string            `json:"previous_status"`
	Current     string            `json:"current_status"`
	At          int64             `json:"event_timestamp"` // seconds
	Initiating  string            `json:"initiating_entity"`
	ReasonAdmin map[string]string `json:"reason_admin"`
	ReasonUser  map[string]string `json:"reason_user"`
}

// Wants reports whether the stream has tokens for changes of a check.
func (s Stream) Wants(check proto.ID) bool {
	if !s.Check.IsZero() && s.Check != check {
		return false
	}
	for _, t := range s.Requested {
		if t == DeviceComplianceChange {
			return true
		}
	}
	return false
}

// OfChange returns the tokens of a change, one for each device, in the order of the change.
func (s Stream) OfChange(c Change) ([]Token, error) {
	if !s.Wants(c.Ref.Check) {
		return nil, nil
	}
	var all []Token
	at := c.Devices.At.Time()
	// The time distinguishes the log from a restored one that has another message with this sequence.
	txn := fmt.Sprintf("change %d %d %s", c.Seq, c.Devices.At, c.Ref.Check)
	for _, d := range c.Devices.Devices {
		current, ok := s.status(c.Ref.Outcome, d.Reason)
		who := s.subjectOf(d.Device, c.Emails[d.Device])
		if !ok || who == nil {
			continue
		}
		before := previous(d.From, current)
		if before == current {
			continue
		}
		e := change{Previous: before, Current: current, At: at.Unix(), Initiating: "policy"}
		e.ReasonAdmin, e.ReasonUser = reasons(c, d, current)
		if s.Profile == proto.ProfileOkta {
			e.Subject = who
		}
		t, err := s.token(at, txn+" "+d.Device.String()+" "+d.From.String(), txn, DeviceComplianceChange, who, e)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// status returns the word for an outcome; ok is false if it is not sent.
func (s Stream) status(o proto.Outcome, why proto.Reason) (word string, ok bool) {
	switch {
	case o == proto.OutcomePass:
		return compliant, true
	case o == proto.OutcomeFail, o == proto.OutcomeUnknown && s.Expired && why == proto.ReasonExpired:
		return notCompliant, true
	}
	return "", false
}

func previous(o proto.Outcome, current string) string {
	switch {
	case o == proto.OutcomePass, o != proto.OutcomeFail && current == notCompliant:
		return compliant
	}
	return notCompliant
}

const language = "en"

// reasons returns the texts for administrators and for the device's user.
func reasons(c Change, d proto.ChangedDevice, current string) (admin, user map[string]string) {
	name := c.CheckName
	if name == "" {
		name = c.Ref.Check.String()
	}
	score := ""
	if d.Score != proto.NoScore {
		score = fmt.Sprintf(", score %d", d.Score)
	}
	admin = map[string]string{language: fmt.Sprintf("Check %q (%s) changed from %s to %s: %s%s.", name, c.Ref.Check,
		d.From, c.Ref.Outcome, d.Reason, score)}
	text := fmt.Sprintf("This device meets the requirement %q.", name)
	if current == notCompliant {
		text = fmt.Sprintf("This device does not meet the requirement %q.", name)
		if c.Remediation != "" {
			text += " " + c.Remediation
		}
	}
	return admin, map[string]string{language: text}
}
