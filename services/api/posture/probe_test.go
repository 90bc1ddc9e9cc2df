package posture_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestTestAndSave(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.ProbeTimeout, c.FreeSecretHost = 10*time.Second, true })
	for _, c := range []struct {
		poll proto.Poll
		says string
	}{
		{proto.Poll{Error: proto.ReasonAuthFailed, Status: 403, Detail: "the API answered 403"},
			"invalid posture integration request: invalid credentials: the API answered 403"},
		{proto.Poll{Error: proto.ReasonBadResponse, Detail: "the answer is not JSON"},
			"(bad_response): the answer is not JSON"},
		{proto.Poll{Error: proto.ReasonTimeout}, "(timeout)"},
	} {
		f.Fetcher.Answer(c.poll)
		if says := f.WantError(400, v4.CodeIntegration, "POST", "/devices/posture/integration",
			apitest.IntegrationBody()); !strings.Contains(says, c.says) {
			t.Errorf("says %q", says)
		}
	}
	if all := f.Do("GET", "/devices/posture/integration", nil); string(all.Result) != "[]" {
		t.Errorf("stored all the same: %s", all.Body)
	}
	f.Fetcher.Answer(proto.Poll{})
	made := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	f.Fetcher.Answer(proto.Poll{Error: proto.ReasonAPIError, Detail: "refused"})
	path := "/devices/posture/integration/" + apitest.Text(made, "id")
	f.WantError(400, v4.CodeIntegration, "PATCH", path, `{"config":{"api_url":"https://other.example.com"}}`)
	if storedIntegration(f, apitest.Text(made, "id")).APIURL != apitest.APIURL {
		t.Error("a change that was refused is stored")
	}
	f.Want(200, "PATCH", path, `{"name":"works without a test"}`)

	if err := f.Fetcher.Stop(); err != nil {
		t.Fatal(err)
	}
	r := f.Do("POST", "/devices/posture/integration", apitest.IntegrationBody())
	if r.Status != 503 || r.Header.Get("X-Should-Retry") != "false" ||
		!strings.Contains(r.Errors[0].Message, "no fetcher is running") {
		t.Errorf("without a fetcher: %d %s %v", r.Status, r.Body, r.Header)
	}
}

func TestSilentFetcher(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.ProbeTimeout = 50 * time.Millisecond })
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	f.Fetcher.Before(func() { <-hold })
	r := f.Do("POST", "/devices/posture/integration", apitest.IntegrationBody())
	if r.Status != 503 || r.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

func TestIntegrationSecretStaysWithItsHost(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	path := "/devices/posture/integration/" +
		apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	f.Want(200, "PATCH", path, `{"config":{"api_url":"https://SCORES.example.com/other"}}`)
	for _, other := range []string{"https://evil.example.com/other", "http://scores.example.com/other",
		"https://scores.example.com:8443/other"} {
		f.WantError(400, v4.CodeIntegration, "PATCH", path, `{"config":{"api_url":"`+other+`"}}`)
	}
	if seen := len(f.Fetcher.Probes()); seen != 2 {
		t.Errorf("%d test calls: a URL that was refused was called with the secret", seen)
	}
	f.Want(200, "PATCH", path, `{"config":{"api_url":"https://other.example.com","access_client_secret":"again"}}`)

	free := apitest.Start(t, func(c *api.Config) { c.FreeSecretHost = true })
	path = "/devices/posture/integration/" +
		apitest.Text(free.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	free.Want(200, "PATCH", path, `{"config":{"api_url":"https://other.example.com"}}`)
}

// TestConcurrentChangesOfAnIntegration changes several members of an integration at the same moment: every change is
// stored.
func TestConcurrentChangesOfAnIntegration(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	path := "/devices/posture/integration/" + apitest.Text(made, "id")
	second := f.Replica()
	var editors sync.WaitGroup
	for n, body := range []string{`{"name":"by the first"}`, `{"interval":"3h"}`, `{"x_concurrency":17}`,
		`{"config":{"access_client_secret":"new"}}`} {
		one := f.At([]*api.Service{f.API, second}[n%2])
		editors.Go(func() {
			if r := one.Do("PATCH", path, body); r.Status != 200 {
				t.Errorf("%s: %d %s", body, r.Status, r.Body)
			}
		})
	}
	editors.Wait()
	got := storedIntegration(f, apitest.Text(made, "id"))
	if got.Name != "by the first" || got.Interval != 3*time.Hour || got.Concurrency != 17 || secretOf(f, got) != "new" {
		t.Errorf("an edit is lost: %+v", got)
	}
}

// TestAChangeDuringTheTest changes an integration while its scoring API is being tested: both changes are stored, and
// the test is repeated only if the tested members have changed.
func TestAChangeDuringTheTest(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	path := "/devices/posture/integration/" + apitest.Text(made, "id")
	f.Fetcher.Before(func() {
		if r := f.Do("PATCH", path, `{"name":"meanwhile"}`); r.Status != 200 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	})
	f.Want(200, "PATCH", path, `{"config":{"access_client_secret":"new"}}`)
	if got := storedIntegration(f, apitest.Text(made, "id")); got.Name != "meanwhile" || secretOf(f, got) != "new" {
		t.Errorf("stored %+v", got)
	}
	if n := len(f.Fetcher.Probes()); n != 2 {
		t.Errorf("%d tests", n)
	}
}
