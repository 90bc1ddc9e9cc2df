package policytest

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/policy"
)

// maxPolicies bounds the policies of a test.
const maxPolicies = 200

// auditKind is the kind of a policy test in the audit log.
const auditKind = "policy_test"

// started is the response to the start of a test.
type started struct {
	ID     proto.ID `json:"id"`
	Status string   `json:"status"` // always "success"
}

// startedTest is a test in the audit log.
type startedTest struct {
	ID       proto.ID       `json:"id"`
	Policies []testedPolicy `json:"policies"`
}

// start accepts a test and returns its id.
func (s *API) start(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body := v4.Object{}
	if len(bytes.TrimSpace(c.Payload)) > 0 {
		var err error
		if body, err = c.Object(); err != nil {
			return v4.Response{}, err
		}
	}
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	policies, err := s.access.TestedPolicies(c.Account, body)
	if err != nil {
		return v4.Response{}, err
	}
	if len(policies) > maxPolicies {
		return v4.Response{}, v4.Invalid("a test has at most %d policies", maxPolicies)
	}
	t := s.newTest(c.Account, c.Author(), policies)
	if err := s.accept(ctx, t); err != nil {
		return v4.Response{}, err
	}
	return v4.OK(started{ID: t.record.ID, Status: "success"}), nil
}

// accept stores a test and passes it to [API.Run], unless too many are running.
func (s *API) accept(ctx context.Context, t *test) error {
	select {
	case s.slots <- struct{}{}:
	default:
		return errBusy
	}
	if err := s.record(ctx, t); err != nil {
		<-s.slots
		return err
	}
	s.pending <- t
	return nil
}

// record stores a new test and its event for the audit log.
func (s *API) record(ctx context.Context, t *test) error {
	view := viewPolicies(t.record.Policies)
	names := make([]string, len(view))
	for n, p := range view {
		names[n] = p.Name
	}
	told := store.Change{
		Action: store.ActionTest,
		Kind:   auditKind,
		ID:     t.record.ID.String(),
		Name:   strings.Join(names, ", "),
		After:  startedTest{t.record.ID, view},
	}
	action, err := s.store.BeginAction(ctx, t.account, told)
	if err != nil {
		return err
	}
	if err := t.save(ctx); err != nil {
		action.Settle(ctx, true) // no client knows the id of the test
		return err
	}
	action.End(ctx, told)
	return nil
}

// newTest returns a test of policies, which are evaluated in this order.
func (s *API) newTest(a proto.Account, by string, policies []proto.Policy) *test {
	now := proto.At(s.store.Clock.Now())
	t := &test{api: s, account: a, tested: newTested(policies, func(id proto.ID) (*proto.Group, bool) {
		g, found := s.store.Catalog.Group(a, id)
		return g.Value, found
	})}
	t.record = proto.PolicyTest{ID: proto.NewID(), State: proto.PolicyTestProcessing, By: by, CreatedAt: now,
		UpdatedAt: now, Policies: make([]proto.TestedPolicy, len(policies))}
	for n, p := range policies {
		t.record.Policies[n] = proto.TestedPolicy{ID: p.ID, Name: p.Name, Decision: p.Decision}
	}
	return t
}

var errBusy = v4.Errorf(http.StatusTooManyRequests, v4.CodeTooManyRequests,
	"%d policy tests are running: try again when one is complete", maxTests)

// tested are the policies of a test, ready for evaluation.
type tested struct {
	policies []proto.Policy
	compiled []*policy.Policy
	index    map[proto.ID]int // by the id that the compiled policy has
	checks   []proto.ID       // posture checks of the policies
}

// newTested compiles policies. A policy without an id gets a new one, which its decisions then name.
func newTested(policies []proto.Policy, groups policy.Groups) tested {
	t := tested{policies: policies, compiled: make([]*policy.Policy, len(policies)), index: map[proto.ID]int{}}
	for n, p := range policies {
		if p.ID.IsZero() {
			p.ID = proto.NewID()
		}
		t.compiled[n], t.index[p.ID] = policy.Compile(&p, groups), n
	}
	t.checks = policy.Checks(t.compiled)
	return t
}
