package fleet_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/fleet"
)

// newFleet starts a fleet of devices with names and people.
func newFleet(t *testing.T) *apitest.Fleet {
	f := apitest.StartFleet(t)
	f.Import("text/csv", "serial_number,hostname,email\nS-1,laptop-1,Ann@example.com\nS-2,tablet-2,bob@example.com\n")
	return f
}

// path returns the path of an endpoint of lists with a filter.
func path(endpoint, filter string, more ...string) string {
	q := "/plumbline/devices" + endpoint + "?filter=" + strings.NewReplacer(" ", "+", "%", "%25", "&", "%26", "=", "%3D",
		`"`, "%22", "<", "%3C", ">", "%3E", "#", "%23", ";", "%3B", "\\", "%5C").Replace(filter)
	return q + strings.Join(more, "")
}

// serials returns the serial numbers of the devices selected by a filter.
func serials(f *apitest.Fixture, filter string) (all []string) {
	f.T.Helper()
	list, _ := f.List(path("", filter))
	for _, d := range list {
		all = append(all, apitest.Text(d, "serial_number"))
	}
	slices.Sort(all)
	return all
}

// until waits until a filter selects the devices with the serial numbers.
func until(f *apitest.Fixture, filter string, want ...string) {
	f.T.Helper()
	bustest.Eventually(f.T, filter+" selects "+strings.Join(want, ", "), func() bool {
		return slices.Equal(serials(f, filter), want)
	})
}

func TestFilters(t *testing.T) {
	f := newFleet(t)
	if all := serials(f.Fixture, ""); !slices.Equal(all, []string{"S-1", "S-2"}) {
		t.Fatalf("%q", all)
	}
	until(f.Fixture, "outcome:unknown", "S-1", "S-2")
	f.Evaluate(1, 41, proto.OutcomeFail)
	until(f.Fixture, `check:"healthy"=fail`, "S-1")
	for filter, want := range map[string][]string{
		"laptop": {"S-1"}, "ann@": {"S-1"}, "user:*@example.com": {"S-1", "S-2"}, "-user:ann*": {"S-2"},
		"serial:S*": {"S-1", "S-2"}, "score<50": {"S-1"}, "score>50": nil, "age>1m": {"S-2"}, "outcome:pass": nil,
		"name:tablet* OR score=41": {"S-1", "S-2"}, "check:Healthy=unknown": {"S-2"}, "revoked:yes": nil,
		"check:" + f.Check.String() + "=fail": {"S-1"}, "id:" + f.Devices[1].String(): {"S-2"}, "held:yes": nil,
	} {
		if got := serials(f.Fixture, filter); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
	f.Clock.Advance(2 * time.Minute)
	if got := serials(f.Fixture, "age>1m"); len(got) != 2 {
		t.Errorf("two minutes later: %q", got)
	}

	f.Hold(2, proto.At(f.Clock.Now()))
	until(f.Fixture, "held:yes", "S-1")
	list, info := f.List(path("", "held:yes"))
	check := list[0]["checks"].([]any)[0].(map[string]any)
	if apitest.Text(check, "outcome") != "pass" || apitest.Text(check, "observed") != "fail" ||
		apitest.Text(check, "enforced") != "held" || list[0]["score"] != 10.0 || info["total_count"] != 1.0 {
		t.Errorf("%v, %v", list, info)
	}

	f.Want(200, "POST", "/devices/physical-devices/"+f.Devices[0].String()+"/revoke", map[string]any{})
	for filter, want := range map[string][]string{"": {"S-2"}, "revoked:yes": {"S-1"}, "laptop": nil,
		"laptop revoked:yes": {"S-1"}, "revoked:yes OR revoked:no": {"S-1", "S-2"}} {
		if got := serials(f.Fixture, filter); !slices.Equal(got, want) {
			t.Errorf("with a revoked device, %s: %q, want %q", filter, got, want)
		}
	}
	f.Want(200, "DELETE", "/plumbline/devices/"+f.Devices[1].String(), nil)
	if got := serials(f.Fixture, ""); len(got) != 0 {
		t.Errorf("after a removal: %q", got)
	}
}

func TestBadRequests(t *testing.T) {
	f := newFleet(t)
	for q, want := range map[string]string{
		path("", "chek:a=b"):                 `character 1: unknown property "chek"`,
		path("", "check:nothing=fail"):       `"nothing": use one of "Healthy"`,
		path("", "", "&per_page=0"):          "per_page",
		path("", "", "&cursor=%21"):          "cursor",
		path("", "", "&outdated=x"):          "outdated",
		path("/counts", "(a"):                `add ")"`,
		path("/counts", "", "&outdated=x"):   "outdated",
		path("/export", "a", "&format=xlsx"): "csv or ndjson",
		path("/export", "("):                 "csv or ndjson",
		path("/export", "(", "&format=csv"):  "term",
	} {
		if message := f.WantError(400, 12130, "GET", q, nil); !strings.Contains(message, want) {
			t.Errorf("%s: %s, want %q", q, message, want)
		}
	}
}

// Permission groups.
const (
	readDevices = "b94e2fdadec94facc24f748b3deeb300"
	readResults = "09bb80091097b2154d8fd5495c585c4a"
)

func TestPermissions(t *testing.T) {
	f := newFleet(t)
	for group, want := range map[string]int{readDevices: 403, readResults: 403} {
		token := f.StoreToken(func(*proto.APIToken) {}, group)
		for _, endpoint := range []string{"", "/counts", "/export"} {
			if got, body := f.Status(token, "GET", f.Path(path(endpoint, "", "&format=csv"))); got != want {
				t.Errorf("%s with %s: %d %s", endpoint, group, got, body)
			}
		}
	}
	both := f.StoreToken(func(*proto.APIToken) {}, readDevices, readResults)
	for _, endpoint := range []string{"", "/counts", "/export"} {
		if got, body := f.Status(both, "GET", f.Path(path(endpoint, "", "&format=csv"))); got != 200 {
			t.Errorf("%s with both: %d %s", endpoint, got, body)
		}
	}
}

func TestPages(t *testing.T) {
	f := apitest.Start(t)
	f.StorePages(3)
	bustest.Eventually(t, "the inventory has every page", func() bool {
		_, info := f.List(path("", "", "&per_page=1"))
		return info["total_count"] == 3000.0
	})
	for _, filter := range []string{"", "name:*7", "-name:*7"} {
		seen, cursor := map[string]bool{}, ""
		for {
			list, info := f.List(path("", filter, "&per_page=70&cursor="+cursor))
			for _, d := range list {
				if id := apitest.Text(d, "device_id"); seen[id] {
					t.Fatalf("%q: %s twice", filter, id)
				} else {
					seen[id] = true
				}
			}
			if cursor = apitest.Text(info, "cursor"); cursor == "" {
				break
			}
		}
		want := map[string]int{"": 3000, "name:*7": 300, "-name:*7": 2700}[filter]
		counts := f.Want(200, "GET", path("/counts", filter), nil)
		if len(seen) != want || counts["devices"] != float64(want) {
			t.Errorf("%q: %d devices, %v counted, want %d", filter, len(seen), counts["devices"], want)
		}
	}
}

func TestCounts(t *testing.T) {
	f := newFleet(t)
	f.Evaluate(1, 41, proto.OutcomeFail)
	until(f.Fixture, "outcome:fail", "S-1")
	v := f.Want(200, "GET", path("/counts", ""), nil)
	edr := v["checks"].([]any)[0].(map[string]any)
	some := v["some"].(map[string]any)
	if v["devices"] != 2.0 || edr["fail"] != 1.0 || edr["unknown"] != 1.0 || edr["pass"] != 0.0 || some["fail"] != 1.0 ||
		some["unknown"] != 1.0 || some["held"] != 0.0 || v["revoked"] != 0.0 {
		t.Errorf("%v", v)
	}
	if v := f.Want(200, "GET", path("/counts", "tablet"), nil); v["devices"] != 1.0 {
		t.Errorf("%v", v)
	}
	f.Want(200, "POST", "/devices/physical-devices/"+f.Devices[0].String()+"/revoke", map[string]any{})
	v = f.Want(200, "GET", path("/counts", "revoked:yes OR revoked:no"), nil)
	if v["devices"] != 2.0 || v["revoked"] != 1.0 || v["some"].(map[string]any)["fail"] != 0.0 {
		t.Errorf("with a revoked device: %v", v)
	}
}

// A response that may be outdated says how many pages are, and they are read in the background.
func TestOutdated(t *testing.T) {
	fleet.SetMaxWait(t, -time.Second)
	f := newFleet(t)
	serials(f.Fixture, "") // reads the columns
	f.Evaluate(1, 41, proto.OutcomeFail)
	bustest.Eventually(t, "the page is known to be outdated", func() bool {
		list, info := f.List(path("", "outcome:fail", "&outdated=1"))
		if info["outdated_pages"] == 1.0 && len(list) != 0 {
			t.Errorf("an outdated page has the new outcome: %v", list)
		}
		return info["outdated_pages"] == 1.0
	})
	bustest.Eventually(t, "the page was read in the background", func() bool {
		list, info := f.List(path("", "outcome:fail", "&outdated=1"))
		return len(list) == 1 && info["outdated_pages"] == 0.0
	})
}

// A response that may be outdated has the new results at once if they are few.
func TestNewResultsWithinTheWait(t *testing.T) {
	fleet.SetMaxWait(t, time.Hour)
	f := newFleet(t)
	serials(f.Fixture, "")
	f.Evaluate(1, 41, proto.OutcomeFail)
	bustest.Eventually(t, "the new outcome is found", func() bool {
		list, info := f.List(path("", "outcome:fail", "&outdated=1"))
		if info["outdated_pages"] != 0.0 {
			t.Errorf("outdated: %v", info)
		}
		return len(list) == 1
	})
}

func TestExport(t *testing.T) {
	f := newFleet(t)
	f.Import("text/csv", "serial_number,hostname\nS-3,=1+cmd\n")
	f.Evaluate(1, 41, proto.OutcomeFail)
	until(f.Fixture, "outcome:fail", "S-1")
	get := func(format, filter string) (string, string) {
		t.Helper()
		w := httptest.NewRecorder()
		f.Handler.ServeHTTP(w, f.Request("GET", f.Path(path("/export", filter, "&format="+format)), nil))
		if w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Body.String(), w.Header().Get("Content-Type")
	}
	text, kind := get("csv", "")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 4 || kind != "text/csv; charset=utf-8" || rows[0][11] != "check: Healthy" {
		t.Fatalf("%v, %s, %q", err, kind, rows)
	}
	for _, row := range rows[1:] {
		switch row[3] {
		case "S-1":
			if row[1] != "laptop-1" || row[2] != "Ann@example.com" || row[9] != "41" || row[11] != "fail" {
				t.Errorf("%q", row)
			}
		case "S-3":
			if row[1] != "'=1+cmd" || row[11] != "unknown" || row[9] != "" {
				t.Errorf("%q", row)
			}
		}
	}
	text, kind = get("ndjson", "score=41")
	var d struct {
		ID     proto.ID `json:"device_id"`
		Score  int      `json:"score"`
		Checks []struct{ Outcome string }
	}
	err = json.Unmarshal([]byte(text), &d)
	if err != nil || kind != "application/x-ndjson" || d.ID != f.Devices[0] ||
		d.Score != 41 || d.Checks[0].Outcome != "fail" {
		t.Errorf("%v, %s, %s", err, kind, text)
	}
	if text, _ := get("ndjson", "nothing"); text != "" {
		t.Errorf("%q", text)
	}
	if text, _ := get("csv", "nothing"); strings.Count(text, "\n") != 1 {
		t.Errorf("%q", text)
	}
}

// Hostile names of checks and devices stay text.
func TestHostileNames(t *testing.T) {
	f := newFleet(t)
	const name = `"><script>alert(1)</script>`
	f.Want(200, "PUT", "/devices/posture/"+f.Check.String(),
		apitest.With(apitest.CheckBody(f.Integration), "name", name))
	quoted := `check:"` + strings.ReplaceAll(name, `"`, `\"`) + `"=unknown`
	until(f.Fixture, quoted, "S-1", "S-2")
	message := f.WantError(400, 12130, "GET", path("", "check:Healthy=fail"), nil)
	if !strings.Contains(message, "use one of") {
		t.Error(message)
	}
}

// An unreadable page of results counts as unknown.
func TestUnreadableEntry(t *testing.T) {
	f := newFleet(t)
	f.Evaluate(1, 90, proto.OutcomePass)
	until(f.Fixture, "outcome:pass", "S-1")
	if _, err := f.Conn.JetStream().PublishMsg(t.Context(), &nats.Msg{Subject: topology.Log(f.Page()),
		Data: []byte("broken"), Header: nats.Header((&proto.Entry{Tick: 2}).Headers(nil))}); err != nil {
		t.Fatal(err)
	}
	until(f.Fixture, "outcome:unknown", "S-1", "S-2")
}

// stuckWriter is the connection of a client that reads nothing. The first write announces itself and waits for the end.
type stuckWriter struct {
	*httptest.ResponseRecorder
	stuck chan<- struct{}
	end   <-chan struct{}
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	w.stuck <- struct{}{}
	<-w.end
	return len(b), nil
}

// TestSlowExportsHoldNoPlace checks that downloads that nobody reads keep nobody from searching.
func TestSlowExportsHoldNoPlace(t *testing.T) {
	f := newFleet(t)
	until(f.Fixture, "-zzz", "S-1", "S-2")
	const downloads = 8 // more than there are places
	stuck, end := make(chan struct{}, 2*downloads), make(chan struct{})
	var all sync.WaitGroup
	for range downloads {
		all.Go(func() {
			w := &stuckWriter{httptest.NewRecorder(), stuck, end}
			f.Handler.ServeHTTP(w, f.Request("GET", f.Path(path("/export", "-zzz", "&format=ndjson")), nil))
		})
	}
	defer all.Wait()
	defer close(end)
	for n := range downloads {
		select {
		case <-stuck:
		case <-time.After(time.Minute):
			t.Fatalf("only %d of %d downloads began", n, downloads)
		}
	}
	if got := serials(f.Fixture, "-zzz"); !slices.Equal(got, []string{"S-1", "S-2"}) {
		t.Errorf("%q", got)
	}
}
