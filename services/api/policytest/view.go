package policytest

import (
	"context"
	"errors"
	"net/http"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// progressView is the progress of a test. Percentages are rounded down. Percentages of users refer to processed users.
type progressView struct {
	ID        proto.ID `json:"id"`
	Approved  int      `json:"percent_approved"`
	Blocked   int      `json:"percent_blocked"`
	Errored   int      `json:"percent_errored"`
	Processed int      `json:"percent_users_processed"`
	Status    string   `json:"status"`
	Total     int      `json:"total_users"`

	UsersApproved int `json:"users_approved"`
	UsersBlocked  int `json:"users_blocked"`
	UsersErrored  int `json:"users_errored"`
	Pages         int `json:"pages_processed"` // pages of users of the default size

	Policies  []testedPolicy `json:"x_policies"`
	Problem   string         `json:"x_problem"` // why the test stopped early; empty otherwise
	StartedBy string         `json:"x_started_by"`
	CreatedAt v4.Timestamp   `json:"x_created_at"`
	UpdatedAt v4.Timestamp   `json:"x_updated_at"`
	ExpiresAt v4.Timestamp   `json:"x_expires_at"` // when the results are deleted at the latest
}

type testedPolicy struct {
	ID       *proto.ID      `json:"id"` // null if the policy is not stored
	Name     string         `json:"name"`
	Decision proto.Decision `json:"decision"`
}

func viewPolicies(policies []proto.TestedPolicy) []testedPolicy {
	views := make([]testedPolicy, len(policies))
	for n, p := range policies {
		views[n] = testedPolicy{Name: p.Name, Decision: p.Decision}
		if !p.ID.IsZero() {
			views[n].ID = &p.ID
		}
	}
	return views
}

// progress returns the progress of a test.
func (s *API) progress(ctx context.Context, c *v4.Call) (v4.Response, error) {
	r, err := s.find(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.OK(viewProgress(r, proto.At(s.store.Clock.Now()))), nil
}

// find returns the test named in the path.
func (s *API) find(ctx context.Context, c *v4.Call) (*proto.PolicyTest, error) {
	id, err := c.ID("id", errNoTest)
	if err != nil {
		return nil, err
	}
	r := new(proto.PolicyTest)
	return r, s.get(ctx, topology.PolicyTestKey(c.Account, id), r)
}

// get reads a record of POLICY_TESTS. A replica of the bucket that lags may not have it yet, so the leader is asked
// too.
func (s *API) get(ctx context.Context, key string, into proto.Message) error {
	_, err := s.store.Conn.Get(ctx, topology.PolicyTests, key, into)
	if !errors.Is(err, bus.ErrNotFound) {
		return err
	}
	m, err := s.store.Conn.LeaderLast(ctx, topology.BucketStream(topology.PolicyTests),
		topology.BucketSubject(topology.PolicyTests, key))
	if errors.Is(err, bus.ErrNotFound) {
		return errNoTest
	}
	if err != nil {
		return err
	}
	return m.Decode(into)
}

func viewProgress(r *proto.PolicyTest, now proto.Millis) progressView {
	v := progressView{ID: r.ID, Status: r.State, Total: r.Total, Policies: viewPolicies(r.Policies), Problem: r.Problem,
		StartedBy: r.By, CreatedAt: v4.Timestamp(r.CreatedAt), UpdatedAt: v4.Timestamp(r.UpdatedAt),
		ExpiresAt: v4.Timestamp(r.CreatedAt.Add(topology.PolicyTestsKept))}
	if r.State == proto.PolicyTestProcessing && now > r.UpdatedAt.Add(lease) {
		v.Status, v.Problem = proto.PolicyTestExceededTime, processEnded
	}
	for _, p := range r.Parts {
		v.UsersApproved, v.UsersBlocked, v.UsersErrored = v.UsersApproved+p.Approved, v.UsersBlocked+p.Blocked,
			v.UsersErrored+p.Errored
	}
	done := v.UsersApproved + v.UsersBlocked + v.UsersErrored
	v.Approved, v.Blocked, v.Errored = percent(v.UsersApproved, done), percent(v.UsersBlocked, done),
		percent(v.UsersErrored, done)
	if v.Processed = percent(done, r.Total); v.Status == proto.PolicyTestComplete {
		v.Processed = 100
	}
	v.Pages = (done + defaultPerPage - 1) / defaultPerPage
	return v
}

func percent(n, of int) int {
	if of == 0 {
		return 0
	}
	return n * 100 / of
}

var errNoTest = v4.Errorf(http.StatusNotFound, v4.CodeNotFound,
	"access.api.error.not_found: there is no such policy test, or its results were deleted after %s",
	topology.PolicyTestsKept)
