package policytest

import (
	"context"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// defaultPerPage is the default page size of a test's users, as Cloudflare has it.
const defaultPerPage = 25

// userView is the result of a test for a user.
type userView struct {
	ID     proto.ID `json:"id"`
	Email  string   `json:"email"`
	Name   string   `json:"name"`
	Status string   `json:"status"`
	Reason string   `json:"x_reason"` // code of the decision, or why it could not be made
	// Policy is the policy that decided, or came closest to admitting the user; null if there is none.
	Policy   *decidingPolicy `json:"x_policy"`
	Rule     string          `json:"x_rule"`     // of the policy, such as require[1]; "include" if no include rule holds
	Selector string          `json:"x_selector"` // of the rule, or of a rule in a group
	Check    *proto.ID       `json:"x_check_id"` // failed posture check; null without one
}

type decidingPolicy struct {
	Index int `json:"index"` // in the test's policies, from 0
	testedPolicy
}

// statuses maps the values of the parameter status to statuses. Cloudflare's SDKs send the first three.
var statuses = map[string]string{"success": approved, "fail": blocked, "error": errored, approved: approved,
	blocked: blocked}

// users returns a page of a test's results, in the order in which the users were evaluated.
func (s *API) users(ctx context.Context, c *v4.Call) (v4.Response, error) {
	q := c.URL.Query()
	status, known := statuses[q.Get("status")]
	if !known && q.Get("status") != "" {
		return v4.Response{}, v4.Invalid("status must be success, fail or error")
	}
	page, err := v4.PositiveParam(q, "page", 1)
	if err != nil {
		return v4.Response{}, err
	}
	size, err := v4.PositiveParam(q, "per_page", defaultPerPage)
	if err != nil {
		return v4.Response{}, err
	}
	size = min(size, v4.MaxPerPage)
	r, err := s.find(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	total, views := 0, []userView{}
	for _, p := range r.Parts {
		total += countOf(p, status)
	}
	info := v4.PageInfo{Page: page, PerPage: size, TotalCount: total, TotalPages: (total + size - 1) / size}
	if page <= info.TotalPages {
		if views, err = s.readUsers(ctx, c.Account, r, status, (page-1)*size, size); err != nil {
			return v4.Response{}, err
		}
	}
	info.Count = len(views)
	return v4.Response{Result: views, Info: info}, nil
}

// countOf returns the number of results with a status in a part; all if the status is empty.
func countOf(p proto.PolicyPart, status string) int {
	switch status {
	case approved:
		return p.Approved
	case blocked:
		return p.Blocked
	case errored:
		return p.Errored
	}
	return p.Approved + p.Blocked + p.Errored
}

// readUsers returns up to size results with a status, after the first skip ones. It reads only the parts with them.
func (s *API) readUsers(ctx context.Context, a proto.Account, r *proto.PolicyTest, status string,
	skip, size int) ([]userView, error) {
	views := []userView{}
	for n, p := range r.Parts {
		count := countOf(p, status)
		if skip >= count {
			skip -= count
			continue
		}
		if len(views) == size {
			break
		}
		var part proto.PolicyTestUsers
		if err := s.get(ctx, topology.PolicyTestUsersKey(a, r.ID, n), &part); err != nil {
			return nil, err
		}
		for i := range part.Users {
			u := &part.Users[i]
			switch {
			case status != "" && u.Status != status:
			case skip > 0:
				skip--
			case len(views) < size:
				views = append(views, viewUser(r, u))
			}
		}
	}
	return views, nil
}

func viewUser(r *proto.PolicyTest, u *proto.PolicyTestUser) userView {
	v := userView{ID: u.ID, Email: u.Email, Name: u.Name, Status: u.Status, Reason: u.Reason, Rule: u.Rule,
		Selector: u.Selector}
	if u.Policy >= 0 && u.Policy < len(r.Policies) {
		v.Policy = &decidingPolicy{u.Policy, viewPolicies(r.Policies[u.Policy : u.Policy+1])[0]}
	}
	if !u.Check.IsZero() {
		v.Check = &u.Check
	}
	return v
}
