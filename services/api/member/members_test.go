package member_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

const members = "/members"

var administrator, editor, reader = permission.Roles[0].ID, permission.Roles[1].ID, permission.Roles[2].ID

// invited is the body of a new member with one role.
func invited(email, role string) map[string]any {
	return map[string]any{"email": email, "roles": []string{role}}
}

// rolesOf returns the names of a member's roles.
func rolesOf(member map[string]any) string {
	var names []string
	for _, r := range member["roles"].([]any) {
		names = append(names, r.(map[string]any)["name"].(string))
	}
	return strings.Join(names, ", ")
}

func TestMembers(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	ada := f.Want(200, "POST", members, invited("Ada@Example.com", administrator))
	if ada["email"] != "Ada@Example.com" || ada["status"] != "accepted" || rolesOf(ada) != "Administrator" ||
		apitest.At(ada, "user", "email") != "Ada@Example.com" || apitest.At(ada, "user", "first_name") != nil ||
		apitest.At(ada, "user", "two_factor_authentication_enabled") != false {
		t.Errorf("%v", ada)
	}
	policy := ada["policies"].([]any)[0]
	if apitest.At(policy, "access") != "allow" ||
		fmt.Sprint(
			apitest.At(policy, "permission_groups"),
		) != fmt.Sprintf(
			"[map[id:%s name:Administrator]]",
			administrator,
		) ||
		fmt.Sprint(apitest.At(policy, "resource_groups")) !=
			fmt.Sprintf("[map[id:%s name:com.cloudflare.api.account.%s]]", f.Account, f.Account) {
		t.Errorf("%v", policy)
	}
	one := members + "/" + ada["id"].(string)
	if got := f.Want(200, "GET", one, nil); fmt.Sprint(got) != fmt.Sprint(ada) {
		t.Errorf("%v, created as %v", got, ada)
	}
	f.Clock.Advance(time.Minute)
	bob := invited("bob@example.com", reader)
	bob["status"] = "pending"
	f.Want(200, "POST", members, bob)
	for query, want := range map[string]string{
		"": "Ada@Example.com bob@example.com", "?status=pending": "bob@example.com", "?status=accepted": "Ada@Example.com",
		"?email=ADA@example.com": "Ada@Example.com", "?email=ada@example.co": "", "?per_page=1&page=2": "bob@example.com",
	} {
		all, _ := f.List(members + query)
		var emails []string
		for _, m := range all {
			emails = append(emails, m["email"].(string))
		}
		if got := strings.Join(emails, " "); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	f.WantError(400, v4.CodeInvalid, "GET", members+"?status=member", nil)
	changed := f.Want(200, "PUT", one, map[string]any{"roles": []any{map[string]any{"id": editor}, reader}})
	if rolesOf(changed) != "Editor, Administrator Read Only" || changed["id"] != ada["id"] ||
		changed["x_created_at"] != ada["x_created_at"] || changed["x_updated_at"] == ada["x_updated_at"] {
		t.Errorf("%v", changed)
	}
	if got := f.Want(200, "PUT", one, map[string]any{"status": "pending", "email": "ADA@example.com"}); got["status"] !=
		"pending" || got["email"] != "Ada@Example.com" || rolesOf(got) != "Editor, Administrator Read Only" {
		t.Errorf("%v", got)
	}
	// Clients of the SDK v0 send back the whole member.
	if got := f.Want(200, "PUT", one, changed); got["status"] != "accepted" ||
		fmt.Sprint(got["roles"]) != fmt.Sprint(changed["roles"]) {
		t.Errorf("%v", got)
	}
	if got := f.Want(200, "DELETE", one, nil); got["id"] != ada["id"] {
		t.Errorf("%v", got)
	}
	f.WantError(404, v4.CodeNotFound, "GET", one, nil)
	f.WantError(404, v4.CodeNotFound, "DELETE", one, nil)
	f.WantError(404, v4.CodeNotFound, "GET", members+"/none", nil)
	if again := f.Want(200, "POST", members, invited("ada@example.com", reader)); again["email"] != "ada@example.com" {
		t.Errorf("a removed member cannot come back: %v", again)
	}
	var actions []string
	for _, e := range f.Events() {
		actions = append(actions, e.Kind+" "+e.Action)
	}
	slices.Sort(actions)
	if got := strings.Join(slices.Compact(actions), ", "); got != "member create, member delete, member update" {
		t.Errorf("audited: %s", got)
	}
}

func TestBodiesOfMembers(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	policies := func(access, role, account string) []any {
		return []any{map[string]any{"access": access, "permission_groups": []any{map[string]any{"id": role}},
			"resource_groups": []any{map[string]any{"id": account}}}}
	}
	for name, body := range map[string]map[string]any{
		"no address":                  {"roles": []string{reader}},
		"no role":                     {"email": "a@example.com"},
		"an empty list of roles":      {"email": "a@example.com", "roles": []string{}},
		"an unknown role":             invited("a@example.com", proto.NewAccount().String()),
		"a role by name":              invited("a@example.com", "Administrator"),
		"roles that are no list":      {"email": "a@example.com", "roles": reader},
		"a role that is a number":     {"email": "a@example.com", "roles": []any{1}},
		"an unknown status":           {"email": "a@example.com", "roles": []string{reader}, "status": "rejected"},
		"no e-mail address":           invited("a", reader),
		"two addresses":               invited("a@example.com, b@example.com", reader),
		"letters that fold to others": invited("\u212aim@example.com", reader), // the Kelvin sign, which lower-cases to k
		"a domain beyond ASCII":       invited("a@ex\u00e4mple.com", reader),
		"a control character":         invited("a@example.com\n", reader),
		"a policy that denies":        {"email": "a@example.com", "policies": policies("deny", reader, f.Account.String())},
		"a policy of another account": {"email": "a@example.com",
			"policies": policies("allow", reader, proto.NewAccount().String())},
		"a policy with a permission group": {"email": "a@example.com",
			"policies": policies("allow", permission.Groups[0].ID, f.Account.String())},
		"roles and other policies": {"email": "a@example.com", "roles": []string{administrator},
			"policies": policies("allow", reader, f.Account.String())},
	} {
		t.Run(name, func(t *testing.T) { f.In(t).WantError(400, v4.CodeInvalid, "POST", members, body) })
	}
	body := map[string]any{"email": "a@example.com", "policies": policies("allow", editor, f.Account.String())}
	if got := f.Want(200, "POST", members, body); rolesOf(got) != "Editor" {
		t.Errorf("%v", got)
	}
	one := members + "/" + f.Want(200, "POST", members, invited("b@example.com", reader))["id"].(string)
	f.WantError(400, v4.CodeInvalid, "PUT", one, map[string]any{"email": "a@example.com"})
	f.WantError(400, v4.CodeInvalid, "PUT", one, map[string]any{"roles": []string{}})
	if m := f.WantError(409, v4.CodeConflict, "POST", members, invited("B@EXAMPLE.com", reader)); !strings.Contains(m,
		"already a member") {
		t.Error(m)
	}
}

// TestOneMemberPerAddress checks that of several requests for one address exactly one makes a member.
func TestOneMemberPerAddress(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	other := f.Replica()
	var made sync.Map
	var done sync.WaitGroup
	for n := range 6 {
		done.Go(func() {
			at := f
			if n%2 == 1 {
				at = f.At(other)
			}
			role := permission.Roles[n%3].ID
			if r := at.Do("POST", members, invited("a@example.com", role)); r.Status == 200 {
				made.Store(n, true)
			} else if r.Status != 409 {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		})
	}
	done.Wait()
	count := 0
	made.Range(func(any, any) bool { count++; return true })
	if all, _ := f.List(members); count != 1 || len(all) != 1 {
		t.Errorf("%d requests made a member, %d members", count, len(all))
	}
}

// TestNobodyGivesMoreThanTheyHave checks that a token makes members only with permissions of its own.
func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	with := func(edit func(*proto.APIToken), wanted func(permission.Group) bool) string {
		return f.StoreToken(edit, apitest.GroupIDs(wanted)...)
	}
	everything := with(nil, func(permission.Group) bool { return true }) // all groups, yet not what later versions add
	most := with(nil, func(g permission.Group) bool { return g.Scope == permission.Members || !g.Edit })
	short := with(func(t *proto.APIToken) { t.ExpiresAt = proto.At(f.Clock.Now().Add(time.Hour)) },
		func(permission.Group) bool { return true })
	near := with(func(t *proto.APIToken) { t.DenyFrom = []string{"203.0.113.0/24"} },
		func(permission.Group) bool { return true })
	for _, c := range []struct {
		name, token, role string
		status            int
	}{
		{"everything", everything, administrator, 403}, {"everything", everything, editor, 200},
		{"reader", most, reader, 200}, {"reader", most, editor, 403}, {"reader", most, administrator, 403},
		{"expires", short, reader, 403}, {"restricted to addresses", near, reader, 403},
	} {
		email := fmt.Sprintf("m%s@example.com", proto.NewID())
		if r := f.As(c.token, "POST", members, invited(email, c.role)); r.Status != c.status {
			t.Errorf("%s makes %s: %d %s", c.name, c.role, r.Status, r.Body)
		}
	}
	one := members + "/" + f.Want(200, "POST", members, invited("a@example.com", reader))["id"].(string)
	if r := f.As(most, "PUT", one, map[string]any{"roles": []string{administrator}}); r.Status != 403 {
		t.Errorf("a reader makes an administrator: %d %s", r.Status, r.Body)
	}
	if r := f.As(most, "PUT", one, map[string]any{"status": "pending"}); r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	all, info := f.List("/roles")
	if len(all) != 3 || info["total_count"] != 3. || all[0]["id"] != administrator {
		t.Fatalf("%v %v", all, info)
	}
	for n, want := range map[int]string{0: "map[edit:true read:true]", 1: "map[edit:true read:true]",
		2: "map[edit:false read:true]"} {
		if got := fmt.Sprint(apitest.At(all[n], "permissions", "posture")); got != want {
			t.Errorf("%v: %s", all[n]["name"], got)
		}
	}
	if got := fmt.Sprint(apitest.At(all[1], "permissions", "members")); got != "map[edit:false read:true]" {
		t.Errorf("an editor's permissions about members: %s", got)
	}
	if got := f.Want(200, "GET", "/roles/"+editor, nil); fmt.Sprint(got) != fmt.Sprint(all[1]) {
		t.Errorf("%v", got)
	}
	f.WantError(404, v4.CodeNotFound, "GET", "/roles/none", nil)
}
