package command_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb"
	"plumbline.dev/services/sample"
)

// installation runs all of Plumbline on free ports until the test ends.
func installation(t *testing.T) plumb.Installation {
	t.Helper()
	s, err := plumb.New(plumb.Config{Data: t.TempDir(), APIAddr: bustest.FreeAddr(t), AccessAddr: bustest.FreeAddr(t),
		NATSAddr: bustest.FreeAddr(t), AdminAddr: bustest.FreeAddr(t), ConsoleAddr: bustest.FreeAddr(t),
		MinInterval: time.Second, LogMaxBytes: 1 << 30},
		plumb.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	running, ended := context.WithCancelCause(t.Context())
	bustest.Run(t, func(ctx context.Context) error {
		err := s.Run(ctx)
		ended(errors.Join(errors.New("plumb ended"), err))
		return err
	})
	i, err := s.Await(running)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// scorer is a scoring API that takes each score from the end of the hostname, "host-55". It refuses calls about a host
// called "refused".
func scorer(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /score", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Devices []struct {
				ID       string `json:"device_id"`
				Hostname string `json:"hostname"`
			} `json:"devices"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		result := map[string]any{}
		for _, d := range body.Devices {
			if d.Hostname == "refused" {
				http.Error(w, "no", http.StatusBadRequest)
				return
			}
			if _, text, found := strings.Cut(d.Hostname, "-"); found {
				score, _ := strconv.Atoi(text)
				result[d.ID] = map[string]any{"s2s_id": "", "score": score}
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"result": result})
	})
	mux.HandleFunc("POST /guarded/score", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cf-Access-Jwt-Assertion") == "" {
			http.Error(w, "no application token", http.StatusForbidden)
			return
		}
		r.URL.Path = "/score"
		mux.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func environment(i plumb.Installation, api string) []string {
	return []string{"PLUMB_URL=" + i.APIURL, "PLUMB_DATA=" + string(i.Data), "CONSOLE=" + i.ConsoleURL, "SCORER=" + api,
		"SCORERHOST=" + strings.TrimPrefix(api, "http://")}
}

// The commands against a control plane, with services and a scoring API behind it.
func TestCommands(t *testing.T) {
	api := scorer(t)
	testscript.Run(t,
		testscript.Params{Dir: filepath.Join("testdata", "live"), UpdateScripts: *update, RequireExplicitExec: true,
			Setup: func(env *testscript.Env) error {
				i := installation(t)
				env.Values[installationKey{}] = i
				env.Vars = append(env.Vars, environment(i, api.URL)...)
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"login": login}})
}

// installationKey is the key of a script's installation in its values.
type installationKey struct{}

// login stores a user's record as a gateway does at a login: login EMAIL NAME [DEVICE]. A device is given by its serial
// number.
func login(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: login EMAIL NAME [DEVICE]")
	}
	i := ts.Value(installationKey{}).(plumb.Installation)
	authority, err := creds.Open(filepath.Join(string(i.Data), "nats"))
	ts.Check(err)
	text, err := authority.File(topology.Operator)
	ts.Check(err)
	path := ts.MkAbs("operator.creds")
	ts.Check(os.WriteFile(path, text, 0o600))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Config{URL: "nats://" + i.NATSAddr, Creds: path, Role: topology.Operator})
	ts.Check(err)
	defer conn.Close()
	now := proto.At(time.Now())
	u := &proto.User{ID: proto.DeriveID(i.Account, args[0]), Email: args[0], Name: args[1], CreatedAt: now,
		LastSeenAt: now, Last: proto.Session{Email: args[0], Name: args[1], IP: "192.0.2.7", StartedAt: now}}
	if len(args) == 3 {
		u.Last.Device = proto.DeriveID(i.Account, args[2])
	}
	_, err = conn.Put(ctx, topology.Sessions, topology.UserKey(i.Account, u.ID), u, 0)
	ts.Check(err)
}

// child is plumb in a process of its own.
func child(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "plumb")
	if err := os.Symlink(os.Args[0], bin); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// Somebody who follows sees changes as they come, goes on from a position, and leaves with exit code 0.
func TestFollowing(t *testing.T) {
	env := environment(installation(t), "")
	api := scorer(t)
	must := func(stdin string, args ...string) {
		t.Helper()
		cmd := child(t, append(env, "PLUMB_CLIENT_SECRET=secret"), args...)
		cmd.Stdin = strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	follow := func(args ...string) (next func() string, leave func()) {
		cmd := child(t, env, append([]string{"results", "--follow"}, args...)...)
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		return func() string {
				if !lines.Scan() {
					t.Fatalf("it ended: %v", lines.Err())
				}
				return lines.Text()
			}, func() {
				if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
					t.Error(err)
				}
				for lines.Scan() {
				}
				if err := cmd.Wait(); err != nil {
					t.Errorf("ended with %v", err)
				}
			}
	}
	must("", "integration", "create", "--name", "api", "--api-url", api.URL+"/score", "--client-id",
		strings.Repeat("0", 32)+".access", "--paused")
	must("", "check", "create", "--name", "good", "--integration", "api", "--operator", ">=", "--score", "60")
	next, leave := follow("-o", "json")
	if line := next(); !strings.Contains(line, `"event":"ready"`) {
		t.Fatalf("first line %s", line)
	}
	const device = "11111111-1111-4111-8111-111111111111"
	must("device_id,hostname\n"+device+",host-61\n", "devices", "import", "-")
	must("", "integration", "resume", "api")
	var change struct {
		Position string
		Data     struct {
			Outcome string
			Devices []struct {
				Device string `json:"device_id"`
				Score  *int
			}
		}
	}
	for change.Data.Outcome != "pass" {
		line := next()
		if err := json.Unmarshal([]byte(line), &change); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if d := change.Data.Devices; len(d) != 1 || d[0].Device != device || d[0].Score == nil || *d[0].Score != 61 {
		t.Errorf("change %+v", change)
	}
	leave()

	must("device_id,hostname\n"+device+",host-59\n", "devices", "import", "-")
	must("", "poll", "api")
	next, leave = follow("--after", change.Position)
	if line := next(); !strings.Contains(line, device+"  fail     score  59  was pass     score     good") {
		t.Errorf("after the position: %s", line)
	}
	leave()
}

// The set-up of a stack's demo works over HTTP alone: the sample API learns its audience by a file. Run
// again, it changes nothing.
func TestStackDemo(t *testing.T) {
	i := installation(t)
	path := filepath.Join(t.TempDir(), "audience")
	api, err := sample.New(sample.Config{Addr: "127.0.0.1:0", Issuer: i.TeamDomain, AudiencePath: path},
		sample.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	bustest.Run(t, api.Run)
	bustest.Eventually(t, "the sample API listens", func() bool { return api.Addr() != "" })
	for _, want := range []string{"2500 devices are enrolled and polled every 1h", "everything exists already"} {
		out, err := child(t, environment(i, ""), "stack", "demo", "--sample-url", "http://"+api.Addr()+"/", "--audience-out",
			path, "--interval", "1h").CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%v:\n%s\nwant %s", err, out, want)
		}
	}
	out, err := child(t, environment(i, ""), "poll", "Demo: sample scoring API").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "3 pages, 2,500 devices: ") ||
		!strings.Contains(string(out), " 0 unknown, ") {
		t.Errorf("%v: %s", err, out)
	}
}
