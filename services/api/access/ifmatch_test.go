package access_test

import (
	"testing"

	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// A policy of an application has a revision, which changes with the policies of the application and their order.
func TestIfMatchOfAPolicyInAnApplication(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	app := f.Want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{
		apitest.With(apitest.PolicyBody("one", "t"), "precedence", 1)}})
	all := "/access/apps/" + apitest.Text(app, "id") + "/policies"
	path := all + "/" + wantPolicies(f, app, "1 one")["one"]
	tag := func() string { return f.Do("GET", path, nil).Header.Get("ETag") }
	ask := func(method, tag string, precedence int) apitest.Response {
		req := f.Request(method, f.Path(path), apitest.With(apitest.PolicyBody("one", "u"), "precedence", precedence))
		req.Header.Set("If-Match", tag)
		return f.Send(req)
	}
	first := tag()
	if put := ask("PUT", first, 1); put.Status != 200 || first == "" || tag() == first || put.Header.Get("ETag") != tag() {
		t.Errorf("%d %s: %q, then %q", put.Status, put.Body, first, put.Header.Get("ETag"))
	}
	second := tag()
	if moved := ask("PUT", second, 3); moved.Status != 200 || tag() == second {
		t.Errorf("another precedence: %d %s, %q", moved.Status, moved.Body, second)
	}
	third := tag()
	made := f.Do("POST", all, apitest.PolicyBody("two", "t"))
	if made.Status != 201 || tag() == third || made.Header.Get("ETag") != tag() {
		t.Errorf("%d %s: %q, then %q", made.Status, made.Body, third, made.Header.Get("ETag"))
	}
	for _, old := range []string{first, second, third} {
		for _, method := range []string{"PUT", "DELETE"} {
			if got := ask(method, old, 1); got.Status != 412 || got.Errors[0].Code != v4.CodePrecondition {
				t.Errorf("%s with an old tag: %d %s", method, got.Status, got.Body)
			}
		}
	}
	wantPolicies(f, app, "3 one", "4 two")
	if got := ask("DELETE", tag(), 3); got.Status != 202 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}
