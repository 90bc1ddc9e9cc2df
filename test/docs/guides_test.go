package docs

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline.dev/test/internal/stack"
)

const scoringAPI = "deploy/guides/scoring-api.md"

// TestScoringAPIInGo connects the guide's API as the guide says, and polls it.
func TestScoringAPIInGo(t *testing.T) {
	scoring(t, []string{build(t, "services", text(t, scoringAPI, "scorer-go"))})
}

// scoring runs the guide with an API started by a command.
func scoring(t *testing.T, command []string) {
	t.Helper()
	f := newFixture(t)
	addr, err := stack.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	f.with("https://scores.example.com/", "http://"+addr+"/", "scores.example.com", addr)
	f.write(t, "fleet.csv", fleet)
	f.up(t)
	f.run(t, "import", "./plumb devices import fleet.csv")
	_, aud, found := strings.Cut(f.run(t, "connect", text(t, scoringAPI, "connect")), `"aud": "`)
	if !found || len(aud) < 64 {
		t.Fatalf("the guide shows no AUD: %s", aud)
	}
	stack.Start(t, stack.Command{Name: "scoring API", Path: command[0], Args: command[1:], Dir: f.dir,
		Env: []string{"TEAM=" + f.plumb.Issuer(), "AUD=" + aud[:64], "ADDR=" + addr, "NO_PROXY=*"}})
	stack.Until(t, soon, "the API refuses a request without a token", func() error {
		resp, err := http.Post("http://"+addr+"/", "application/json", strings.NewReader(`{"devices":[]}`))
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Fatalf("a request without a token was answered with %s", resp.Status)
		}
		return nil
	})
	f.run(t, "integrate", text(t, scoringAPI, "integrate"))
	results := f.run(t, "results", "./plumb results 11111111-1111-4111-8111-111111111111")
	if !strings.Contains(results, "pass") || !strings.Contains(results, "80") {
		t.Errorf("the poll led to %s", results)
	}
}

const guide = "deploy/guides/from-cloudflare.md"

// TestFromCloudflare moves an account as the guide says. Another installation is the account at Cloudflare.
func TestFromCloudflare(t *testing.T) {
	theirs, ours := newFixture(t), newFixture(t)
	scores := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(scores.Close)
	theirs.up(t)
	ours.up(t)
	theirs.with("SCORES", scores.URL, "HOST", strings.TrimPrefix(scores.URL, "http://"))
	theirs.run(t, "an account", `
./plumb token create --name fetchers --secret-file fetchers.secret
CLIENT_ID=$(./plumb token show fetchers -o json | sed -n 's/.*"client_id": *"\([^"]*\)".*/\1/p')
./plumb app create --name scores --domain HOST --allow fetchers
./plumb integration create --name EDR --api-url SCORES/ --client-id "$CLIENT_ID" --client-secret-file fetchers.secret
./plumb check create --name healthy --integration EDR --operator '>=' --score 60
./plumb policy create --name staff --decision allow --include email_domain=example.com --require device_posture=healthy
./plumb app create --name wiki --domain wiki.example.com --policy staff
`)
	ours.write(t, "cloudflare.token", theirs.read(t, "plumb-data/api-token"))
	ours.with("0123456789abcdef0123456789abcdef", theirs.read(t, "plumb-data/account-id"))
	ours.run(t, "import", text(t, guide, "import"), "PLUMB_CLOUDFLARE_URL=http://"+theirs.plumb.API)

	// The secrets that the reader adds to the files, because no API returns them.
	secret := theirs.read(t, "fetchers.secret")
	var env []string
	for _, name := range variables(ours.run(t, "files", "cat access/*.yaml")) {
		env = append(env, name+"="+secret)
	}
	if len(env) == 0 {
		t.Error("the files ask for no secret")
	}
	ours.run(t, "apply", text(t, guide, "move"), env...)
	ours.run(t, "files", text(t, "services/plumb/README.md", "apply"), env...)
	if apps := ours.run(t, "curl", text(t, guide, "curl")); !strings.Contains(apps, `"wiki.example.com"`) {
		t.Errorf("the applications are %s", apps)
	}
	ours.write(t, "terraform.tfstate", `{"version":4,"terraform_version":"1.11.4","resources":[{"mode":"managed",
"type":"cloudflare_zero_trust_access_tag","name":"it","provider":"provider[\"registry.terraform.io/cloudflare/cloudflare\"]",
"instances":[{"attributes":{"account_id":"0123456789abcdef0123456789abcdef","name":"it"}}]}]}`)
	if ours.run(t, "state",
		text(t, guide, "import-state")); !strings.Contains(ours.run(t, "tags", "cat from-state/*.yaml"), "it") {
		t.Error("the state's tag is not in the files")
	}
}
