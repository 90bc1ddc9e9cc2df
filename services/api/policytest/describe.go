package policytest

import (
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// Describe adds the routes of policy tests to a description.
func (*API) Describe(d *openapi.Description) { d.Add(operations(), nil) }

func operations() openapi.Operations {
	test := openapi.Of[progressView]()
	test["properties"].(openapi.Members)["status"] = openapi.Enum(proto.PolicyTestBlocked, proto.PolicyTestProcessing,
		proto.PolicyTestExceededTime, proto.PolicyTestComplete)
	user := openapi.Of[userView]()
	user["properties"].(openapi.Members)["status"] = openapi.Enum(approved, blocked, errored)
	return openapi.Operations{
		"POST /access/policy-tests": {
			Summary: "Start a test of policies against every user",
			Details: "The policies are evaluated in the order of their precedence, or else of the list, for everyone with a " +
				"login in the last month: with the identity of the last login and the current posture of the devices. A policy " +
				"is an id or a whole policy, which need not be stored. Nothing is changed. A replica runs two tests at once.",
			Body: openapi.Object(openapi.Members{"policies": openapi.List(openapi.AnyOf(
				openapi.Text().Describe("Id of a policy."), openapi.Ref("PolicyBody"))).OrNull()}),
			Result: openapi.Of[started](), Statuses: []int{http.StatusTooManyRequests},
		},
		"GET /access/policy-tests/{id}": {
			Summary: "Get the progress of a policy test",
			Details: "A test ends after 10 minutes at the latest, with the status \"exceeded time\". The status is also " +
				"\"exceeded time\" if the process that ran the test ended, and \"blocked\" if data could not be read; x_problem " +
				"has the reason.",
			Result: test,
		},
		"GET /access/policy-tests/{id}/users": {
			Summary: "List the results of a policy test by user",
			Details: "A user has the status error if the decision depends on something that is not stored with a login: a " +
				"client certificate, an external evaluation, or a fact that the login lacks. x_reason is the reason, x_policy " +
				"and x_rule are the policy and the rule that decided or came closest. Results are kept for 24 hours, less if " +
				"the bucket of all tests reaches 256 MiB.",
			Query: []openapi.Parameter{
				{Name: "status", Description: "Filter by status: success for approved users, fail for blocked ones, error.",
					Schema: openapi.Enum("success", "fail", "error", approved, blocked)},
				openapi.PageParams[0],
				{Name: "per_page", Description: "Page size. Larger values are reduced to the maximum, 1,000.",
					Schema: openapi.Schema{"type": "integer", "minimum": 1, "default": defaultPerPage}},
			},
			Result: openapi.List(user), Info: openapi.Of[v4.PageInfo](),
		},
	}
}
