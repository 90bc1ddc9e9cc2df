package policy

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

// The model below implements api/README.md 4.4 literally. It tries every answer of the rules that cannot be evaluated:
// an unknown rule never admits a request. It shares no code with the package: its leaves are rules with their answers.

// leaf is a rule with its answer.
type leaf struct {
	rule proto.Rule
	// says is 'y', 'n' or '?'. An 'n' has why if the user could fix the cause.
	says func(f *Facts) byte
	why  func(f *Facts) Reason
}

func always(b byte) func(*Facts) byte { return func(*Facts) byte { return b } }

func letter(b bool) byte {
	if b {
		return 'y'
	}
	return 'n'
}

func because(r Reason) func(*Facts) Reason { return func(*Facts) Reason { return r } }

func nothing(*Facts) Reason { return Undecided }

var (
	checkA, checkB = proto.ID{15: 21}, proto.ID{15: 22}
	asked          = Evaluation{"https://e.example/ask", "https://e.example/keys"}
)

func noToken(f *Facts) Reason {
	if f.ServiceToken.IsZero() && !f.LoggedIn {
		return CredentialsRequired
	}
	return Undecided
}

func onDevice(check proto.ID) leaf {
	return leaf{ruleOf("device_posture", `{"integration_uid":"`+check.String()+`"}`), func(f *Facts) byte {
		if f.Posture == nil {
			return '?'
		}
		return map[proto.Outcome]byte{proto.OutcomePass: 'y', proto.OutcomeFail: 'n',
			proto.OutcomeUnknown: '?'}[f.Posture(check)]
	}, func(f *Facts) Reason {
		if f.Posture == nil {
			return DeviceUnknown
		}
		return map[proto.Outcome]Reason{proto.OutcomeFail: PostureFailed,
			proto.OutcomeUnknown: PostureUnknown}[f.Posture(check)]
	}}
}

// The leaves allowed in a Bypass policy come first.
var leaves = []leaf{
	{everybody, always('y'), nothing},
	{anyToken, func(f *Facts) byte { return letter(!f.ServiceToken.IsZero()) }, noToken},
	{tokenRule(tokenA), func(f *Facts) byte { return letter(f.ServiceToken == tokenA) }, noToken},
	{tokenRule(tokenB), func(f *Facts) byte { return letter(f.ServiceToken == tokenB) }, noToken},
	{local, func(f *Facts) byte {
		if !f.IP.IsValid() {
			return '?'
		}
		return letter(f.IP.IsLoopback())
	}, because(AddressUnknown)},
	{geo, always('?'), because(UnsupportedSelector)},
	{nonsense, always('?'), because(UnknownSelector)},
	{malformed, always('?'), because(MalformedRule)},
	{ruleOf("certificate", `{}`), func(f *Facts) byte { return letter(f.Certificate) }, because(CertificateRequired)},
	onDevice(checkA), onDevice(checkB),
	{ruleOf("email", `{"email":"ann@example.com"}`), func(f *Facts) byte { return letter(f.LoggedIn && f.Email == "ann@example.com") }, nothing},
	{ruleOf("auth_method", `{"auth_method":"hwk"}`), func(f *Facts) byte {
		if f.LoggedIn && f.AMR == nil {
			return '?'
		}
		return letter(f.LoggedIn && f.AMR[0] == "hwk")
	}, because(AuthMethodUnknown)},
	{ruleOf("external_evaluation", `{"evaluate_url":"https://e.example/ask","keys_url":"https://e.example/keys"}`),
		func(f *Facts) byte {
			if answer, ok := f.External[asked]; ok || !f.LoggedIn {
				return letter(f.LoggedIn && answer)
			}
			return '?'
		}, because(ExternalUnavailable)},
}

const identityLeaves = 11 // the first one not allowed in a Bypass policy

// tree is a leaf, a group, or three lists of them.
type tree struct {
	leaf                      *leaf
	include, require, exclude []*tree
	id                        proto.ID // of a group
	cyclic, missing           bool
}

type modelPolicy struct {
	id       proto.ID
	decision proto.Decision
	tree
}

// occurrence is a leaf at one place, with its answer there.
type occurrence struct {
	says byte
	why  Reason
}

// occurrences returns the leaves of a tree in their order of evaluation.
func (t *tree) occurrences(f *Facts, bypass bool) []*occurrence {
	switch {
	case t.missing:
		return []*occurrence{{'?', MissingGroup}}
	case t.cyclic:
		return []*occurrence{{'?', GroupCycle}}
	case t.leaf != nil:
		i := slices.IndexFunc(leaves, func(l leaf) bool {
			return l.rule.Selector == t.leaf.rule.Selector && string(l.rule.Body) == string(t.leaf.rule.Body)
		})
		if bypass && i >= identityLeaves {
			return []*occurrence{{'?', IdentityInBypass}}
		}
		o := &occurrence{says: t.leaf.says(f), why: t.leaf.why(f)}
		if o.says == 'y' {
			o.why = Undecided
		}
		if o.says == 'n' && o.why.use() < CredentialsRequired.use() {
			o.why = Undecided
		}
		return []*occurrence{o}
	}
	var all []*occurrence
	for _, list := range [][]*tree{t.include, t.require, t.exclude} {
		for _, sub := range list {
			all = append(all, sub.occurrences(f, bypass)...)
		}
	}
	return all
}

// holds reads the answers one after the other.
func (t *tree) holds(answers *[]bool) bool {
	if t.leaf != nil || t.cyclic || t.missing {
		b := (*answers)[0]
		*answers = (*answers)[1:]
		return b
	}
	included, required, excluded := false, true, false
	for _, sub := range t.include {
		if sub.holds(answers) {
			included = true
		}
	}
	for _, sub := range t.require {
		if !sub.holds(answers) {
			required = false
		}
	}
	for _, sub := range t.exclude {
		if sub.holds(answers) {
			excluded = true
		}
	}
	return included && required && !excluded
}

// sure reports whether the answers of some occurrences can be chosen so that the policy matches, or does not, for all
// answers of the other unknown ones.
func (t *tree) sure(want bool, all []*occurrence, choose func(*occurrence) bool) bool {
	var chosen, open []int
	answers := make([]bool, len(all))
	for i, o := range all {
		answers[i] = o.says == 'y'
		if choose(o) {
			chosen = append(chosen, i)
		} else if o.says == '?' {
			open = append(open, i)
		}
	}
	for choice := range 1 << len(chosen) {
		set(answers, chosen, choice)
		sure := true
		for n := range 1 << len(open) {
			set(answers, open, n)
			rest := answers
			sure = sure && t.holds(&rest) == want
		}
		if sure {
			return true
		}
	}
	return false
}

func set(answers []bool, at []int, bits int) {
	for bit, i := range at {
		answers[i] = bits>>bit&1 == 1
	}
}

// model decides a request. It returns the reason of a denial if the model determines one.
func model(all []*modelPolicy, f *Facts, service bool) (admitted bool, policy proto.ID, why Reason) {
	if service {
		g := *f
		g.LoggedIn = false
		f = &g
	}
	why = NoPolicyHolds
	if len(all) == 0 {
		return false, proto.ID{}, NoPolicies
	}
	if f.LoggedIn {
		why = PersonNotAdmitted
	}
	for _, early := range []bool{true, false} {
		for _, p := range all {
			isEarly := p.decision == proto.DecisionBypass || p.decision == proto.DecisionNonIdentity
			if isEarly != early || service && !isEarly && p.decision != "permit" {
				continue
			}
			if p.decision == "permit" {
				return false, p.id, UnknownDecision
			}
			if p.decision == proto.DecisionAllow && !f.LoggedIn {
				if why.use() < LoginRequired.use() {
					policy, why = p.id, LoginRequired
				}
				continue
			}
			at := p.occurrences(f, p.decision == proto.DecisionBypass)
			if p.decision == proto.DecisionDeny {
				if !p.sure(false, at, none) {
					return false, p.id, inTheWay(p, at, false)
				}
				continue
			}
			if p.sure(true, at, none) {
				return true, p.id, Undecided
			}
			if r := inTheWay(p, at, true); r.use() > why.use() {
				policy, why = p.id, r
			}
		}
	}
	return false, policy, why
}

func none(*occurrence) bool { return false }

// inTheWay returns the reported kind of problem: the most useful one whose removal, together with more useful ones,
// would change the result.
func inTheWay(p *modelPolicy, at []*occurrence, want bool) Reason {
	for level := LoginRequired.use(); level > 0; level-- {
		if p.sure(want, at, func(o *occurrence) bool { return o.why.use() >= level }) {
			return at[slices.IndexFunc(at, func(o *occurrence) bool { return o.why.use() == level })].why
		}
	}
	if want {
		return NoPolicyHolds
	}
	return Denied
}

// world is groups for the rules to name.
type world struct{ groups map[proto.ID]*proto.Group }

func (w *world) find(id proto.ID) (*proto.Group, bool) {
	g, ok := w.groups[id]
	return g, ok
}

func (t *tree) asRule(w *world) proto.Rule {
	if t.leaf != nil {
		return t.leaf.rule
	}
	if !t.missing {
		g := &proto.Group{ID: t.id, Include: asRules(w, t.include), Require: asRules(w, t.require),
			Exclude: asRules(w, t.exclude)}
		if t.cyclic {
			g.Require = append(g.Require, groupRule(t.id))
		}
		w.groups[t.id] = g
	}
	return groupRule(t.id)
}

func groupRule(id proto.ID) proto.Rule { return ruleOf("group", `{"id":"`+id.String()+`"}`) }

func asRules(w *world, all []*tree) []proto.Rule {
	var out []proto.Rule
	for _, t := range all {
		out = append(out, t.asRule(w))
	}
	return out
}

func (w *world) policy(p *modelPolicy) *proto.Policy {
	q := pol(p.decision, asRules(w, p.include), asRules(w, p.require), asRules(w, p.exclude))
	q.ID = p.id
	return q
}

// Generators. There are few leaves, so all answers of the unknown ones can be tried.

func drawTree(t *rapid.T, depth int) *tree {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if kind < 8 || depth == 0 {
		l := rapid.SampledFrom(leaves).Draw(t, "leaf")
		return &tree{leaf: &l}
	}
	g := drawLists(t, depth-1)
	g.id = proto.NewID()
	g.missing = kind == 9 && rapid.Bool().Draw(t, "missing")
	g.cyclic = !g.missing && kind == 9 && rapid.Bool().Draw(t, "cyclic")
	return g
}

func drawLists(t *rapid.T, depth int) *tree {
	list := func(most int, name string) []*tree {
		out := make([]*tree, rapid.IntRange(0, most).Draw(t, name))
		for i := range out {
			out[i] = drawTree(t, depth)
		}
		return out
	}
	return &tree{include: list(2, "include"), require: list(2, "require"), exclude: list(1, "exclude")}
}

var (
	decisionGen = rapid.SampledFrom([]proto.Decision{proto.DecisionAllow, proto.DecisionAllow, proto.DecisionDeny,
		proto.DecisionDeny, proto.DecisionNonIdentity, proto.DecisionNonIdentity, proto.DecisionNonIdentity,
		proto.DecisionBypass, "permit"})
	modelGen = rapid.Custom(func(t *rapid.T) *modelPolicy {
		return &modelPolicy{proto.NewID(), decisionGen.Draw(t, "decision"), *drawLists(t, 2)}
	})
	factsGen = rapid.Custom(func(t *rapid.T) *Facts {
		f := &Facts{
			ServiceToken: rapid.SampledFrom([]proto.ID{{}, tokenA, tokenB}).Draw(t, "token"),
			IP: rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("127.0.0.1"),
				netip.MustParseAddr("10.1.2.3")}).Draw(t, "ip"),
			LoggedIn:    rapid.Bool().Draw(t, "logged in"),
			Email:       rapid.SampledFrom([]string{"", "ann@example.com", "bob@example.com"}).Draw(t, "email"),
			AMR:         rapid.SampledFrom([][]string{nil, {"hwk"}, {"pwd"}}).Draw(t, "amr"),
			Certificate: rapid.Bool().Draw(t, "certificate"),
			External:    rapid.SampledFrom([]map[Evaluation]bool{nil, {asked: true}, {asked: false}}).Draw(t, "external"),
		}
		if rapid.Bool().Draw(t, "device known") {
			outcome := rapid.SampledFrom([]proto.Outcome{proto.OutcomePass, proto.OutcomeFail, proto.OutcomeUnknown})
			outcomes := map[proto.ID]proto.Outcome{checkA: outcome.Draw(t, "a"), checkB: outcome.Draw(t, "b")}
			f.Posture = func(check proto.ID) proto.Outcome { return outcomes[check] }
		}
		return f
	})
)

const mostOpen = 12 // occurrences with tried answers

func TestAgreesWithThePlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, f := rapid.SliceOfN(modelGen, 0, 4).Draw(t, "policies"), factsGen.Draw(t, "facts")
		w := &world{map[proto.ID]*proto.Group{}}
		var ready []*Policy
		for _, p := range all {
			if open := p.occurrences(f, false); len(open) > mostOpen {
				return // too many to try all answers
			}
			ready = append(ready, Compile(w.policy(p), w.find))
		}
		for _, service := range []bool{false, true} {
			got := Decide(ready, f)
			if service {
				got = DecideService(ready, f)
			}
			admitted, by, why := model(all, f, service)
			if got.Admitted() != admitted || got.Policy != by {
				t.Fatalf("strict %t: %s by %s; the model: %t by %s (%s)", service, got.Reason, got.Policy, admitted, by, why)
			}
			if !admitted && got.Reason.use() != why.use() {
				t.Fatalf("strict %t: %s; the model: %s", service, got.Reason, why)
			}
			ofCheck := got.Reason == PostureFailed || got.Reason == PostureUnknown || got.Reason == DeviceUnknown
			if ofCheck == got.Check.IsZero() || got.Reason == Undecided {
				t.Fatalf("%+v", got)
			}
		}
	})
}

// The problem reported by a rule is the cause of the changed decision.
func TestLawsOfTruth(t *testing.T) {
	p, q := &Problem{Reason: PostureFailed}, &Problem{Reason: UnsupportedSelector}
	var all []Truth
	for _, is := range []answer{isNo, isUnknown, isYes} {
		for _, up := range []*Problem{nil, p, q} {
			for _, down := range []*Problem{nil, p, q} {
				v := Truth{is, up, down}
				if is == isYes && up != nil || is == isNo && down != nil || is == isUnknown && (up == nil || down == nil) {
					continue
				}
				all = append(all, v)
			}
		}
	}
	sound := func(v Truth) bool {
		return (v.is == isYes) == (v.Yes()) && (v.is == isNo) == v.No() &&
			!(v.is == isYes && v.up != nil) && !(v.is == isNo && v.down != nil) &&
			(v.is != isUnknown || v.up != nil && v.down != nil)
	}
	for _, a := range all {
		if a.not().not() != a || a.or(no()) != a || a.and(yes()) != a || a.or(a) != a || a.and(a) != a {
			t.Errorf("%+v: identities", a)
		}
		for _, b := range all {
			or, and := a.or(b), a.and(b)
			if or != b.or(a) || and != b.and(a) || !sound(or) || !sound(and) {
				t.Errorf("%+v, %+v: or %+v, and %+v", a, b, or, and)
			}
			if or.is != max(a.is, b.is) || and.is != min(a.is, b.is) {
				t.Errorf("%+v, %+v: or %+v, and %+v", a, b, or, and)
			}
			for _, c := range all {
				if a.or(b).or(c) != a.or(b.or(c)) || a.and(b).and(c) != a.and(b.and(c)) {
					t.Errorf("%+v, %+v, %+v", a, b, c)
				}
			}
		}
	}
}
