package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline.dev/services/api/v4"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestListsEndWithAnEmptyPage(t *testing.T) {
	y := start(t)
	for n := range 5 {
		y.clock.Advance(time.Second)
		y.want(201, "POST", "/access/service_tokens", map[string]any{"name": fmt.Sprintf("token %d", n)})
	}
	names := func(query string) (got []string, info map[string]any) {
		t.Helper()
		r := y.do("GET", "/access/service_tokens"+query, nil)
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
		if info["page"] != float64(page) || info["per_page"] != 2.0 || info["total_count"] != 5.0 || info["total_pages"] != 3.0 || info["count"] != float64(len(got)) {
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
		y.refused(400, v4.CodeInvalid, "GET", "/access/service_tokens"+q, nil)
	}
	// 1<<31-1 pages of 1000 do not overflow.
	if got, _ := names("?page=2147483647&per_page=1000"); len(got) != 0 {
		t.Errorf("far past the end: %v", got)
	}
}
