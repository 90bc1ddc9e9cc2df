package posture_test

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// snapshot reads the results of an account, and the last line.
func snapshot(f *apitest.Fixture, query string) (all []map[string]any, last map[string]any) {
	f.T.Helper()
	w := httptest.NewRecorder()
	f.Handler.ServeHTTP(w, f.Request("GET", f.Path("/plumbline/results"+query), nil))
	if r := w.Result(); r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/x-ndjson" {
		f.T.Fatalf("snapshot: %d %v %s", r.StatusCode, r.Header, w.Body)
	}
	for scan := bufio.NewScanner(w.Body); scan.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			f.T.Fatalf("%q: %v", scan.Bytes(), err)
		}
		all = append(all, line)
	}
	if len(all) == 0 {
		f.T.Fatal("a snapshot without a position")
	}
	return all[:len(all)-1], all[len(all)-1]
}

func TestSnapshotOfResults(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	if all, last := snapshot(f.Fixture, ""); len(all) != 0 || last["position"] == nil {
		t.Errorf("an empty log: %v, %v", all, last)
	}
	f.Evaluate(1, 80, proto.OutcomePass)
	seq := f.Evaluate(2, 20, proto.OutcomeFail)
	f.AwaitState(seq - 1)
	all, last := snapshot(f.Fixture, "")
	if len(all) != 2 {
		t.Fatalf("%d results: %v", len(all), all)
	}
	apitest.Same(t, "a line", all[0], map[string]any{"device_id": f.Devices[0].String(), "check_id": f.Check.String(),
		"outcome": "fail", "reason": "score", "observed": "fail", "score": 20.0,
		"integration_id": f.Integration.String(), "page": 0.0, "tick": 2.0, "at": "2026-03-01T12:00:00Z"})
	if all[1]["score"] != nil || all[1]["device_id"] != f.Devices[1].String() {
		t.Errorf("a device without a score: %v", all[1])
	}
	// The position is that of the entry, or after it: what follows it is new.
	if p := uint64(last["position"].(float64)); p < seq-1 || p > seq {
		t.Errorf("position %d, the entry has %d", p, seq-1)
	}
	next, _ := follow(f.Fixture, "?after="+last["cursor"].(string), "")
	missed := f.Evaluate(3, 90, proto.OutcomePass)
	for e := next(); ; e = next() {
		if e.kind == "change" && isAt(e.id, missed) {
			break
		}
		if e.kind != "ready" && (e.kind != "change" || !isAt(e.id, seq)) {
			t.Fatalf("after the snapshot comes %+v", e)
		}
	}
	for query, want := range map[string]int{"?outcome=fail": 1, "?outcome=pass": 1, "?check=" + f.Check.String(): 2,
		"?check=" + proto.NewID().String(): 0} {
		f.AwaitState(missed - 1)
		if query == "?outcome=fail" {
			want = 0 // it passes by now
		}
		if got, _ := snapshot(f.Fixture, query); len(got) != want {
			t.Errorf("%s: %d lines, want %d", query, len(got), want)
		}
	}
	for _, bad := range []string{"?outcome=none", "?check=x"} {
		f.WantError(400, v4.CodeInvalid, "GET", "/plumbline/results"+bad, nil)
	}
}
