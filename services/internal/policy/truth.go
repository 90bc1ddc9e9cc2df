package policy

import "plumbline.dev/proto"

// Problem is the obstacle to a rule: the rule cannot be evaluated, or the request lacks something.
type Problem struct {
	Reason   Reason
	Selector string // as written in the policy
	// Group is the group that contains the rule; zero: the policy itself.
	Group  proto.ID
	Check  proto.ID // of a device_posture rule
	Detail string   // a sentence for the author of the policy; empty if the reason is enough
}

// Error describes the problem in one sentence.
func (p *Problem) Error() string {
	s := "selector " + quote(p.Selector) + ": " + p.Reason.String()
	if !p.Group.IsZero() {
		s = "group " + p.Group.String() + ": " + s
	}
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}

// Label returns the selector for a metric: a registered selector, or "other".
func (p *Problem) Label() string {
	if _, ok := selectors[p.Selector]; ok || p.Selector == "" {
		return p.Selector
	}
	return "other"
}

// Truth is yes, no or unknown, with the obstacle to the opposite value if one can be named. The zero value is a plain
// no.
type Truth struct {
	is answer
	// up is the obstacle to a yes: without it the value would be yes. down is the same for a no. An unknown value has
	// both, a plain yes or no has neither.
	up, down *Problem
}

type answer uint8

const (
	isNo answer = iota
	isUnknown
	isYes
)

func yes() Truth { return Truth{is: isYes} }
func no() Truth  { return Truth{} }

func truth(b bool) Truth {
	if b {
		return yes()
	}
	return no()
}

func unknown(p *Problem) Truth { return Truth{is: isUnknown, up: p, down: p} }

// lacking is a no that would be a yes without the problem.
func lacking(p *Problem) Truth { return Truth{up: p} }

// Yes reports whether the value is known to be true.
func (t Truth) Yes() bool { return t.is == isYes }

// No reports whether the value is known to be false.
func (t Truth) No() bool { return t.is == isNo }

// or is yes if either operand is, and unknown if either could still make it yes. Removing one obstacle is enough for
// a yes; a no requires both.
func (t Truth) or(o Truth) Truth {
	switch {
	case t == no() || o == yes():
		return o
	case o == no() || t == yes():
		return t
	}
	r := Truth{is: max(t.is, o.is)}
	if r.is != isYes {
		r.up = either(t.up, o.up)
	}
	if r.is != isNo && (t.is == isNo || t.down != nil) && (o.is == isNo || o.down != nil) {
		r.down = both(t.down, o.down)
	}
	return r
}

// and is no if either operand is, and unknown if either could still make it no.
func (t Truth) and(o Truth) Truth { return t.not().or(o.not()).not() }

func (t Truth) not() Truth { return Truth{is: isYes - t.is, up: t.down, down: t.up} }

// either returns the more useful of two problems if removing one is enough.
func either(a, b *Problem) *Problem {
	if a == nil || b != nil && b.Reason.use() > a.Reason.use() {
		return b
	}
	return a
}

// both returns the harder of two problems if both must be removed.
func both(a, b *Problem) *Problem {
	if a == nil || b != nil && b.Reason.use() < a.Reason.use() {
		return b
	}
	return a
}

// use ranks reasons for a refusal by their use to the denied user, higher is better:
//   - a login may help, and every user can try one;
//   - the device can be fixed or replaced;
//   - a certificate or a service token can be obtained;
//   - a missing answer may arrive later;
//   - an administrator has to correct the configuration;
//   - nothing is known but that no policy holds.
func (r Reason) use() int {
	switch r {
	case LoginRequired:
		return 8
	case PostureFailed:
		return 7
	case PostureUnknown:
		return 6
	case DeviceUnknown:
		return 5
	case CertificateRequired:
		return 4
	case CredentialsRequired:
		return 3
	case AddressUnknown, AuthMethodUnknown, ClaimsUnknown, ExternalUnavailable:
		return 2
	case NoPolicyHolds, NoPolicies, PersonNotAdmitted, Undecided:
		return 0
	}
	return 1
}
