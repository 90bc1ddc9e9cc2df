package policy

// Problem is why a rule cannot be evaluated.
type Problem struct {
	Reason   Reason // UnsupportedSelector, UnknownSelector, MalformedRule or AddressUnknown
	Selector string // as the policy names it
	Detail   string // a sentence for whoever wrote the policy; empty where the reason says it all
}

// Error is the problem as a sentence.
func (p *Problem) Error() string {
	s := "selector " + quote(p.Selector) + ": " + p.Reason.String()
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}

// Truth is yes, no, or unknown with the first problem in the way. The zero value is no.
type Truth struct {
	yes     bool
	problem *Problem // unknown
}

func yes() Truth               { return Truth{yes: true} }
func no() Truth                { return Truth{} }
func unknown(p *Problem) Truth { return Truth{problem: p} }
func truth(b bool) Truth       { return Truth{yes: b} }

func (t Truth) known() bool { return t.problem == nil }

// or is yes as soon as either is, unknown if either could still make it yes.
func (t Truth) or(o Truth) Truth {
	switch {
	case t.yes || o.yes:
		return yes()
	case !t.known():
		return t
	}
	return o
}

// and is no as soon as either is, unknown if either could still make it no.
func (t Truth) and(o Truth) Truth {
	switch {
	case t == no() || o == no():
		return no()
	case !t.known():
		return t
	}
	return o
}

func (t Truth) not() Truth {
	if !t.known() {
		return t
	}
	return truth(!t.yes)
}
