//go:build terraform

package terraform

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The provider's source. Its releases after v1 are not Go modules: a pseudo-version names the commit.
const (
	providerModule  = "github.com/cloudflare/terraform-provider-cloudflare"
	providerVersion = "v0.0.0-20260824180050-4f360d592a7d" // 5.x, August 2026
	providerProgram = "terraform-provider-cloudflare"
)

// provider is the directory of a built provider.
func provider(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("PLUMBLINE_TERRAFORM_PROVIDER"); path != "" {
		if _, err := os.Stat(path); err != nil || filepath.Base(path) != providerProgram {
			t.Fatalf("PLUMBLINE_TERRAFORM_PROVIDER must be the path of a program named %s: %q, %v", providerProgram, path, err)
		}
		return filepath.Dir(path)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "plumbline", providerProgram, providerVersion)
	path := filepath.Join(dir, providerProgram)
	if _, err := os.Stat(path); err == nil {
		return dir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	source := t.TempDir()
	copySource(t, download(t), source)
	keepServed(t, filepath.Join(source, "internal", "provider.go"))
	// Other processes see a whole program or none.
	half := path + ".half"
	build := exec.Command("go", "build", "-o", half, ".")
	build.Dir, build.Env = source, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	t.Logf("building %s@%s, which takes some minutes", providerModule, providerVersion)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	if err := os.Rename(half, path); err != nil {
		t.Fatal(err)
	}
	return dir
}

// download fetches the provider's source and returns its directory.
func download(t *testing.T) (dir string) {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", providerModule+"@"+providerVersion)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &module); err != nil || jsonErr != nil || module.Dir == "" {
		t.Fatalf("fetch the provider's source: %v %s", err, module.Error)
	}
	return module.Dir
}

var (
	// served lists the provider's packages for resources of the control plane.
	served = regexp.MustCompile(
		`/(zero_trust_access_(application|group|identity_provider|key_configuration|policy|service_token|tag)` +
			`|zero_trust_device_posture_(integration|rule)|zero_trust_organization|account_token|account_api_token_permission_groups)"$`)
	importLine = regexp.MustCompile(`^\t"` + regexp.QuoteMeta(providerModule) + `/internal/services/(\w+)"$`)
	registered = regexp.MustCompile(`^\t\t(\w+)\.New\w+,`)
)

// copySource copies the source files of a build to a writable directory.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		if filepath.Ext(name) != ".go" && name != "go.mod" && name != "go.sum" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keepServed takes the registration of the resources that the control plane does not have out of the provider's
// source. All else of it stays as it is: a build of some minutes instead of one of half an hour.
func keepServed(t *testing.T, path string) {
	t.Helper()
	dropped := map[string]bool{}
	var kept []string
	for line := range strings.SplitSeq(file(t, path), "\n") {
		if m := importLine.FindStringSubmatch(line); m != nil && !served.MatchString(line) {
			dropped[m[1]] = true
			continue
		}
		if m := registered.FindStringSubmatch(line); m != nil && dropped[m[1]] {
			continue
		}
		kept = append(kept, line)
	}
	if len(dropped) == 0 {
		t.Fatalf("%s does not register resources as it did: look at it", path)
	}
	if err := os.WriteFile(path, []byte(strings.Join(kept, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// program is the terraform to run.
func program(t *testing.T) string {
	t.Helper()
	name := os.Getenv("PLUMBLINE_TERRAFORM")
	if name == "" {
		name = "terraform"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(fmt.Errorf("Terraform is not there: install it from https://developer.hashicorp.com/terraform/install, "+
			"or name a program in PLUMBLINE_TERRAFORM (OpenTofu's tofu does, too): %w", err))
	}
	return path
}
