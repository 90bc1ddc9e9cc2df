package proto

import (
	"fmt"
	"hash/crc32"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Mode is how a check's outcome is enforced. The empty mode is [ModeEnforce].
type Mode string

// The modes. In observe mode every outcome is pass, and the observed outcome is recorded beside it.
const (
	ModeEnforce Mode = "enforce"
	ModeObserve Mode = "observe"
)

// The bounds of the settings for enforcement.
const (
	MaxGrace       = 365 * 24 * time.Hour
	MaxExemption   = 366 * 24 * time.Hour // a year, leap years included
	MaxObserve     = 7 * 24 * time.Hour
	MaxRemediation = 2000   // characters of a check's remediation
	MaxNote        = 1000   // characters of a reason given by a person
	MaxExemptions  = 10_000 // of one account; further ones are not evaluated
)

// Recovers reports whether a failing device with this score passes again. A recover score that is not stricter than the
// check's own has no effect.
func (c *Check) Recovers(score int) bool {
	passes, _ := c.Operator.Holds(score, c.Score)
	if c.RecoverScore == nil || !c.Operator.Stricter(*c.RecoverScore, c.Score) {
		return passes
	}
	again, _ := c.Operator.Holds(score, *c.RecoverScore)
	return passes && again
}

// Stricter reports whether fewer scores stand in the relation to a than to b. No score is stricter for [OpEqual].
func (op Operator) Stricter(a, b float64) bool {
	switch op {
	case OpGreater, OpGreaterEqual:
		return a > b
	case OpLess, OpLessEqual:
		return a < b
	}
	return false
}

// ValidateEnforcement returns an error that names the first of the check's members for enforcement outside its bounds.
func (c *Check) ValidateEnforcement() error {
	switch {
	case c.RecoverScore != nil && c.Operator == OpEqual:
		return fmt.Errorf("x_recover_score must be null for the operator %q, which has no stricter score", c.Operator)
	case c.RecoverScore != nil && !c.Operator.Stricter(*c.RecoverScore, c.Score):
		return fmt.Errorf("x_recover_score must be stricter than the check's score: %q %v is not stricter than %q %v",
			c.Operator, *c.RecoverScore, c.Operator, c.Score)
	case c.RecoverScore != nil && !c.Recovers(0) && !c.Recovers(100):
		return fmt.Errorf("x_recover_score must leave a score to recover with: no score from 0 to 100 is %s %v",
			c.Operator, *c.RecoverScore)
	case c.Mode != "" && c.Mode != ModeEnforce && c.Mode != ModeObserve:
		return fmt.Errorf("x_mode must be %q or %q, got %q", ModeEnforce, ModeObserve, clip(string(c.Mode)))
	case c.Grace < 0 || c.Grace > MaxGrace:
		return fmt.Errorf("x_grace must be between 0 and 365 days, got %v", c.Grace)
	case utf8.RuneCountInString(c.Remediation) > MaxRemediation:
		return fmt.Errorf("x_remediation has more than %d characters", MaxRemediation)
	}
	if c.Breaker != nil {
		if err := c.Breaker.Validate(); err != nil {
			return fmt.Errorf("x_breaker: %w", err)
		}
	}
	return nil
}

// ObserveSwitch turns the enforcement of every check of an account off until a time: every outcome is pass.
type ObserveSwitch struct {
	Until  Millis `msgpack:"until"`
	Reason string `msgpack:"reason"`
	By     string `msgpack:"by"` // the author, for people
	Since  Millis `msgpack:"since"`
}

// Validate returns an error if the switch has no reason, or its end is not after now or more than [MaxObserve] away.
// Ends have an hour more, for clients with clocks ahead.
func (s *ObserveSwitch) Validate(now Millis) error {
	if err := validNote(s.Reason); err != nil {
		return err
	}
	return validEnd(s.Until, now, MaxObserve)
}

// Exemption has a device pass a check, or every check, for a time.
type Exemption struct {
	ID     ID `msgpack:"id"`
	Device ID `msgpack:"device"`
	// Page is the device's page when the exemption was made. The exemption applies on any page that has the device.
	Page  uint32 `msgpack:"page"`
	Check ID     `msgpack:"check"` // zero: every check
	// Until is when the exemption ends at the latest; it ends earlier when the device passes by itself.
	Until     Millis `msgpack:"until"`
	Reason    string `msgpack:"reason"`
	Author    string `msgpack:"author"`
	CreatedAt Millis `msgpack:"created_at"`
	// Enrolled is when the device was enrolled: the exemption ends with that enrolment. Zero matches every enrolment.
	Enrolled Millis `msgpack:"enrolled"`
	// DeviceName is the device's name when the exemption was made, for people.
	DeviceName string `msgpack:"device_name"`
}

// Schema implements Message.
func (*Exemption) Schema() Schema { return Schema{"exemption", 1} }

// Covers reports whether the exemption is from this check.
func (x *Exemption) Covers(check ID) bool { return x.Check == ID{} || x.Check == check }

// Concerns reports whether the exemption is of the device enrolled at a time. Zero is an unknown time.
func (x *Exemption) Concerns(enrolled Millis) bool {
	return x.Enrolled == 0 || enrolled == 0 || x.Enrolled == enrolled
}

// Validate returns an error if the exemption names no device or reason, or its end is not after now or more than
// [MaxExemption] away. Ends have an hour more, for clients with clocks ahead.
func (x *Exemption) Validate(now Millis) error {
	if x.Device == (ID{}) {
		return fmt.Errorf("device is required")
	}
	if err := validNote(x.Reason); err != nil {
		return err
	}
	return validEnd(x.Until, now, MaxExemption)
}

// validNote returns an error if a person's reason is blank, too long, or has control characters other than line ends
// and tabs. A carriage return alone could end a line of an event stream that shows the reason.
func validNote(reason string) error {
	switch {
	case strings.TrimSpace(reason) == "":
		return fmt.Errorf("reason is required and must not be blank")
	case utf8.RuneCountInString(reason) > MaxNote:
		return fmt.Errorf("reason has more than %d characters", MaxNote)
	case strings.ContainsFunc(strings.ReplaceAll(reason, "\r\n", "\n"), isStray):
		return fmt.Errorf("reason must not have control characters other than line ends and tabs")
	}
	return nil
}

func isStray(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// clockSlack is how far the clock of a client may be ahead.
const clockSlack = time.Hour

func validEnd(until, now Millis, most time.Duration) error {
	switch {
	case until == 0:
		return fmt.Errorf("until is required")
	case until <= now:
		return fmt.Errorf("until must be in the future, got %s", until.Time().UTC().Format(time.RFC3339))
	case until > now.Add(most+clockSlack):
		return fmt.Errorf("until must be within %d days, got %s", int(most.Hours()/24),
			until.Time().UTC().Format(time.RFC3339))
	}
	return nil
}

// Rule returns a number that identifies the members of the check that decide outcomes. Of two checks with equal members
// it is the same.
func (c *Check) Rule() uint32 {
	again := "-"
	if c.RecoverScore != nil {
		again = fmt.Sprint(*c.RecoverScore)
	}
	observe := c.Mode == ModeObserve
	return crc32.Checksum(fmt.Appendf(nil, "%q %q %v %s %t", c.Type, c.Operator, c.Score, again, observe), castagnoli)
}
