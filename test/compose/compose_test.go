//go:build compose

package compose

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// devices is how many the demo enrols, pages how many they fill, and checks how many results each has.
const devices, pages, checks = 2500, 3, 2

// The stack comes up from source and polls; a fetcher may die; everything may be stopped and started again.
func TestTheStackPollsAndSurvives(t *testing.T) {
	e := startEngine(t)
	provideImages(t, e, baseImages(t))
	s := newStack(t, e)
	s.mustDo(t, "build")
	for _, service := range []string{"scheduler", "registry", "fetcher", "evaluator", "exchange", "gateway", "api",
		"console", "sample", "plumb"} {
		t.Run("image "+service, func(t *testing.T) { s.hasNothingButTheBinary(t, "plumbline/"+service) })
	}

	t.Cleanup(func() { s.down(t) })
	s.mustDo(t, "up", "-d", "--scale", "fetcher=3")
	s.login(t)
	first := s.polled(t, 0, 2*time.Minute)
	complete(t, first)
	s.guards(t)
	s.console(t)
	if n := len(s.containers(t, "fetcher")); n != 3 {
		t.Fatalf("%d fetchers run, want 3", n)
	}

	// Killing a fetcher loses no poll: its pages move to the other fetchers.
	victim := s.containers(t, "fetcher")[0]
	s.must(t, "docker", "kill", "--signal", "KILL", victim)
	next := s.polled(t, first.Poll.Tick, time.Minute)
	complete(t, s.polled(t, next.Poll.Tick, time.Minute))
	if slices.Contains(s.running(t), victim) {
		t.Error("the fetcher that was killed runs")
	}

	// plumb in a container is a client as any other.
	var all []status
	out := s.mustDo(t, "run", "--rm", "-T", "plumb", "status", "--output", "json")
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 || all[0].Overdue {
		t.Errorf("plumb status says %s (%v)", out, err)
	}

	// The stack restarts from its volumes; the set-up jobs then have nothing to do.
	s.mustDo(t, "down", "--timeout", "60")
	s.mustDo(t, "up", "-d", "--scale", "fetcher=3")
	account, token := s.account, s.token
	s.login(t)
	if s.account != account || s.token != token {
		t.Error("a second start has made another account or token")
	}
	complete(t, s.polled(t, next.Poll.Tick, 2*time.Minute))
	s.keepsItsSecrets(t)
}

// complete checks a finished poll: every device has a result for every check.
func complete(t *testing.T, s status) {
	t.Helper()
	p := s.Poll
	if p.Devices != devices || p.Pages != pages || p.Pass+p.Fail+p.Unknown != devices*checks || p.Error != "" {
		t.Errorf("a poll of %d devices on %d pages gave %+v", devices, pages, *p)
	}
	if p.Pass == 0 || p.Fail == 0 {
		t.Errorf("the sample's scores make passes and fails, got %d and %d", p.Pass, p.Fail)
	}
}

// running returns the ids of all running containers of the stack.
func (s *stack) running(t *testing.T) []string {
	t.Helper()
	return strings.Fields(s.must(t, "docker", "ps", "-q", "--no-trunc", "--filter",
		"label=com.docker.compose.project="+s.project))
}

// hasNothingButTheBinary checks an image's files and user.
func (s *stack) hasNothingButTheBinary(t *testing.T, image string) {
	if user := s.must(t, "docker", "image", "inspect", "--format", "{{.Config.User}}", image); user != "65532:65532" {
		t.Errorf("runs as %q", user)
	}
	id := s.must(t, "docker", "create", image)
	defer s.must(t, "docker", "rm", id)
	r, w := io.Pipe()
	go func() { w.CloseWithError(s.run(t.Context(), nil, w, os.Stderr, "docker", "export", id)) }()
	defer r.Close()
	var files []string
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		// The engine adds empty files to mount on.
		if h.Typeflag == tar.TypeReg && h.Size > 0 {
			files = append(files, h.Name)
		}
	}
	slices.Sort(files)
	if want := []string{"etc/ssl/certs/ca-certificates.crt", "service"}; !slices.Equal(files, want) {
		t.Errorf("holds %q, want %q", files, want)
	}
}

// keepsItsSecrets searches the logs for secrets.
func (s *stack) keepsItsSecrets(t *testing.T) {
	t.Helper()
	logs, err := s.do(t.Context(), "logs", "--no-color")
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{
		"the API token": s.token, "an age identity": "AGE-SECRET-KEY-", "a service token's secret": "cfast_",
		"a seed": "-----BEGIN USER NKEY SEED-----", "an application token": "eyJ",
	} {
		if strings.Contains(logs, secret) {
			t.Errorf("the logs show %s", what)
		}
	}
}
