//go:build terraform

package terraform

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/test/internal/stack"
)

// zone is a namespace of the account, with the hosts of example.com.
const zone = "00112233445566778899aabbccddeeff"

// fixture is an installation, and how terraform is run against it.
type fixture struct {
	terraform string
	env       []string
	account   string
	control   *stack.Control
}

func start(t *testing.T) *fixture {
	t.Helper()
	w := &fixture{terraform: program(t)}
	dir := provider(t)
	p := stack.Up(t, "--zone", zone+"=example.com")
	control, err := p.Control()
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string { return strings.TrimSpace(file(t, filepath.Join(p.Data, name))) }
	w.control, w.account = control, read("account-id")
	config := filepath.Join(t.TempDir(), "terraformrc")
	// With the empty direct block, any other provider fails at once, without network access.
	text := fmt.Sprintf(
		"provider_installation {\n  dev_overrides {\n    \"cloudflare/cloudflare\" = %q\n  }\n  direct {}\n}\n", dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// A scoring API for any credentials; it is never asked about a device.
	scorer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"result":{}}`)
	}))
	t.Cleanup(scorer.Close)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TF_") && !strings.HasPrefix(v, "CLOUDFLARE_") {
			w.env = append(w.env, v)
		}
	}
	w.env = append(w.env, "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"CLOUDFLARE_BASE_URL=http://"+p.API+"/client/v4", "CLOUDFLARE_API_TOKEN="+read("api-token"),
		"TF_VAR_account="+w.account, "TF_VAR_zone="+zone, "TF_VAR_scorer="+scorer.URL)
	return w
}

// workspace is a directory with a configuration and a state.
type workspace struct {
	*fixture
	t   *testing.T
	dir string
}

func (w *fixture) workspace(t *testing.T) *workspace {
	s := &workspace{w, t, t.TempDir()}
	s.write("provider.tf", file(t, "testdata/provider.tf"))
	return s
}

// file is the text of a file.
func file(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *workspace) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs terraform and returns its output, and an error containing it.
func (s *workspace) run(args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), s.terraform, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("terraform %s: %w\n%s%s", args[0], err, out, failed.String())
	}
	return string(out), err
}

func (s *workspace) must(args ...string) string {
	s.t.Helper()
	out, err := s.run(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *workspace) apply(more ...string) {
	s.t.Helper()
	s.must(append([]string{"apply", "-auto-approve", "-input=false", "-no-color"}, more...)...)
}

func (s *workspace) destroy() {
	s.t.Helper()
	s.must("destroy", "-auto-approve", "-input=false", "-no-color")
}

// change is a planned change of a resource: the paths of the changed attributes, with both values.
type change struct {
	address    string
	actions    []string
	attributes map[string]string
}

func (c change) String() string {
	text := fmt.Sprintf("%s: %v", c.address, c.actions)
	for _, path := range slices.Sorted(maps.Keys(c.attributes)) {
		text += "\n    " + path + ": " + c.attributes[path]
	}
	return text
}

// plan returns the planned changes.
func (s *workspace) plan() []change {
	s.t.Helper()
	s.must("plan", "-input=false", "-no-color", "-out=plan")
	var plan struct {
		ResourceChanges []struct {
			Address string
			Change  struct {
				Actions       []string
				Before, After any
				AfterUnknown  any `json:"after_unknown"`
			}
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal([]byte(s.must("show", "-json", "plan")), &plan); err != nil {
		s.t.Fatal(err)
	}
	var all []change
	for _, r := range plan.ResourceChanges {
		if slices.Equal(r.Change.Actions, []string{"no-op"}) || slices.Equal(r.Change.Actions, []string{"read"}) {
			continue
		}
		c := change{r.Address, r.Change.Actions, map[string]string{}}
		compare("", r.Change.Before, r.Change.After, r.Change.AfterUnknown, c.attributes)
		all = append(all, c)
	}
	return all
}

// compare collects the differing leaves of two values, including leaves not yet known.
func compare(path string, before, after, unknown any, into map[string]string) {
	if unknown == true {
		into[path] = fmt.Sprintf("%v -> (known after apply)", before)
		return
	}
	b, isMap := before.(map[string]any)
	a, both := after.(map[string]any)
	if isMap && both {
		u, _ := unknown.(map[string]any)
		names := maps.Clone(a)
		maps.Copy(names, b)
		maps.Copy(names, u)
		for name := range names {
			compare(strings.TrimPrefix(path+"."+name, "."), b[name], a[name], u[name], into)
		}
		return
	}
	if old, now := fmt.Sprint(before), fmt.Sprint(after); old != now {
		into[path] = old + " -> " + now
	}
}

// unchanged fails the test if terraform plans a change.
func (s *workspace) unchanged(when string) {
	s.t.Helper()
	for _, c := range s.plan() {
		s.t.Errorf("%s, the plan is not empty: %v", when, c)
	}
}

// managed is a resource of a state.
type managed struct {
	Address, Type string
	Values        map[string]any
}

func (s *workspace) resources() []managed {
	s.t.Helper()
	var state struct {
		Values struct {
			Root struct {
				Resources []struct {
					managed
					Mode string
				}
			} `json:"root_module"`
		}
	}
	if err := json.Unmarshal([]byte(s.must("show", "-json")), &state); err != nil {
		s.t.Fatal(err)
	}
	var all []managed
	for _, r := range state.Values.Root.Resources {
		if r.Mode == "managed" {
			all = append(all, r.managed)
		}
	}
	return all
}

func (m managed) text(name string) string {
	v, _ := m.Values[name].(string)
	return v
}

// importID returns the id for an import of a resource.
func (m managed) importID() string {
	account, id := m.text("account_id"), m.text("id")
	switch strings.TrimPrefix(m.Type, "cloudflare_zero_trust_") {
	case "access_application", "access_group", "access_identity_provider", "access_service_token":
		if account == "" {
			return "zones/" + m.text("zone_id") + "/" + id
		}
		return "accounts/" + account + "/" + id
	case "access_tag":
		return account + "/" + m.text("name")
	case "access_key_configuration", "organization":
		return account
	}
	return account + "/" + id
}
