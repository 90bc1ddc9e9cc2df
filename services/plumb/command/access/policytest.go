package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
	"plumbline.dev/services/plumb/document"
)

// policyTest is the command plumb policy test.
type policyTest struct {
	remote.Flags
	render.Output
	Policy []string `arg:"" optional:"" help:"Policies, by id or name, in order of evaluation."`
	App    string   `env:"-" completes:"application" help:"Test the policies of an application, by id or name." placeholder:"APP"`
	File   string   `short:"f" env:"-" help:"Test the policies in a file for plumb apply, or in a directory of such files; - is standard input." placeholder:"PATH"`
	Status string   `env:"-" enum:",approved,blocked,error" default:"" help:"List only users with this status: approved, blocked or error." placeholder:"STATUS"`
	Limit  int      `default:"100" env:"-" help:"Number of users to list at most."`
}

// Help returns the text that --help shows below the summary.
func (policyTest) Help() string {
	return "Evaluates policies for everyone who logged in within the last month, with the identity of their last login " +
		"and the current posture of their devices. Nothing changes. The list names the policy and the rule that decided, " +
		"or that came closest. A user has the status error if the decision depends on something that a login does not " +
		"store, such as a client certificate or an external evaluation."
}

// usage requires one source of policies.
func (c *policyTest) usage() error {
	sources := 0
	for _, given := range []bool{len(c.Policy) > 0, c.App != "", c.File != ""} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		return cli.Usage("give one of POLICY, --app and --file")
	}
	if c.Limit < 0 {
		return cli.Usage("--limit must not be negative")
	}
	return nil
}

// Run tests the policies, waits for the end of the test and shows its results.
func (c *policyTest) Run(ctx context.Context, t *cli.Terminal) error {
	if err := c.usage(); err != nil {
		return err
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	policies, err := c.policies(ctx, t, cl)
	if err != nil {
		return err
	}
	id, err := cl.StartPolicyTest(ctx, policies)
	if err != nil {
		return err
	}
	test, err := awaitTest(ctx, cl, id)
	if err != nil {
		return err
	}
	users, err := cl.PolicyTestUsers(ctx, id, c.Status, c.Limit)
	if err != nil {
		return err
	}
	checks := checkNames(ctx, cl, users)
	err = c.Show(t, struct {
		Test  client.Item[client.PolicyTest]       `json:"test"`
		Users []client.Item[client.PolicyTestUser] `json:"users"`
	}{test, users}, func(tab *render.Table) { c.rows(tab, test.Value, users, checks) })
	if err == nil && !test.Value.Complete() {
		err = fmt.Errorf("the policy test is not complete (%s): %s", test.Value.Status, test.Value.Problem)
	}
	return err
}

// policies returns the policies of the test: ids, or bodies from a file.
func (c *policyTest) policies(ctx context.Context, t *cli.Terminal, cl *client.Client) ([]any, error) {
	var all []any
	switch {
	case c.File != "":
		return filePolicies(ctx, t, cl, c.File)
	case c.App != "":
		app, err := cl.Applications.Find(ctx, c.App)
		if err != nil {
			return nil, err
		}
		for _, p := range app.Value.Policies {
			all = append(all, p.ID)
		}
		return all, nil
	}
	ids, err := resource.IDs(ctx, cl.Policies, c.Policy)
	for _, id := range ids {
		all = append(all, id)
	}
	return all, err
}

// filePolicies returns the documents of kind policy in a file, with ids in place of names.
func filePolicies(ctx context.Context, t *cli.Terminal, cl *client.Client, path string) ([]any, error) {
	docs, err := document.Read(path, t.In)
	if err != nil {
		return nil, err
	}
	var all []any
	for _, d := range docs {
		if client.Kind(d.Kind) != client.KindPolicy {
			continue
		}
		for _, m := range apply.Unknown(client.KindPolicy, d.Spec) {
			return nil, fmt.Errorf("%s: %s is no member of a policy", d.Source, m.Path)
		}
		body := map[string]any{}
		for name, v := range d.Spec {
			body[name] = v
		}
		if body["name"] == nil {
			body["name"] = d.Name
		}
		err := apply.Refs(client.KindPolicy, body, func(to client.Kind, value string) (string, error) {
			return resource.ID(ctx, cl.Objects(to), value)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Source, err)
		}
		all = append(all, body)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no document of kind policy", path)
	}
	return all, nil
}

// awaitTest waits until a test is over and returns it.
func awaitTest(ctx context.Context, cl *client.Client, id string) (client.Item[client.PolicyTest], error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		test, err := cl.PolicyTest(ctx, id)
		if err != nil || test.Value.Status != client.PolicyTestProcessing {
			return test, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return test, ctx.Err()
		}
	}
}

// checkNames returns the names of the checks in results, by id. A check without a readable name has none.
func checkNames(ctx context.Context, cl *client.Client, users []client.Item[client.PolicyTestUser]) map[string]string {
	names := map[string]string{}
	for _, u := range users {
		if u.Value.Check == "" {
			continue
		}
		if len(names) == 0 {
			all, err := cl.Checks.List(ctx)
			if err != nil || len(all) == 0 {
				return names
			}
			for _, check := range all {
				names[check.Value.ID] = check.Value.Name
			}
		}
	}
	return names
}

func (c *policyTest) rows(tab *render.Table, test client.PolicyTest, users []client.Item[client.PolicyTestUser],
	checks map[string]string) {
	for _, count := range []struct {
		what string
		n    int
	}{{"users", test.Total}, {"approved", test.Approved}, {"blocked", test.Blocked}, {"error", test.Errored}} {
		tab.Row(count.what, count.n)
	}
	if len(users) == 0 {
		return
	}
	tab.Row("")
	tab.Row("STATUS", "EMAIL", "NAME", "REASON", "POLICY", "RULE")
	for _, i := range users {
		u := i.Value
		name := "-"
		if u.Policy != nil {
			name = u.Policy.Name
		}
		tab.Row(u.Status, render.OrDash(u.Email), render.OrDash(u.Name), u.Reason, name, ruleText(u, checks))
	}
	shown := map[string]int{"": test.Approved + test.Blocked + test.Errored, "approved": test.Approved,
		"blocked": test.Blocked, "error": test.Errored}
	if more := shown[c.Status] - len(users); more > 0 {
		tab.Row("")
		tab.Row(fmt.Sprintf("%d more users: see --limit", more))
	}
}

// ruleText returns the deciding rule, such as "require[1] device_posture edr".
func ruleText(u client.PolicyTestUser, checks map[string]string) string {
	if u.Rule == "" {
		return "-"
	}
	if !strings.Contains(u.Rule, "[") && u.Selector == "" {
		return "no rule of " + u.Rule + " matches"
	}
	text := u.Rule
	if u.Selector != u.Rule && u.Selector != "" {
		text += " " + u.Selector
	}
	if u.Check == "" {
		return text
	}
	if name := checks[u.Check]; name != "" {
		return text + " " + name
	}
	return text + " " + u.Check
}
