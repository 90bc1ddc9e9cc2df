package access_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/services/api"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestTags(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	if made := f.Want(201, "POST", "/access/tags", map[string]any{"name": "tier 1"}); made["name"] != "tier 1" ||
		made["app_count"] != 0.0 {
		t.Errorf("made %v", made)
	}
	f.WantError(409, v4.CodeConflict, "POST", "/access/tags", map[string]any{"name": "tier 1"})
	for _, name := range []any{"", " a", "a/b", "..", "a?b", "50%", "a\nb", 5, nil,
		strings.Repeat("x", access.MaxTag+1)} {
		f.WantError(400, v4.CodeInvalid, "POST", "/access/tags", map[string]any{"name": name})
	}
	app := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "a", "domain": "a.example.com", "tags": []any{"tier 1"}})
	if got := f.Want(200, "GET", "/access/tags/tier%201", nil); got["app_count"] != 1.0 {
		t.Errorf("read %v", got)
	}
	f.WantError(409, v4.CodeConflict, "DELETE", "/access/tags/tier%201", nil)
	f.WantError(409, v4.CodeConflict, "PUT", "/access/tags/tier%201", map[string]any{"name": "tier 2"})
	f.Want(200, "PUT", "/access/tags/tier%201", map[string]any{"name": "tier 1"})
	f.Want(202, "DELETE", "/access/apps/"+apitest.Text(app, "id"), nil)
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "other"})
	f.WantError(409, v4.CodeConflict, "PUT", "/access/tags/tier%201", map[string]any{"name": "other"})
	if renamed := f.Want(200, "PUT", "/access/tags/tier%201",
		map[string]any{"name": "tier 2"}); renamed["name"] != "tier 2" {
		t.Errorf("renamed %v", renamed)
	}
	f.WantError(404, v4.CodeNotFound, "GET", "/access/tags/tier%201", nil)
	if r := f.Do("GET", "/access/tags", nil); r.ResultInfo["total_count"] != 2.0 {
		t.Errorf("list %s", r.Body)
	}
	if gone := f.Want(202, "DELETE", "/access/tags/other", nil); gone["name"] != "other" {
		t.Errorf("deleted %v", gone)
	}
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "other"})
}

// TestConcurrentRenamesOfTags checks that one of several tags gets a name, and that the others keep theirs.
func TestConcurrentRenamesOfTags(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	replicas := []*api.Service{f.API, f.Replica()}
	const n = 8
	for i := range n {
		f.Want(201, "POST", "/access/tags", map[string]any{"name": fmt.Sprint("t", i)})
	}
	got := f.AtOnce(replicas, n, func(i int) *http.Request {
		return f.Request("PUT", f.Path(fmt.Sprint("/access/tags/t", i)), map[string]any{"name": "one"})
	})
	if got[200] != 1 || got[409] != n-1 {
		t.Fatalf("statuses %v", got)
	}
	if tags := f.Do("GET", "/access/tags", nil); tags.ResultInfo["total_count"] != float64(n) {
		t.Errorf("%v tags", tags.ResultInfo)
	}
}
