package policytest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

const path = "/access/policy-tests"

func rule(selector, member, value string) map[string]any {
	return map[string]any{selector: map[string]any{member: value}}
}

func inline(name, decision string, include, require, exclude []any) map[string]any {
	return map[string]any{"name": name, "decision": decision, "include": include, "require": require, "exclude": exclude}
}

// run starts a test, and returns its id and its last progress.
func run(t *testing.T, f *apitest.Fixture, policies ...any) (id string, progress map[string]any) {
	t.Helper()
	begun := f.Want(200, "POST", path, map[string]any{"policies": policies})
	if begun["status"] != "success" || len(begun) != 2 {
		t.Fatalf("the start answered %v", begun)
	}
	id = apitest.Text(begun, "id")
	bustest.Eventually(t, "the test is over", func() bool {
		progress = f.Want(200, "GET", path+"/"+id, nil)
		return progress["status"] != "processing"
	})
	return id, progress
}

// results returns a line for each user of a test, sorted: address, status, reason, policy, rule, selector.
func results(f *apitest.Fixture, id string) (lines []string) {
	users, _ := f.List(path + "/" + id + "/users?per_page=1000")
	for _, u := range users {
		name := "-"
		if p, ok := u["x_policy"].(map[string]any); ok {
			name = apitest.Text(p, "name")
		}
		lines = append(lines, strings.Join([]string{apitest.Text(u, "email"), apitest.Text(u, "status"),
			apitest.Text(u, "x_reason"), name, apitest.Text(u, "x_rule"), apitest.Text(u, "x_selector")}, " "))
	}
	slices.Sort(lines)
	return lines
}

// login stores a login from an address in the range of documentation.
func login(f *apitest.Fixture, email string, device proto.ID) *proto.User {
	return f.StoreLogin(&proto.Session{Nonce: proto.NewID().String(), Email: email, Name: strings.ToUpper(email),
		Device: device, IP: "192.0.2.7", AMR: []string{"pwd"}, Claims: []byte(`{"team":"red"}`),
		StartedAt: proto.At(f.Clock.Now())})
}

// TestPolicyTest checks the result of each user, and that an application with the same policies decides as the test.
func TestPolicyTest(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	login(f.Fixture, "ada@example.com", f.Devices[0])   // passes
	login(f.Fixture, "bob@example.com", f.Devices[1])   // has no score
	login(f.Fixture, "cyd@example.com", proto.ID{})     // has no device
	login(f.Fixture, "dan@example.com", proto.NewID())  // has a device without an enrolment
	login(f.Fixture, "eve@example.com", f.Devices[0])   // is denied
	login(f.Fixture, "guest@example.com", f.Devices[0]) // is excluded
	login(f.Fixture, "joe@example.org", f.Devices[0])   // matches no policy
	f.Evaluate(1, 90, proto.OutcomePass)

	guests := f.Want(201, "POST", "/access/groups",
		map[string]any{"name": "guests", "include": []any{rule("email", "email", "guest@example.com")}})
	shared := f.Want(201, "POST", "/access/policies", inline("not her", "deny",
		[]any{rule("email", "email", "eve@example.com")}, nil, nil))
	staff := inline("staff", "allow", []any{rule("email_domain", "domain", "example.com")},
		[]any{apitest.Everyone(), rule("device_posture", "integration_uid", f.Check.String())},
		[]any{apitest.GroupRule(guests["id"])})
	policies := []any{shared["id"], staff}
	id, progress := run(t, f.Fixture, policies...)
	for member, want := range map[string]any{"status": "complete", "total_users": 7., "users_approved": 1.,
		"users_blocked": 6., "users_errored": 0., "percent_approved": 14., "percent_blocked": 85., "percent_errored": 0.,
		"percent_users_processed": 100., "pages_processed": 1., "id": id, "x_problem": ""} {
		if progress[member] != want {
			t.Errorf("%s is %v, want %v", member, progress[member], want)
		}
	}
	apitest.Same(t, "policies", progress["x_policies"], []any{
		map[string]any{"id": shared["id"], "name": "not her", "decision": "deny"},
		map[string]any{"id": nil, "name": "staff", "decision": "allow"}})
	want := []string{
		"ada@example.com approved allow staff include[0] email_domain",
		"bob@example.com blocked posture_unknown staff require[1] device_posture",
		"cyd@example.com blocked device_unknown staff require[1] device_posture",
		"dan@example.com blocked device_unknown staff require[1] device_posture",
		"eve@example.com blocked denied not her include[0] email",
		"guest@example.com blocked person_not_admitted staff exclude[0] group",
		"joe@example.org blocked person_not_admitted staff include ",
	}
	if got := results(f.Fixture, id); !slices.Equal(got, want) {
		t.Errorf("the results are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	app := f.Want(201, "POST", "/access/apps", map[string]any{"name": "wiki", "domain": "wiki.example.com",
		"policies": policies})
	users, _ := f.List(path + "/" + id + "/users")
	for _, u := range users {
		state := f.Want(200, "GET", "/access/apps/"+apitest.Text(app, "id")+"/user_policy_checks?email="+
			apitest.Text(u, "email"), nil)["app_state"].(map[string]any)
		if (u["status"] == "approved") != (state["status"] == "allowed") || u["x_reason"] != state["x_reason"] {
			t.Errorf("the test says %v, the application %v", u, state)
		}
		if blocked := u["x_selector"] == "device_posture"; blocked != (u["x_check_id"] == f.Check.String()) {
			t.Errorf("the check of %v", u)
		}
	}

	f.Evaluate(2, 10, proto.OutcomeFail)
	id, _ = run(t, f.Fixture, policies...)
	if got := results(f.Fixture, id)[0]; got != "ada@example.com blocked posture_failed staff require[1] device_posture" {
		t.Errorf("after a failed check, %s", got)
	}
}

// TestAuthorOfAPolicyTest checks that a test started with an API key names the address of its user.
func TestAuthorOfAPolicyTest(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	body := map[string]any{"policies": []any{inline("p", "allow", []any{apitest.Everyone()}, nil, nil)}}
	for want, change := range map[string]func(*proto.APIToken){
		"ops@example.com": func(t *proto.APIToken) { t.Email = "ops@example.com" },
		"made":            nil,
	} {
		r := f.As(f.StoreToken(change, apitest.GroupID("Access: Policy Test Write")), "POST", path, body)
		if r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		id := apitest.Text(r.Object(t), "id")
		if got := f.Want(200, "GET", path+"/"+id, nil)["x_started_by"]; got != want {
			t.Errorf("started by %v, want %s", got, want)
		}
	}
}

// TestPolicyTestOfEnrolledDevices checks that a user with a login from no device is tested with all devices enrolled
// for their address, and passes a check if all of them do.
func TestPolicyTestOfEnrolledDevices(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Import("text/csv", "serial_number,email\nS-1,Ada@example.com\nS-2,bob@example.com\n")
	login(f.Fixture, "ada@example.com", proto.ID{})
	f.Evaluate(1, 90, proto.OutcomePass)
	everyone := inline("p", "allow", []any{apitest.Everyone()},
		[]any{rule("device_posture", "integration_uid", f.Check.String())}, nil)
	id, _ := run(t, f.Fixture, everyone)
	if got := results(f.Fixture, id); len(got) != 1 || !strings.HasPrefix(got[0], "ada@example.com approved") {
		t.Errorf("with one device that passes, %s", got)
	}
	f.Import("text/csv", "serial_number,email\nS-2,ada@example.com\n")
	id, _ = run(t, f.Fixture, everyone)
	if got := results(f.Fixture, id); len(got) != 1 ||
		!strings.HasPrefix(got[0], "ada@example.com blocked posture_unknown") {
		t.Errorf("with a second device without a score, %s", got)
	}
}

// TestUsersWithErrors checks that users are errored if the decision depends on a property not stored with a login.
func TestUsersWithErrors(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	login(f, "ada@example.com", proto.ID{})
	bare := f.StoreLogin(&proto.Session{Nonce: "bare", Email: "bare@example.com", StartedAt: proto.At(f.Clock.Now())})
	f.StoreLogin(&proto.Session{Nonce: "never", Email: "never@example.com"})
	lost := f.StoreLogin(&proto.Session{Nonce: "lost", Email: "lost@example.com", StartedAt: proto.At(f.Clock.Now())})
	f.StoreUnreadableUser(lost.ID)
	for _, c := range []struct {
		rule                any
		approved            int
		ada, bare, selector string
	}{
		{map[string]any{"certificate": map[string]any{}}, 0, "certificate_required", "certificate_required", "certificate"},
		{map[string]any{"external_evaluation": map[string]any{"evaluate_url": "https://e.example.com/e",
			"keys_url": "https://e.example.com/k"}}, 0, "external_unavailable", "external_unavailable", "external_evaluation"},
		{rule("ip", "ip", "192.0.2.0/24"), 1, "allow", "address_unknown", "ip"},
		{rule("auth_method", "auth_method", "pwd"), 1, "allow", "auth_method_unknown", "auth_method"},
	} {
		id, progress := run(t, f, inline("p", "allow", []any{c.rule}, nil, nil))
		if progress["users_errored"] != float64(4-c.approved) || progress["users_approved"] != float64(c.approved) {
			t.Errorf("%s: %v", c.selector, progress)
		}
		users, _ := f.List(path + "/" + id + "/users")
		reasons := map[string]any{}
		for _, u := range users {
			reasons[apitest.Text(u, "id")] = u["x_reason"]
			if u["id"] == bare.ID.String() && (u["x_selector"] != c.selector || u["x_rule"] != "include[0]") {
				t.Errorf("%s: %v", c.selector, u)
			}
		}
		apitest.Same(t, c.selector, reasons, map[string]any{
			proto.DeriveID(f.Account, "ada@example.com").String(): c.ada,
			bare.ID.String(): c.bare,
			proto.DeriveID(f.Account, "never@example.com").String(): "no_identity",
			lost.ID.String(): "identity_unreadable",
		})
	}
}

// TestPagesOfPolicyTest checks that pages, with and without a filter, have every user once, over several records of
// results, at another replica than the one of the test.
func TestPagesOfPolicyTest(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	const users = 2300
	logins := make([]*proto.Session, users)
	for n := range logins {
		domain := []string{"example.com", "example.org", "example.net"}[n%3]
		logins[n] = &proto.Session{Nonce: fmt.Sprint(n), Email: fmt.Sprintf("u%d@%s", n, domain), StartedAt: 1}
	}
	f.StoreLogins(logins)
	id, progress := run(t, f,
		inline("com", "allow", []any{rule("email_domain", "domain", "example.com")}, nil, nil),
		inline("net", "allow", []any{rule("email_domain", "domain", "example.net")},
			[]any{rule("ip", "ip", "192.0.2.0/24")}, nil))
	if progress["total_users"] != float64(users) || progress["pages_processed"] != float64(users/25) {
		t.Errorf("%v", progress)
	}
	f = f.At(f.Replica())
	for query, want := range map[string]int{"": users, "&status=success": 767, "&status=fail": 767, "&status=error": 766,
		"&status=approved": 767} {
		for _, size := range []int{1000, 999, 130} {
			seen := map[string]bool{}
			for page := 1; ; page++ {
				part, info := f.List(fmt.Sprintf("%s/%s/users?per_page=%d&page=%d%s", path, id, size, page, query))
				if info["total_count"] != float64(want) || info["count"] != float64(len(part)) {
					t.Fatalf("%q: %v", query, info)
				}
				if len(part) == 0 {
					break
				}
				for _, u := range part {
					seen[apitest.Text(u, "id")] = true
				}
			}
			if len(seen) != want {
				t.Errorf("%q in pages of %d has %d users, want %d", query, size, len(seen), want)
			}
		}
	}
	if part, info := f.List(path + "/" + id + "/users"); len(part) != 25 || info["per_page"] != 25. {
		t.Errorf("a page has %d users, %v", len(part), info)
	}
}

// TestPolicyTestWithoutPolicies checks that no user is approved without policies, and that a body is not required.
func TestPolicyTestWithoutPolicies(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	id, progress := run(t, f)
	if progress["status"] != "complete" || progress["total_users"] != 0. || progress["percent_users_processed"] != 100. {
		t.Errorf("without users: %v", progress)
	}
	if got := results(f, id); got != nil {
		t.Errorf("without users: %v", got)
	}
	login(f, "ada@example.com", proto.ID{})
	for _, body := range []any{nil, map[string]any{}, map[string]any{"policies": nil}} {
		begun := f.Want(200, "POST", path, body)
		id := apitest.Text(begun, "id")
		bustest.Eventually(t, "the test is complete", func() bool {
			return f.Want(200, "GET", path+"/"+id, nil)["status"] == "complete"
		})
		if got := results(f, id); !slices.Equal(got, []string{"ada@example.com blocked no_policies -  "}) {
			t.Errorf("%v: %v", body, got)
		}
	}
}

// TestChangeOfStoredPolicy checks that a policy with an id is tested as it is in the body, and that nothing is changed.
func TestChangeOfStoredPolicy(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	login(f, "ada@example.com", proto.ID{})
	stored := f.Want(201, "POST", "/access/policies", inline("staff", "allow",
		[]any{rule("email_domain", "domain", "example.org")}, nil, nil))
	change := inline("staff", "allow", []any{rule("email_domain", "domain", "example.com")}, nil, nil)
	for _, c := range []struct {
		policy any
		want   string
	}{
		{stored["id"], "ada@example.com blocked person_not_admitted staff include "},
		{map[string]any{"id": stored["id"]}, "ada@example.com blocked person_not_admitted staff include "},
		{apitest.Plus(change, map[string]any{"id": stored["id"]}),
			"ada@example.com approved allow staff include[0] email_domain"},
	} {
		id, progress := run(t, f, c.policy)
		if got := results(f, id); len(got) != 1 || got[0] != c.want {
			t.Errorf("%v, want %s", got, c.want)
		}
		if p := progress["x_policies"].([]any)[0].(map[string]any); p["id"] != stored["id"] {
			t.Errorf("%v", p)
		}
	}
	now := f.Want(200, "GET", "/access/policies/"+apitest.Text(stored, "id"), nil)
	if apitest.JSON(t, now) != apitest.JSON(t, stored) {
		t.Errorf("the policy is now %v", now)
	}
}

// TestInvalidPolicyTests checks the responses to invalid requests.
func TestInvalidPolicyTests(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	stored := f.Want(201, "POST", "/access/policies", inline("p", "allow", []any{apitest.Everyone()}, nil, nil))
	many := make([]any, 201)
	for n := range many {
		many[n] = inline("p", "allow", []any{apitest.Everyone()}, nil, nil)
	}
	for _, policies := range []any{"all", []any{proto.NewID().String()}, []any{"none"}, []any{7}, []any{nil},
		[]any{map[string]any{"name": "p"}}, []any{stored["id"], stored["id"]}, many,
		[]any{inline("p", "permit", []any{apitest.Everyone()}, nil, nil)},
		[]any{inline("p", "allow", nil, nil, nil)},
		[]any{inline("p", "allow", []any{rule("email", "address", "b")}, nil, nil)},
	} {
		f.WantError(400, v4.CodeInvalid, "POST", path, map[string]any{"policies": policies})
	}
	f.WantError(400, v4.CodeNoSuchGroup, "POST", path, map[string]any{"policies": []any{
		inline("p", "allow", []any{apitest.GroupRule(proto.NewID().String())}, nil, nil)}})
	for _, id := range []string{proto.NewID().String(), "none"} {
		f.WantError(404, v4.CodeNotFound, "GET", path+"/"+id, nil)
		f.WantError(404, v4.CodeNotFound, "GET", path+"/"+id+"/users", nil)
	}
	id, _ := run(t, f)
	for _, query := range []string{"?status=none", "?page=0", "?per_page=x"} {
		f.WantError(400, v4.CodeInvalid, "GET", path+"/"+id+"/users"+query, nil)
	}
}

// TestPolicyTestIsAudited checks that the audit log has the start of a test and its policies.
func TestPolicyTestIsAudited(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	stored := f.Want(201, "POST", "/access/policies", inline("p", "allow", []any{apitest.Everyone()}, nil, nil))
	id, _ := run(t, f, stored["id"], inline("q", "deny", []any{apitest.Everyone()}, nil, nil))
	var e *proto.AuditEvent
	bustest.Eventually(t, "the event is in the audit log", func() bool {
		all := f.Events()
		n := slices.IndexFunc(all, func(e *proto.AuditEvent) bool { return e.Kind == "policy_test" })
		if n >= 0 {
			e = all[n]
		}
		return n >= 0
	})
	if e.Action != "test" || e.Kind != "policy_test" || e.Resource != id || e.Name != "p, q" || e.Unsure ||
		!strings.Contains(string(e.After), apitest.Text(stored, "id")) {
		t.Errorf("%+v, after %s", e, e.After)
	}
}
