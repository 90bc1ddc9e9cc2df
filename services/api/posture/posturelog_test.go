package posture_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/v4"
)

// lines reads the posture log.
func lines(f *apitest.Fixture, query string) (all []map[string]any, cursor string) {
	f.T.Helper()
	w := httptest.NewRecorder()
	f.Handler.ServeHTTP(w, f.Request("GET", f.Path("/plumbline/posture-log"+query), nil))
	r := w.Result()
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/x-ndjson" {
		f.T.Fatalf("posture log: %d %v %s", r.StatusCode, r.Header, w.Body)
	}
	for scan := bufio.NewScanner(w.Body); scan.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			f.T.Fatalf("%q: %v", scan.Bytes(), err)
		}
		all = append(all, line)
	}
	return all, r.Trailer.Get(posture.TrailerCursor)
}

func TestPostureLog(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	if all, cursor := lines(f.Fixture, ""); len(all) != 0 || cursor == "" {
		t.Errorf("an empty log: %v, cursor %q", all, cursor)
	}
	f.Evaluate(1, 80, proto.OutcomePass)
	f.Evaluate(2, 20, proto.OutcomeFail)
	all, end := lines(f.Fixture, "")
	apitest.Same(t, "ticks", apitest.Column(all, "x_tick"), []any{1.0, 1.0, 2.0, 2.0})
	cursor := apitest.Text(all[0], "x_cursor")
	apitest.Same(t, "a line", all[0],
		map[string]any{"ClientVersion": "", "DeviceID": f.Devices[0].String(), "DeviceManufacturer": "", "DeviceModel": "",
			"DeviceName": "", "DeviceSerialNumber": "S-1", "DeviceType": "", "Email": "", "OSVersion": "",
			"PolicyID":         f.Check.String(),
			"PostureCheckName": "Healthy", "PostureCheckType": "custom_s2s", "PostureEvaluatedResult": true,
			"PostureExpectedJSON": map[string]any{"operator": ">=", "score": 60.0},
			"PostureReceivedJSON": map[string]any{"score": 80.0, "s2s_id": "s2s", "observed_at": "2026-03-01T12:00:00Z",
				"problem": ""},
			"RegistrationID": f.Devices[0].String(), "Timestamp": "2026-03-01T12:00:00Z", "UserUID": "",
			"x_outcome": "pass", "x_reason": "score", "x_observed": "pass", "x_integration_id": f.Integration.String(), "x_tick": 1.0,
			"x_check_revision": 0.0, "x_cursor": cursor})
	// A client can continue after any line.
	for n := range all {
		rest, same := lines(f.Fixture, "?cursor="+apitest.Text(all[n], "x_cursor"))
		if apitest.JSON(t, append([]map[string]any{}, all[n+1:]...)) != apitest.JSON(t,
			append([]map[string]any{}, rest...)) || same != end {
			t.Errorf("after line %d: %v, cursor %s and not %s", n, rest, same, end)
		}
	}
	f.Evaluate(3, 90, proto.OutcomePass)
	more, next := lines(f.Fixture, "?cursor="+end)
	apitest.Same(t, "after the end", apitest.Column(more, "x_tick"), []any{3.0, 3.0})
	for query, want := range map[string]int{
		"?outcome=fail": 1, "?outcome=unknown&outcome=pass": 5, "?device=" + f.Devices[1].String(): 3, "?check=" +
			f.Check.String(): 6,
		"?check=" + proto.NewID().String(): 0, "?integration=" + f.Integration.String(): 6, "?integration=" +
			proto.NewID().String(): 0,
		"?since=2020-01-01T00:00:00Z&until=2200-01-01T00:00:00Z": 6, "?until=2020-01-01T00:00:00Z": 0,
		"?since=2200-01-01T00:00:00Z": 0,
	} {
		if got, _ := lines(f.Fixture, query); len(got) != want {
			t.Errorf("%s: %d lines, want %d", query, len(got), want)
		}
	}
	for _, bad := range []string{"?outcome=x", "?device=x", "?cursor=x", "?cursor=1.x", "?since=x"} {
		f.WantError(400, v4.CodeInvalid, "GET", "/plumbline/posture-log"+bad, nil)
	}
	// A cursor whose lines are gone is rejected: no line is omitted silently.
	f.PurgeLog()
	f.WantError(410, v4.CodeGone, "GET", "/plumbline/posture-log?cursor="+cursor, nil)
	if got, _ := lines(f.Fixture, "?cursor="+next); len(got) != 0 {
		t.Errorf("at the end of what is gone: %v", got)
	}
}

// TestPostureLogForABlockedClient checks that the response to a client that reads nothing is ended and frees its place.
func TestPostureLogForABlockedClient(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t, func(c *api.Config) { c.Streams = 1 })
	f.Evaluate(1, 80, proto.OutcomePass)
	client := &blockedClient{header: http.Header{}}
	err := apitest.Panics(func() { f.Handler.ServeHTTP(client, f.Request("GET", f.Path("/plumbline/posture-log"), nil)) })
	if err != http.ErrAbortHandler {
		t.Errorf("ended with %v", err)
	}
	if all, _ := lines(f.Fixture, ""); len(all) != 2 {
		t.Errorf("the next client gets %v", all)
	}
}

// blockedClient reads nothing.
type blockedClient struct{ header http.Header }

func (c *blockedClient) Header() http.Header { return c.header }

func (c *blockedClient) WriteHeader(int) {}

func (c *blockedClient) Write([]byte) (int, error) { return 0, http.ErrHandlerTimeout }

// TestUnreadableEntriesOfThePostureLog checks that an unreadable entry is shown as a line with its sequence, in its
// place, and that later entries are shown.
func TestUnreadableEntriesOfThePostureLog(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Evaluate(1, 80, proto.OutcomePass)
	other := f.Page()
	other.Page = 7
	var at []any
	unknown := strings.TrimSuffix(topology.LogOf(f.Account), ">") + "no.page.of.ours"
	for _, subject := range []string{topology.Log(other), unknown} {
		ack, err := f.Conn.JetStream().Publish(t.Context(), subject, []byte("garbage"))
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, float64(ack.Sequence))
	}
	f.Evaluate(2, 90, proto.OutcomePass)
	all, end := lines(f.Fixture, "")
	apitest.Same(t, "ticks", apitest.Column(all, "x_tick"), []any{1.0, 1.0, nil, nil, 2.0, 2.0})
	apitest.Same(t, "sequences", apitest.Column(all, "x_sequence"), []any{nil, nil, at[0], at[1], nil, nil})
	for n := range all {
		if rest, last := lines(f.Fixture, "?cursor="+apitest.Text(all[n], "x_cursor")); len(rest) != len(all)-1-n ||
			last != end {
			t.Errorf("after line %d: %d lines, cursor %s and not %s", n, len(rest), last, end)
		}
	}
	if other, _ := lines(f.Fixture, "?integration="+f.Integration.String()); len(other) != 5 {
		t.Errorf("of the integration: %v", other)
	}
}
