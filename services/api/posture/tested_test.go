package posture_test

import (
	"slices"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

const testPath = "/plumbline/integrations/test"

// report returns what a fetcher reports about scores of the first devices of the first page.
func report(devices []proto.Device, scores ...int) *proto.ProbeReport {
	r := &proto.ProbeReport{
		Request: proto.ProbeMessage{Method: "POST", URL: apitest.APIURL, Body: []byte(`{"devices":[]}`), Size: 14,
			Header: []proto.ProbeHeader{{Name: "Cf-Access-Client-Secret", Value: proto.Hidden}}},
		Credential: proto.ProbeCredential{Sent: true, Detail: "No application covers this URL."},
		Connection: &proto.ProbeConnection{Address: "192.0.2.1:443", Connected: 18e6, TLSVersion: "TLS 1.3",
			Certificate: &proto.ProbeCertificate{Subject: "CN=a", NotAfter: 1_900_000_000_000, Trusted: true}},
		Response: &proto.ProbeMessage{Body: []byte("\xff</script>"), Size: 10, Withheld: "It is internal."},
		Status:   200, Protocol: "HTTP/2.0",
		Took: 142e6, Result: &proto.Input{},
	}
	for n, score := range scores {
		o := proto.Observation{Device: devices[n].ID, Score: score}
		switch score {
		case proto.NoScore:
			o.Problem = proto.ReasonMissing
		case proto.NoScore - 1:
			o.Score, o.Problem = proto.NoScore, proto.ReasonInvalidScore
		}
		r.Result.Observations = append(r.Result.Observations, o)
	}
	return r
}

// enrolled stores a page of devices and returns them in the order of the inventory.
func enrolled(f *apitest.Fixture) []proto.Device {
	f.T.Helper()
	f.StorePages(1)
	list := f.Want(200, "POST", testPath, map[string]any{"integration": apitest.IntegrationBody()})
	var p proto.Page
	if _, err := f.Conn.Get(f.T.Context(), topology.Devices, topology.PageKey(f.Account, 0), &p); err != nil {
		f.T.Fatal(err)
	}
	byID := map[string]proto.Device{}
	for _, d := range p.Devices {
		byID[d.ID.String()] = d
	}
	var first []proto.Device
	for _, d := range list["devices"].([]any) {
		first = append(first, byID[apitest.Text(d.(map[string]any), "device_id")])
	}
	if len(first) != 5 {
		f.T.Fatalf("%d devices are asked about", len(first))
	}
	return first
}

func TestTestOfAStoredIntegration(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	devices := enrolled(f)
	made := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	id := apitest.Text(made, "id")
	check := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(id))
	before := storedIntegration(f, id)
	f.Fetcher.Report(report(devices, 100, 0, proto.NoScore, proto.NoScore-1, 100))
	v := f.Want(200, "POST", testPath, map[string]any{"integration_id": id,
		"integration": map[string]any{"interval": "1h", "config": map[string]any{"api_url": apitest.APIURL + "/other"}}})
	probes := f.Fetcher.Probes()
	p := probes[len(probes)-1]
	if !p.Report || p.APIURL != apitest.APIURL+"/other" || p.Integration != before.ID || len(p.Page.Devices) != 5 ||
		string(p.SealedSecret) != string(before.SealedSecret) || p.ConfigRevision == 0 {
		t.Errorf("asked %+v", p)
	}
	if got := storedIntegration(f, id); got.APIURL != before.APIURL || got.Interval != before.Interval {
		t.Errorf("the test saved %+v", got)
	}
	for name, want := range map[string]any{"asked": 5.0, "answered": 3.0, "missing": 1.0, "invalid": 1.0, "error": ""} {
		if v[name] != want {
			t.Errorf("%s is %v, want %v", name, v[name], want)
		}
	}
	var outcomes []string
	for _, d := range v["devices"].([]any) {
		decision := d.(map[string]any)["checks"].([]any)[0].(map[string]any)
		if decision["check_id"] != check["id"] {
			t.Errorf("decided by %v", decision)
		}
		outcomes = append(outcomes, decision["outcome"].(string)+" "+decision["reason"].(string))
	}
	const all = "pass score, fail score, unknown missing, unknown invalid_score, pass score"
	if got := strings.Join(outcomes, ", "); got != all {
		t.Errorf("outcomes %s", got)
	}
	connection, credential := v["connection"].(map[string]any), v["credential"].(map[string]any)
	if connection["connected_ms"] != 18.0 || connection["certificate"].(map[string]any)["trusted"] != true ||
		credential["kind"] != "service_credentials" || credential["status"] != "accepted" {
		t.Errorf("%v, %v", connection, credential)
	}
	if body := v["response"].(map[string]any)["body"]; body != "\uFFFD</script>" {
		t.Errorf("body %q", body)
	}
	if why := v["response"].(map[string]any)["withheld"]; why != "It is internal." {
		t.Errorf("withheld %q", why)
	}
	if !slices.ContainsFunc(f.Events(), func(e *proto.AuditEvent) bool {
		return e.Action == "test" && e.Resource == id && strings.Contains(string(e.After), `"devices":5`)
	}) {
		t.Error("the test is not in the audit log")
	}
}

// The secret of a test goes to the same hosts as the secret of a saved integration.
func TestTestKeepsASecretWithItsHost(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	id := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	before := len(f.Fetcher.Probes())
	for _, url := range []string{"https://evil.example.com/", "http://scores.example.com/",
		"https://scores.example.com:8443/", "https://scores.example.com.evil.example.com/"} {
		f.WantError(400, v4.CodeIntegration, "POST", testPath,
			map[string]any{"integration_id": id, "integration": map[string]any{"config": map[string]any{"api_url": url}}})
	}
	f.WantError(400, v4.CodeIntegration, "POST", testPath, map[string]any{"integration": apitest.Changed(
		apitest.IntegrationBody(), func(_, c map[string]any) { delete(c, "access_client_secret") })})
	if n := len(f.Fetcher.Probes()); n != before {
		t.Errorf("%d calls were made with the secret", n-before)
	}
	f.Want(200, "POST", testPath, map[string]any{"integration_id": id, "integration": map[string]any{
		"config": map[string]any{"api_url": "https://other.example.com", "access_client_secret": "another"}}})
	probes := f.Fetcher.Probes()
	if p := probes[len(probes)-1]; secretOf(
		f,
		proto.Integration{ID: p.Integration, SealedSecret: p.SealedSecret},
	) != "another" {
		t.Errorf("tested with another secret: %+v", p)
	}
	if got := storedIntegration(f, id); secretOf(f, got) != apitest.Secret {
		t.Error("the test saved its secret")
	}
}

func TestTestRequests(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	devices := enrolled(f)
	unknown := proto.NewID().String()
	for name, body := range map[string]any{
		"nothing":            `{}`,
		"no body":            ``,
		"an id that is none": `{"integration_id":"x"}`,
		"too many devices":   map[string]any{"integration": apitest.IntegrationBody(), "device_ids": make([]string, 101)},
		"devices as text":    map[string]any{"integration": apitest.IntegrationBody(), "device_ids": "x"},
		"a device that is no id": map[string]any{"integration": apitest.IntegrationBody(),
			"device_ids": []string{devices[0].ID.String(), "x"}},
		"an unknown device": map[string]any{"integration": apitest.IntegrationBody(), "device_ids": []string{unknown}},
	} {
		if says := f.WantError(400, v4.CodeInvalid, "POST", testPath, body); name == "an unknown device" &&
			!strings.Contains(says, "device_ids[0]") {
			t.Errorf("%s: %s", name, says)
		}
	}
	f.WantError(404, v4.CodeUnknownIntegration, "POST", testPath, `{"integration_id":"`+unknown+`"}`)
	f.WantError(400, v4.CodeIntegration, "POST", testPath, map[string]any{"integration": apitest.Changed(
		apitest.IntegrationBody(), func(b, _ map[string]any) { b["type"] = "kolide" })})
	for n, ids := range map[int][]string{0: {}, 2: {devices[3].ID.String(), devices[1].ID.String()}} {
		v := f.Want(200, "POST", testPath, map[string]any{"integration": apitest.IntegrationBody(), "device_ids": ids})
		probes := f.Fetcher.Probes()
		if got := len(probes[len(probes)-1].Page.Devices); got != n || v["asked"] != float64(n) {
			t.Errorf("%d devices were asked about, want %d: %v", got, n, v["asked"])
		}
	}
}

func TestFailedTestIsAResult(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	devices := enrolled(f)
	f.Fetcher.Answer(proto.Poll{Error: proto.ReasonAuthFailed, Status: 403, Detail: "The API answered 403 Forbidden."})
	r := report(devices)
	r.Status, r.Result, r.Credential = 403, nil, proto.ProbeCredential{Sent: true, Refused: true}
	f.Fetcher.Report(r)
	v := f.Want(200, "POST", testPath, map[string]any{"integration": apitest.IntegrationBody()})
	if v["error"] != "auth_failed" || v["detail"] != "The API answered 403 Forbidden." || v["missing"] != 0.0 ||
		v["credential"].(map[string]any)["status"] != "refused" ||
		v["devices"].([]any)[0].(map[string]any)["problem"] != "auth_failed" {
		t.Errorf("%v", v)
	}
	f.Fetcher.Report(nil)
	v = f.Want(200, "POST", testPath, map[string]any{"integration": apitest.IntegrationBody()})
	if v["connection"] != nil || v["response"] != nil || v["request"] != nil || v["credential"] != nil {
		t.Errorf("without a report: %v", v)
	}
	f.Fetcher.Answer(proto.Poll{})
	if says := f.WantError(503, v4.CodeUnavailable, "POST", testPath,
		map[string]any{"integration": apitest.IntegrationBody()}); !strings.Contains(says, "earlier version") {
		t.Error(says)
	}
	if err := f.Fetcher.Stop(); err != nil {
		t.Fatal(err)
	}
	if says := f.WantError(503, v4.CodeUnavailable, "POST", testPath,
		map[string]any{"integration": apitest.IntegrationBody()}); !strings.Contains(says, "no fetcher is running") {
		t.Error(says)
	}
}

// A test needs permission to change integrations, and to read what its result shows.
func TestPermissionForTests(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for _, c := range []struct {
		want   int
		groups []string
	}{
		{403, nil},
		{403, []string{"Access: Device Posture Read", "Devices Read", "Posture Results Read"}},
		{403, []string{"Access: Device Posture Write", "Posture Results Read"}},
		{403, []string{"Access: Device Posture Write", "Devices Read"}},
		{200, []string{"Access: Device Posture Write", "Devices Read", "Posture Results Read"}},
	} {
		var ids []string
		for _, name := range c.groups {
			ids = append(ids, apitest.GroupID(name))
		}
		token := f.StoreToken(nil, ids...)
		if r := f.As(token, "POST", testPath, map[string]any{"integration": apitest.IntegrationBody()}); r.Status != c.want {
			t.Errorf("%v: %d %s, want %d", c.groups, r.Status, r.Body, c.want)
		}
	}
}

func TestTestsAreBounded(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	body := map[string]any{"integration": apitest.IntegrationBody()}
	statuses := map[int]int{}
	for range 12 {
		statuses[f.Do("POST", testPath, body).Status]++
	}
	if statuses[200] != 10 || statuses[429] != 2 {
		t.Errorf("of 12 tests at one time: %v", statuses)
	}
}
