package resource_test

import (
	"encoding/json"
	"testing"

	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestIfMatch(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	rule := f.Do("POST", "/devices/posture", apitest.CheckBody(made["id"]))
	var r struct{ ID string }
	if err := json.Unmarshal(rule.Result, &r); err != nil {
		t.Fatal(err)
	}
	put := func(tag string) apitest.Response {
		req := f.Request("PUT", f.Path("/devices/posture/"+r.ID), apitest.CheckBody(made["id"]))
		req.Header.Set("If-Match", tag)
		return f.Send(req)
	}
	first := rule.Header.Get("ETag")
	second := put(first)
	if second.Status != 200 || first == "" || second.Header.Get("ETag") == first {
		t.Fatalf("%d %s, tags %q %q", second.Status, second.Body, first, second.Header.Get("ETag"))
	}
	if again := put(first); again.Status != 412 || again.Errors[0].Code != v4.CodePrecondition {
		t.Errorf("an old tag: %d %s", again.Status, again.Body)
	}
	if again := put(first + ", " + second.Header.Get("ETag")); again.Status != 200 {
		t.Errorf("a list of tags: %d %s", again.Status, again.Body)
	}
}
