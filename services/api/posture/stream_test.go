package posture_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// sse is an event of a stream.
type sse struct {
	kind, id string
	data     map[string]any
}

// follow opens a live stream. next returns its next event.
func follow(f *apitest.Fixture, query, last string) (next func() sse, stop func()) {
	f.T.Helper()
	ctx, cancel := context.WithTimeout(f.T.Context(), 2*time.Minute)
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+f.API.Addr()+f.Path("/plumbline/results/stream"+query),
		nil)
	if err != nil {
		f.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apitest.Bootstrap)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.T.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		f.T.Fatalf("%d %s %v", resp.StatusCode, body, resp.Header)
	}
	f.T.Cleanup(func() { cancel(); resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return func() sse {
		f.T.Helper()
		var e sse
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case lines.Text() == "" && e.kind != "":
				return e
			case field == "event":
				e.kind = value
			case field == "id":
				e.id = value
			case field == "data":
				if err := json.Unmarshal([]byte(value), &e.data); err != nil {
					f.T.Fatal(err)
				}
			}
		}
		return sse{kind: "end"}
	}, cancel
}

// isAt reports whether an event's id names a position of the log.
func isAt(id string, seq uint64) bool { return strings.HasPrefix(id, fmt.Sprintf("%d.", seq)) }

func TestLiveStream(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Evaluate(1, 80, proto.OutcomePass)
	next, stop := follow(f.Fixture, "", "")
	ready := next()
	if ready.kind != "ready" || ready.id == "" {
		t.Fatalf("begins with %+v", ready)
	}
	seq := f.Evaluate(2, 10, proto.OutcomeFail)
	change := next()
	devices, _ := change.data["devices"].([]any)
	if change.kind != "change" || !isAt(change.id, seq) || change.data["outcome"] != "fail" ||
		change.data["check_id"] != f.Check.String() || len(devices) != 1 ||
		apitest.JSON(t, devices[0]) != fmt.Sprintf(`{"device_id":"%s","from":"none","observed":"fail","reason":"score","score":10}`,
			f.Devices[0]) {
		t.Errorf("change %+v", change)
	}
	stop()

	// Events stored since the last connection come first.
	missed := f.Evaluate(3, 90, proto.OutcomePass)
	next, _ = follow(f.Fixture, "", change.id)
	if e := next(); e.kind != "change" || !isAt(e.id, missed) {
		t.Errorf("after %s comes %+v", change.id, e)
	}
	// Only the requested events.
	other, _ := follow(f.Fixture, "?outcome=fail&check="+f.Check.String(), change.id)
	none, _ := follow(f.Fixture, "?check="+proto.NewID().String(), change.id)
	last := f.Evaluate(4, 5, proto.OutcomeFail)
	if e := other(); e.kind != "change" || !isAt(e.id, last) {
		t.Errorf("of failures: %+v", e)
	}
	// The state first.
	f.AwaitState(last - 1)
	whole, _ := follow(f.Fixture, "?state=true", "")
	for _, want := range []string{"reset", "state", "ready"} {
		if e := whole(); e.kind != want {
			t.Fatalf("got %+v, want %s", e, want)
		} else if want == "state" && (len(e.data["devices"].([]any)) != 2 || e.data["tick"] != 4.0) {
			t.Errorf("state %+v", e)
		}
	}
	// A position of another log.
	anew, _ := follow(f.Fixture, "", "999999999")
	for _, want := range []string{"reset", "ready"} {
		if e := anew(); e.kind != want {
			t.Fatalf("got %+v, want %s", e, want)
		}
	}
	parts := strings.Split(change.id, ".")
	for name, id := range map[string]string{
		"created at another time": parts[0] + ".abc." + parts[2], "another change": parts[0] + "." + parts[1] + ".abc",
	} {
		anew, _ := follow(f.Fixture, "", id)
		if e := anew(); e.kind != "reset" {
			t.Errorf("a position of another log, %s: %+v", name, e)
		}
	}
	for _, q := range []string{"?check=x", "?outcome=maybe", "?state=perhaps", "?after=x"} {
		f.WantError(400, v4.CodeInvalid, "GET", "/plumbline/results/stream"+q, nil)
	}
	// The end of the service ends every stream before connections are cut, which happens after two seconds.
	f.Stop()
	if end := none(); end.kind != "end" {
		t.Errorf("at the end: %+v", end)
	}
}

func TestDeletedPositionOfAStream(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	old := f.Evaluate(1, 80, proto.OutcomePass)
	f.Evaluate(2, 10, proto.OutcomeFail)
	newest := f.Evaluate(3, 80, proto.OutcomePass)
	f.AwaitState(newest - 1)
	f.PurgeLog()
	next, _ := follow(f.Fixture, "", fmt.Sprint(old))
	if e := next(); e.kind != "reset" {
		t.Errorf("got %+v", e)
	}
	if e := next(); e.kind != "ready" || e.id == "" {
		t.Errorf("got %+v", e)
	}
}

func TestLimitOfStreams(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.Streams = 1 })
	next, stop := follow(f, "", "")
	next()
	if r := f.Do("GET", "/plumbline/results/stream", nil); r.Status != 503 || r.Errors[0].Code != v4.CodeUnavailable {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	stop()
	bustest.Eventually(t, "there is room again", func() bool {
		status, _ := f.Status(apitest.Bootstrap, "GET", f.Path("/plumbline/posture-log"))
		return status == 200
	})
}
