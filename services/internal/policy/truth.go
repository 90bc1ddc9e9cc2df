package policy

import "plumbline.dev/proto"

// Problem is what stands in the way of a rule: that it cannot be evaluated, or what the request lacks.
type Problem struct {
	Reason   Reason
	Selector string // as the policy names it
	// Group is the group that the rule stands in; zero: the policy itself.
	Group  proto.ID
	Check  proto.ID // of a device_posture rule
	Detail string   // a sentence for whoever wrote the policy; empty where the reason says it all
}

// Error is the problem as a sentence.
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

// Label is the problem's selector as a metric names it: of a list that is closed, whatever a policy holds.
func (p *Problem) Label() string {
	if _, ok := selectors[p.Selector]; ok || p.Selector == "" {
		return p.Selector
	}
	return "other"
}

// Truth is yes, no or unknown, with what stands in the way of the other answer where that can be named.
// The zero value is a plain no.
type Truth struct {
	is answer
	// up is what stands in the way of a yes: were it out of the way, the answer would be yes. down is the
	// same of a no. What is unknown has both, a plain yes or no neither.
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

// lacking is a no that would be a yes but for the problem.
func lacking(p *Problem) Truth { return Truth{up: p} }

// Yes tells whether it is known to be so.
func (t Truth) Yes() bool { return t.is == isYes }

// No tells whether it is known not to be so.
func (t Truth) No() bool { return t.is == isNo }

// or is yes as soon as either is, unknown if either could still make it yes. One of them out of the way is
// enough for a yes, both must be for a no.
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

// and is no as soon as either is, unknown if either could still make it no.
func (t Truth) and(o Truth) Truth { return t.not().or(o.not()).not() }

func (t Truth) not() Truth { return Truth{is: isYes - t.is, up: t.down, down: t.up} }

// either of two problems out of the way is enough: the one that says more is named.
func either(a, b *Problem) *Problem {
	if a == nil || b != nil && b.Reason.use() > a.Reason.use() {
		return b
	}
	return a
}

// both must be out of the way: the one that is harder is named.
func both(a, b *Problem) *Problem {
	if a == nil || b != nil && b.Reason.use() < a.Reason.use() {
		return b
	}
	return a
}

// use is how much a reason for a refusal is of use to whoever is refused, higher for more:
//   - a login may help, and everybody can try one;
//   - the device can be put right, or another used;
//   - a certificate or a service token can be had;
//   - an answer that is missing may come;
//   - somebody else has to correct the configuration;
//   - all there is to say is that no policy holds.
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
