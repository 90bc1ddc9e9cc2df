package v4_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for _, c := range []struct {
		method, path string
		status, code int
	}{
		{"GET", "/", 404, v4.CodeNoRoute},
		{"GET", "/client/v4", 404, v4.CodeNoRoute},
		{"GET", "/client/v4/accounts/" + strings.Repeat("A", 32) + "/access/apps", 404, v4.CodeNoRoute},
		{"GET", "/client/v4/accounts/short/access/apps", 404, v4.CodeNoRoute},
		{"GET", f.Path("/access/unheard-of"), 404, v4.CodeNoRoute},
		{"GET", f.Path("/access/apps//"), 404, v4.CodeNoRoute},
		{"GET", "//client/v4/accounts/" + f.Account.String() + "/access/apps/", 404, v4.CodeNoRoute},
		{"GET", f.Path("/access/apps/none/"), 404, v4.CodeUnknownApplication},
		{"GET", f.Path("//access/apps"), 404, v4.CodeNoRoute},
		{"GET", f.Path("/access/../access/apps"), 404, v4.CodeNoRoute},
		{"PATCH", f.Path("/access/apps"), 405, v4.CodeMethod},
		{"BREW", f.Path("/access/apps"), 405, v4.CodeMethod},
		{"DELETE", f.Path("/plumbline/status"), 405, v4.CodeMethod},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			req := f.Request(c.method, "/", nil)
			req.URL.Path = c.path
			if r := f.Send(req); r.Status != c.status || r.Errors[0].Code != c.code {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		})
	}
	for _, path := range []string{"/access/apps/", "/access/keys/", "/devices/posture/"} {
		if r := f.Do("GET", path, nil); r.Status == 404 {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	if r := f.Do("GET", "/access/apps", nil); r.Header.Get("X-Request-Id") == "" || r.Header.Get("X-Should-Retry") != "" {
		t.Errorf("header %v", r.Header)
	}
}

func TestInvalidBodiesAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.MaxBody = 2048 })
	f.WantError(413, v4.CodeTooLarge, "POST", "/access/apps", `{"name":"`+strings.Repeat("x", 4096)+`"}`)
	for name, body := range map[string]string{
		"empty": "", "blank": " ", "not JSON": "{", "a list": "[]", "null": "null", "text": `"x"`,
		"a name twice":     `{"name":"a","name":"b"}`,
		"twice further in": `{"name":"a","x":{"y":1,"y":2}}`, "not UTF-8": "{\"name\":\"\xff\"}",
		"more after it": `{"name":"a"}{}`, "deep": strings.Repeat("[", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			for _, path := range []string{"/access/apps", "/access/service_tokens", "/access/policies", "/devices/posture",
				"/devices/posture/integration"} {
				f.WantError(400, v4.CodeInvalid, "POST", path, body)
			}
		})
	}
}

// TestLimitOfNesting checks that values nested too deeply to be echoed inside of a list are rejected.
func TestLimitOfNesting(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	nested := func(levels int) string {
		x := strings.Repeat("[", levels-1) + `"]\"["` + strings.Repeat("]", levels-1)
		return `{"name":"n","type":"file","flat":[{},{},[]],"x":` + x + `}`
	}
	for _, levels := range []int{v4.MaxNesting + 1, 9_999} {
		f.WantError(400, v4.CodeInvalid, "POST", "/devices/posture", nested(levels))
	}
	f.Want(200, "POST", "/devices/posture", nested(v4.MaxNesting))
	f.Want(200, "POST", "/devices/posture", `{"name":"n","type":"file","description":"`+
		strings.Repeat("[", 2*v4.MaxNesting)+`"}`)
	f.Want(200, "GET", "/devices/posture", nil)
}

func TestPages(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for n := range 5 {
		f.Clock.Advance(time.Second)
		f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": fmt.Sprintf("token %d", n)})
	}
	names := func(query string) (got []string, info map[string]any) {
		t.Helper()
		r := f.Do("GET", "/access/service_tokens"+query, nil)
		var all []struct{ Name string }
		if err := json.Unmarshal(r.Result, &all); err != nil || r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		for _, a := range all {
			got = append(got, a.Name)
		}
		return got, r.ResultInfo
	}
	var walked []string
	for page := 1; ; page++ {
		got, info := names(fmt.Sprintf("?page=%d&per_page=2", page))
		if info["page"] != float64(page) || info["per_page"] != 2.0 || info["total_count"] != 5.0 ||
			info["total_pages"] != 3.0 || info["count"] != float64(len(got)) {
			t.Errorf("page %d: %v", page, info)
		}
		if len(got) == 0 {
			break
		}
		walked = append(walked, got...)
	}
	if strings.Join(walked, ",") != "token 0,token 1,token 2,token 3,token 4" {
		t.Errorf("walked %v", walked)
	}
	if got, _ := names(""); len(got) != 5 {
		t.Errorf("all on the first page: %v", got)
	}
	if got, _ := names("?name=token+3"); len(got) != 1 {
		t.Errorf("by name: %v", got)
	}
	if got, _ := names("?search=TOKEN"); len(got) != 5 {
		t.Errorf("by search: %v", got)
	}
	if _, info := names("?per_page=100000"); info["per_page"] != 1000.0 {
		t.Errorf("a page of any size: %v", info)
	}
	for _, q := range []string{"?page=0", "?page=-1", "?page=x", "?per_page=0", "?page=99999999999"} {
		f.WantError(400, v4.CodeInvalid, "GET", "/access/service_tokens"+q, nil)
	}
	// 1<<31-1 pages of 1000 do not overflow.
	if got, _ := names("?page=2147483647&per_page=1000"); len(got) != 0 {
		t.Errorf("far past the end: %v", got)
	}
}
