//go:build compose

package compose

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest/machine"
)

var deploy = filepath.Join("..", "..", "deploy")

// stack is the stack of deploy/ under a project name of its own.
type stack struct {
	*engine
	project string
	compose []string // the command

	url, access    string // of the api and of the gateway
	browser        string // URL of the console
	account, token string
}

// newStack finds a Compose: PLUMBLINE_COMPOSE names one, else it is v2, else docker-compose.
func newStack(t *testing.T, e *engine) *stack {
	t.Helper()
	s := &stack{engine: e, project: "plumbline-test-" + strconv.Itoa(os.Getpid())}
	port := freePort(t)
	access := freePort(t)
	s.url, s.access = "http://127.0.0.1:"+port, "http://127.0.0.1:"+access
	browser := freePort(t)
	s.browser = "http://127.0.0.1:" + browser
	e.env = append(e.env, "PLUMB_CONSOLE_PORT="+browser, "PLUMB_API_PORT="+port,
		"PLUMB_ACCESS_PORT="+access, "PLUMB_NATS_PORT="+freePort(t),
		"COMPOSE_PROJECT_NAME="+s.project)
	if name := os.Getenv("PLUMBLINE_COMPOSE"); name != "" {
		s.compose = strings.Fields(name)
	} else if _, err := e.output(t.Context(), "docker", "compose", "version"); err == nil {
		s.compose = []string{"docker", "compose"}
	} else {
		s.compose = []string{"docker-compose"}
	}
	t.Logf("%s: %s", strings.Join(s.compose, " "), e.must(t, s.compose[0], append(s.compose[1:], "version", "--short")...))
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	addr, err := machine.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// do runs a Compose command and returns its output.
func (s *stack) do(ctx context.Context, args ...string) (string, error) {
	args = slices.Concat(s.compose[1:], []string{"-f", filepath.Join(deploy, "compose.yaml")}, args)
	return s.output(ctx, s.compose[0], args...)
}

// mustDo is do, and fails the test on an error.
func (s *stack) mustDo(t *testing.T, args ...string) string {
	t.Helper()
	start := time.Now()
	out, err := s.do(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("compose %s: %v", strings.Join(args, " "), time.Since(start).Round(100*time.Millisecond))
	return out
}

// down takes the stack down with its volumes; of a test that failed, it shows the logs first.
func (s *stack) down(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if t.Failed() {
		ps, _ := s.do(ctx, "ps", "-a")
		logs, _ := s.do(ctx, "logs", "--no-color", "--tail", "25")
		t.Logf("%s\n%s", ps, logs)
	}
	if _, err := s.do(ctx, "down", "--volumes", "--remove-orphans", "--timeout", "60"); err != nil {
		t.Error(err)
	}
}

// containers are the ids of a service's running containers.
func (s *stack) containers(t *testing.T, service string) []string {
	t.Helper()
	out, err := s.do(t.Context(), "ps", "-q", service)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(out)
}

// login reads the account and the token created by the first start from the files of the set-up job.
func (s *stack) login(t *testing.T) {
	t.Helper()
	out, err := s.output(t.Context(), "docker", "ps", "-aq", "--filter", "label=com.docker.compose.project="+s.project,
		"--filter", "label=com.docker.compose.service=setup")
	if err != nil || out == "" {
		t.Fatalf("there is no set-up job: %v", err)
	}
	read := func(name string) string {
		var archive bytes.Buffer
		if err := s.run(t.Context(), nil, &archive, io.Discard, "docker", "cp", out+":/run/plumbline/"+name,
			"-"); err != nil {
			t.Fatal(err)
		}
		r := tar.NewReader(&archive)
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	s.account, s.token = read("account-id"), read("api-token")
}

// status returns the API's status of an integration.
type status struct {
	Name    string `json:"name"`
	Overdue bool   `json:"overdue"`
	Poll    *struct {
		Tick      uint64 `json:"tick"`
		Pages     int    `json:"pages"`
		DonePages int    `json:"done_pages"`
		Devices   int    `json:"devices"`
		Pass      int    `json:"pass"`
		Fail      int    `json:"fail"`
		Unknown   int    `json:"unknown"`
		TookMS    int    `json:"took_ms"`
		Error     string `json:"error"`
	} `json:"poll"`
}

// get asks the API for a resource of the account, and decodes the result.
func (s *stack) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/client/v4/accounts/"+s.account+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var envelope struct {
		Result json.RawMessage `json:"result"`
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %s", path, resp.Status, body)
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return json.Unmarshal(envelope.Result, into)
}

// console checks the console from the host: the holder of an API token gets a link that logs in.
func (s *stack) console(t *testing.T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.browser+"/login/link", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "/login/link?code=") {
		t.Errorf("the console answers %s: %s (%v)", resp.Status, body, err)
	}
}

// guards checks the gateway from the host: it publishes the keys used by the sample API, and denies requests for
// unknown applications.
func (s *stack) guards(t *testing.T) {
	t.Helper()
	for path, want := range map[string]func(status int, body string) bool{
		"/cdn-cgi/access/certs": func(status int, body string) bool {
			return status == http.StatusOK && strings.Contains(body, `"RS256"`)
		},
		"/": func(status int, _ string) bool { return status >= 400 && status < 500 },
	} {
		resp, err := http.Get(s.access + path)
		if err != nil {
			t.Error(err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !want(resp.StatusCode, string(body)) {
			t.Errorf("the gateway answers GET %s with %s: %s (%v)", path, resp.Status, body, err)
		}
	}
}

// polled waits for a complete poll after the one with the number.
func (s *stack) polled(t *testing.T, after uint64, limit time.Duration) status {
	t.Helper()
	var found status
	eventually(t, limit, fmt.Sprintf("a complete poll after %d", after), func(ctx context.Context) error {
		var all []status
		if err := s.get(ctx, "/plumbline/status", &all); err != nil {
			return err
		}
		if len(all) != 1 {
			return fmt.Errorf("there are %d integrations, want 1", len(all))
		}
		found = all[0]
		switch p := found.Poll; {
		case p == nil:
			return fmt.Errorf("no poll yet")
		case p.Tick <= after || p.Pages == 0 || p.DonePages < p.Pages:
			return fmt.Errorf("poll %d: %d of %d pages: %s", p.Tick, p.DonePages, p.Pages, p.Error)
		}
		return nil
	})
	p := found.Poll
	t.Logf("poll %d: %d pages, %d devices: %d pass, %d fail, %d unknown in %d ms", p.Tick, p.Pages, p.Devices, p.Pass,
		p.Fail, p.Unknown, p.TookMS)
	return found
}

var (
	from  = regexp.MustCompile(`(?m)^FROM ([a-z]\S+)( AS \S+)?$`)
	image = regexp.MustCompile(`(?m)^ +image: (\S+)$`)
)

// baseImages are the images named by the Dockerfile and the compose file and not built here.
func baseImages(t *testing.T) []string {
	t.Helper()
	var images []string
	for file, pattern := range map[string]*regexp.Regexp{"Dockerfile": from, "compose.yaml": image} {
		text, err := os.ReadFile(filepath.Join(deploy, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			if m[1] != "scratch" && !strings.HasPrefix(m[1], "plumbline/") && !slices.Contains(images, m[1]) {
				images = append(images, m[1])
			}
		}
	}
	slices.Sort(images)
	return images
}
