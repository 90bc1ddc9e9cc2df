package proto

import "fmt"

// Outcome is the result of a check for a device. The zero value never passes.
type Outcome uint8

// The outcomes. OutcomeNone stands only in [ChangedDevice.From]: the device had no result before.
const (
	OutcomeUnknown Outcome = iota
	OutcomePass
	OutcomeFail
	OutcomeNone
)

var outcomeNames = [...]string{"unknown", "pass", "fail", "none"}

// String is the word on the bus and in the API.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// ParseOutcome reads one of pass, fail and unknown.
func ParseOutcome(s string) (Outcome, error) {
	for o, name := range outcomeNames[:OutcomeNone] {
		if s == name {
			return Outcome(o), nil
		}
	}
	return 0, fmt.Errorf("outcome %q is none of pass, fail, unknown", clip(s))
}

// MarshalText is String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText is ParseOutcome.
func (o *Outcome) UnmarshalText(b []byte) error {
	v, err := ParseOutcome(string(b))
	if err == nil {
		*o = v
	}
	return err
}

// Reason is the explanation of an outcome, or of a poll without a score. The numbers are wire facts: a new reason is
// appended.
type Reason uint8

// The reasons.
const (
	ReasonNone         Reason = iota // a successful poll
	ReasonScore                      // the score decided
	ReasonNeverPolled                // no poll has asked about the device yet
	ReasonMissing                    // the answer did not name the device
	ReasonInvalidScore               // the score is not an integer from 0 to 100
	ReasonAPIError                   // the call failed: refused, reset, 4xx, 5xx
	ReasonAuthFailed                 // 401, 403, a redirect, or no application token
	ReasonTimeout                    // no answer in time
	ReasonBadResponse                // a response unlike the contract
	ReasonExpired                    // the newest score is older than the check's expiration
	ReasonRemoved                    // the device was removed
	ReasonCheckRemoved               // the check or its integration was removed
	ReasonUnsupported                // this build cannot evaluate the check
	ReasonObserveOnly                // the check, or the whole account, is in observe mode: pass
	ReasonExempt                     // an exemption: pass
	ReasonGrace                      // the device fails, and keeps its pass for the check's grace
	ReasonHeld                       // the breaker keeps the outcome
)

// ReasonOther is a reason of a later version, whose word this reader does not know.
const ReasonOther Reason = 255

var reasonNames = [...]string{
	"none", "score", "never_polled", "missing", "invalid_score", "api_error", "auth_failed", "timeout",
	"bad_response", "expired", "removed", "check_removed", "unsupported",
	"observe_only", "exempt", "grace", "held",
}

// String is the code on the bus and in the API.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// Enforced reports whether the reason is that of an outcome that is not by the score.
func (r Reason) Enforced() bool {
	return r == ReasonObserveOnly || r == ReasonExempt || r == ReasonGrace || r == ReasonHeld
}

// MarshalText is String.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reason's code.
func (r *Reason) UnmarshalText(b []byte) error {
	for v, name := range reasonNames {
		if string(b) == name {
			*r = Reason(v)
			return nil
		}
	}
	return fmt.Errorf("reason %q is not known", clip(string(b)))
}
