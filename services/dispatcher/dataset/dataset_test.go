package dataset

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

// cloudflare lists the fields that Cloudflare documents for each dataset.
var cloudflare = map[string]string{
	PostureResults: "ClientVersion DeviceID DeviceManufacturer DeviceModel DeviceName DeviceSerialNumber DeviceType " +
		"Email OSVersion PolicyID PostureCheckName PostureCheckType PostureEvaluatedResult PostureExpectedJSON " +
		"PostureReceivedJSON RegistrationID Timestamp UserUID",
	AccessRequests: "Action Allowed AppDomain AppUUID Connection Country CreatedAt Email IPAddress " +
		"PurposeJustificationPrompt PurposeJustificationResponse RayID TemporaryAccessApprovers TemporaryAccessDuration " +
		"UserUID",
}

func TestFieldsAreCloudflares(t *testing.T) {
	for _, name := range Names() {
		var names []string
		for _, f := range Fields(name) {
			names = append(names, f.Name)
			if f.Sourced != (f.value != nil) || f.Type == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if got := strings.Join(names, " "); got != cloudflare[name] {
			t.Errorf("%s: %s", name, got)
		}
	}
	if len(Names()) != len(cloudflare) {
		t.Error(Names())
	}
}

var (
	account = proto.Account{1}
	device  = proto.ID{0xde}
	other   = proto.ID{0xdf}
	removed = proto.ID{0xe0}
)

func change() Change {
	return Change{Ref: topology.ChangeRef{Account: account, Check: proto.ID{0xc}, Outcome: proto.OutcomeFail}, Seq: 7,
		Check: &proto.Check{Name: "Score <at least> 80", Type: "custom_s2s", Integration: proto.ID{0x1},
			Operator: proto.OpGreaterEqual, Score: 80},
		Change: &proto.Change{At: 1769846400123, Devices: []proto.ChangedDevice{
			{Device: device, From: proto.OutcomePass, Reason: proto.ReasonScore, Score: 41},
			{Device: other, Reason: proto.ReasonMissing, Score: proto.NoScore, Differs: true, Observed: proto.OutcomeUnknown},
			{Device: removed, Reason: proto.ReasonRemoved, Score: proto.NoScore}}},
		Devices: map[proto.ID]*proto.Device{device: {ID: device, Email: "a@example.com", Hostname: "a\nb", Serial: "S1"}}}
}

func request() *proto.Authentication {
	return &proto.Authentication{Account: account, At: 1769846400123, Application: proto.ID{0xa}, Allowed: true,
		Action: proto.ActionLogin, Host: "app.example.com", User: proto.ID{0xb}, Email: "a@example.com", IDP: proto.ID{0x2},
		IP: "192.0.2.1", Ray: "ray1", Country: "CH", Count: 3}
}

func render(t *testing.T, u proto.Upload) []byte {
	t.Helper()
	l, err := New(&u)
	if err != nil {
		t.Fatal(err)
	}
	if u.Dataset == PostureResults {
		text, n, err := l.OfChange(change())
		if err != nil || n != bytes.Count(text, []byte("\n")) {
			t.Fatal(n, err)
		}
		return text
	}
	text, n, err := l.OfAccess(request(), 1)
	service := &proto.Authentication{At: 1769846400123, Application: proto.ID{0xa}, Action: proto.ActionService}
	more, m, err2 := l.OfAccess(service, 2)
	if n != 1 || m != 1 || err != nil || err2 != nil {
		t.Fatal(n, m, err, err2)
	}
	return append(text, more...)
}

// Every field of every dataset, with its value.
func TestLines(t *testing.T) {
	for _, name := range Names() {
		text := render(t, proto.Upload{Dataset: name})
		golden(t, name+".ndjson", text)
		for line := range strings.Lines(string(text)) {
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(line), &members); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			for _, f := range Fields(name) {
				value, present := members[f.Name]
				if !present || !f.Sourced && string(value) != "null" {
					t.Errorf("%s: %s is %s", name, f.Name, value)
				}
			}
		}
	}
}

func TestSelectedFieldsInTheirOrder(t *testing.T) {
	got := render(t, proto.Upload{Dataset: AccessRequests, Fields: []string{"RayID", "Action"}})
	if want := `{"RayID":"ray1","Action":"login"}` + "\n" + `{"RayID":null,"Action":"login"}` + "\n"; string(got) != want {
		t.Errorf("%s", got)
	}
}

func TestTimeFormats(t *testing.T) {
	for format, want := range map[string]string{"": "1769846400123000000", UnixNano: "1769846400123000000",
		Unix: "1769846400", RFC3339: `"2026-01-31T08:00:00Z"`} {
		for dataset, field := range map[string]string{PostureResults: "Timestamp", AccessRequests: "CreatedAt"} {
			text := render(t, proto.Upload{Dataset: dataset, Fields: []string{field}, TimeFormat: format})
			line, _, _ := strings.Cut(string(text), "\n")
			if line != fmt.Sprintf("{%q:%s}", field, want) {
				t.Errorf("%q: %s", format, line)
			}
		}
	}
}

func TestUnsupportedSettings(t *testing.T) {
	for want, u := range map[string]proto.Upload{
		"datasets are access_requests": {Dataset: "http_requests"},
		"datasets are":                 {},
		"has no field":                 {Dataset: AccessRequests, Fields: []string{"Timestamp"}},
		"duplicate field":              {Dataset: AccessRequests, Fields: []string{"RayID", "RayID"}},
		"formats are":                  {Dataset: AccessRequests, TimeFormat: "rfc3339ns"},
		"sample_rate":                  {Dataset: AccessRequests, SampleRate: 1.01},
		"sample_rate must":             {Dataset: AccessRequests, SampleRate: -0.1},
	} {
		if err := Check(&u); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", u, err)
		}
	}
}

// A sample has about its share of the lines, and the same ones each time.
func TestSample(t *testing.T) {
	const all = 10_000
	for _, rate := range []float64{0.01, 0.25, 0.9} {
		l, err := New(&proto.Upload{Dataset: AccessRequests, SampleRate: rate})
		if err != nil {
			t.Fatal(err)
		}
		draw := func() (seqs []int) {
			for seq := range all {
				if _, n, err := l.OfAccess(request(), uint64(seq)); err != nil {
					t.Fatal(err)
				} else if n == 1 {
					seqs = append(seqs, seq)
				}
			}
			return seqs
		}
		first := draw()
		if share := float64(len(first)) / all; share < rate-0.02 || share > rate+0.02 || !slices.Equal(first, draw()) {
			t.Errorf("rate %v: %v", rate, share)
		}
	}
}
