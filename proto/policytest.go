package proto

// The states of a policy test, as the API names them.
const (
	PolicyTestProcessing   = "processing"
	PolicyTestComplete     = "complete"
	PolicyTestExceededTime = "exceeded time" // stopped at the limit, or its process ended
	PolicyTestBlocked      = "blocked"       // stopped by an error
)

// PolicyTest is a test of policies against every user: a record of the POLICY_TESTS bucket. Its results are in records
// of their own, [PolicyTestUsers].
type PolicyTest struct {
	ID    ID     `msgpack:"id"`
	State string `msgpack:"state"`
	// Problem is a sentence on why the test stopped early; empty otherwise.
	Problem string `msgpack:"problem"`
	By      string `msgpack:"by"` // address of the API key, else name of the API token
	// Policies are the tested policies, in order of evaluation.
	Policies  []TestedPolicy `msgpack:"policies"`
	CreatedAt Millis         `msgpack:"created_at"`
	UpdatedAt Millis         `msgpack:"updated_at"`
	// Total is the number of users, Parts has the number of results in each record of results.
	Total int          `msgpack:"total"`
	Parts []PolicyPart `msgpack:"parts"`
}

// TestedPolicy identifies a policy of a test. ID is zero if the policy is not stored.
type TestedPolicy struct {
	ID       ID       `msgpack:"id"`
	Name     string   `msgpack:"name"`
	Decision Decision `msgpack:"decision"`
}

// PolicyPart counts the results of one record.
type PolicyPart struct {
	Approved int `msgpack:"approved"`
	Blocked  int `msgpack:"blocked"`
	Errored  int `msgpack:"errored"`
}

// Schema implements Message.
func (*PolicyTest) Schema() Schema { return Schema{"policy_test", 1} }

// PolicyTestUsers are the results of a policy test for some users: a record of the POLICY_TESTS bucket.
type PolicyTestUsers struct {
	Users []PolicyTestUser `msgpack:"users"`
}

// PolicyTestUser is the result of a policy test for a user.
type PolicyTestUser struct {
	ID     ID     `msgpack:"id"`
	Email  string `msgpack:"email"`
	Name   string `msgpack:"name"`
	Status string `msgpack:"status"` // approved, blocked or error
	Reason string `msgpack:"reason"` // code of the decision, or why it could not be made
	// Policy is the index of the policy that decided or came closest, -1 if there is none.
	Policy int    `msgpack:"policy"`
	Rule   string `msgpack:"rule"` // such as "require[1]" or "include"; empty without a policy
	// Selector is the selector of the rule. If a rule in a group blocked the user, it is the selector of this rule.
	Selector string `msgpack:"selector"`
	Check    ID     `msgpack:"check"` // failed posture check; zero without one
}

// Schema implements Message.
func (*PolicyTestUsers) Schema() Schema { return Schema{"policy_test_users", 1} }
