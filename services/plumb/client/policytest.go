package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// PolicyTest is a test of policies against every user.
type PolicyTest struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Total    int    `json:"total_users"`
	Approved int    `json:"users_approved"`
	Blocked  int    `json:"users_blocked"`
	Errored  int    `json:"users_errored"`
	Problem  string `json:"x_problem"` // why the test stopped early
}

// PolicyTestProcessing is the status of a test that is not over.
const PolicyTestProcessing = "processing"

// Complete reports whether every user has a result.
func (t PolicyTest) Complete() bool { return t.Status == "complete" }

// PolicyTestUser is the result of a policy test for a user.
type PolicyTestUser struct {
	Email    string          `json:"email"`
	Name     string          `json:"name"`
	Status   string          `json:"status"`
	Reason   string          `json:"x_reason"`
	Policy   *DecidingPolicy `json:"x_policy"` // the one that decided, or came closest
	Rule     string          `json:"x_rule"`   // such as require[1], or the name of a list without a match
	Selector string          `json:"x_selector"`
	Check    string          `json:"x_check_id"`
}

// DecidingPolicy is a policy of a test, by its place there.
type DecidingPolicy struct {
	Index int    `json:"index"`
	Name  string `json:"name"`
}

const policyTestsPath = "/access/policy-tests"

// StartPolicyTest starts a test and returns its id. A policy is an id or the body of a policy.
func (c *Client) StartPolicyTest(ctx context.Context, policies []any) (id string, err error) {
	t, err := decode[PolicyTest](c.call(ctx, http.MethodPost, policyTestsPath, map[string]any{"policies": policies}))
	return t.ID, err
}

// PolicyTest returns the progress of a test.
func (c *Client) PolicyTest(ctx context.Context, id string) (Item[PolicyTest], error) {
	return decode[Item[PolicyTest]](c.call(ctx, http.MethodGet, policyTestsPath+"/"+url.PathEscape(id), nil))
}

// PolicyTestUsers returns the results of a test with a status, limit at most. An empty status selects all.
func (c *Client) PolicyTestUsers(ctx context.Context, id, status string, limit int) ([]Item[PolicyTestUser], error) {
	all := []Item[PolicyTestUser]{}
	for page := 1; len(all) < limit; page++ {
		q := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
		if status != "" {
			q.Set("status", status)
		}
		path := policyTestsPath + "/" + url.PathEscape(id) + "/users?" + q.Encode()
		some, err := decode[[]Item[PolicyTestUser]](c.call(ctx, http.MethodGet, path, nil))
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	return all[:min(limit, len(all))], nil
}

// UserCheck is what the policies of an application decide about a user.
type UserCheck struct {
	App struct {
		Status string `json:"status"` // allowed or denied
		Reason string `json:"x_reason"`
	} `json:"app_state"`
}

// CheckUser returns what the policies of an application decide about a user, from the user's newest login.
func (c *Client) CheckUser(ctx context.Context, app, email string) (Item[UserCheck], error) {
	return decode[Item[UserCheck]](c.call(ctx, http.MethodGet, "/access/apps/"+url.PathEscape(app)+
		"/user_policy_checks?email="+url.QueryEscape(email), nil))
}

// ApplicationPolicies is the collection of an application's own policies.
func (c *Client) ApplicationPolicies(app string) Collection[Policy] {
	t := KindPolicy.Traits()
	t.Path = "/access/apps/" + url.PathEscape(app) + "/policies"
	return Collection[Policy]{c: c, traits: t}
}
