package stack

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// Separate is an installation in separate processes: a NATS server and each service's own binary.
type Separate struct {
	Dir               string
	API, Access, NATS string // addresses; Access is the gateway's
	// Variables are additional environment variables, by role.
	Variables map[topology.Role][]string
	// Parts are the processes in the order of starting: "nats", then the services, numbered if there are several, as
	// in "fetcher-2".
	Parts []*Part
	// launch starts a process, with or without a test.
	launch func(Command) (*Process, error)
}

// Part is one process of a [Separate].
type Part struct {
	Name    string
	role    topology.Role // of a service
	admin   string
	process *Process
	command Command
}

// Process returns the current or last process.
func (p *Part) Process() *Process { return p.process }

// NewSeparate creates the files of an installation, starts a NATS server, provisions the streams and starts the
// services, with the given number of fetchers. They are stopped at the end of the test.
func NewSeparate(t testing.TB, fetchers int) *Separate {
	t.Helper()
	return NewSeparateWith(t, fetchers, nil)
}

// NewSeparateWith is like [NewSeparate], with additional environment variables for some roles.
func NewSeparateWith(t testing.TB, fetchers int, variables map[topology.Role][]string) *Separate {
	t.Helper()
	launch := func(c Command) (*Process, error) { return Start(t, c), nil }
	s := &Separate{Dir: t.TempDir(), Variables: variables, launch: launch}
	if err := s.start(t.Context(), fetchers); err != nil {
		t.Fatal(err)
	}
	return s
}

// LaunchSeparate is like [NewSeparateWith], without a test: the caller must call [Separate.Close].
func LaunchSeparate(
	ctx context.Context, dir string, fetchers int, variables map[topology.Role][]string,
) (*Separate, error) {
	s := &Separate{Dir: dir, Variables: variables, launch: Launch}
	err := s.start(ctx, fetchers)
	if err != nil {
		s.Close()
	}
	return s, err
}

// Close kills every process.
func (s *Separate) Close() {
	for i := len(s.Parts) - 1; i >= 0; i-- {
		if s.Parts[i].process != nil {
			s.Parts[i].process.Kill()
		}
	}
}

func (s *Separate) start(ctx context.Context, fetchers int) error {
	for _, addr := range []*string{&s.API, &s.Access, &s.NATS} {
		free, err := FreeAddr()
		if err != nil {
			return err
		}
		*addr = free
	}
	if err := s.plumb(ctx, nil, "stack", "init", "--dir", s.Dir); err != nil {
		return err
	}
	// plumb stack init creates no credentials for followers: each system gets its own.
	follower := string(topology.Follower)
	if err := s.plumb(ctx, nil, "follower", "create", follower, "--data", s.Dir, "--out",
		s.creds(topology.Follower)); err != nil {
		return err
	}
	if err := s.nats(); err != nil {
		return err
	}
	if err := s.plumb(ctx, s.environment(topology.Operator), "stack", "provision"); err != nil {
		return err
	}
	for _, role := range []topology.Role{topology.Exchange, topology.Registry, topology.Evaluator, topology.Fetcher,
		topology.Scheduler, topology.API, topology.Gateway, topology.Dispatcher} {
		count := 1
		if role == topology.Fetcher {
			count = fetchers
		}
		for n := range count {
			name := string(role)
			if count > 1 {
				name = fmt.Sprintf("%s-%d", role, n+1)
			}
			if _, err := s.add(name, role); err != nil {
				return err
			}
		}
	}
	return s.AwaitReady()
}

// plumb runs a plumb command to its end.
func (s *Separate) plumb(ctx context.Context, env []string, args ...string) error {
	path, err := Build("plumb")
	if err != nil {
		return err
	}
	p, err := Launch(Command{Name: "plumb", Path: path, Args: args, Env: env, Dir: s.Dir})
	if err != nil {
		return err
	}
	defer p.Kill()
	select {
	case <-p.Exited():
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(30 * time.Second * Slowness()):
		return fmt.Errorf("plumb %v does not end:\n%s", args, p.Log())
	}
	if p.ExitCode() != 0 {
		return fmt.Errorf("plumb %v ends with code %d:\n%s%s", args, p.ExitCode(), p.Output(), p.Log())
	}
	return nil
}

// nats starts the server with the settings of deploy/nats/nats.conf, on loopback and with its own store.
func (s *Separate) nats() error {
	path, err := Build(NATSServer)
	if err != nil {
		return err
	}
	// The image keeps accounts below /var/lib; here each installation has its own directory.
	auth := filepath.Join(s.Dir, "nats", "auth.conf")
	users, err := os.ReadFile(auth)
	if err != nil {
		return err
	}
	users = bytes.ReplaceAll(users, []byte(`"/var/lib/nats/accounts"`),
		fmt.Appendf(nil, "%q", filepath.Join(s.Dir, "accounts")))
	if err := os.WriteFile(auth, users, 0o600); err != nil {
		return err
	}
	conf := filepath.Join(s.Dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\nserver_name: nats\nmax_payload: 4MB\nmax_pending: 64MB\n"+
		"jetstream { store_dir: %q, sync_interval: always }\ninclude \"nats/auth.conf\"\n",
		s.NATS, filepath.Join(s.Dir, "store"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	part := &Part{Name: "nats", command: Command{Name: "nats", Path: path, Args: []string{"--config", conf}}}
	s.Parts = append(s.Parts, part)
	return s.Run(part)
}

func (s *Separate) creds(role topology.Role) string {
	return filepath.Join(s.Dir, "creds", string(role)+".creds")
}

func (s *Separate) environment(role topology.Role) []string {
	return []string{"PLUMB_NATS_URL=nats://" + s.NATS, "PLUMB_NATS_CREDS=" + s.creds(role), "PLUMB_REPLICAS=1"}
}

// AddGateway starts another gateway and waits until it is ready. variables override those of the first.
func (s *Separate) AddGateway(name string, variables ...string) (*Part, error) {
	p, err := s.add(name, topology.Gateway, variables...)
	if err != nil {
		return nil, err
	}
	return p, Ready(p.process, p.admin, ReadyWithin)
}

func (s *Separate) add(name string, role topology.Role, variables ...string) (*Part, error) {
	path, err := Build(string(role))
	if err != nil {
		return nil, err
	}
	admin, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	env := append(s.environment(role), "PLUMB_ADMIN_ADDR="+admin)
	keys := filepath.Join(s.Dir, "keys")
	switch role {
	case topology.Fetcher:
		env = append(env, "PLUMB_IDENTITY_FILE="+filepath.Join(keys, "fetcher.identity"))
	case topology.Evaluator:
		env = append(env, "PLUMB_IDENTITY_FILE="+filepath.Join(keys, "evaluator.identity"))
	case topology.Dispatcher:
		env = append(env, "PLUMB_IDENTITY_FILE="+filepath.Join(keys, "dispatcher.identity"))
	case topology.Exchange:
		env = append(env, "PLUMB_IDENTITY_FILE="+filepath.Join(keys, "exchange.identity"), "PLUMB_TEAM_DOMAIN="+s.Issuer())
	case topology.Gateway:
		env = append(env, "PLUMB_IDENTITY_FILE="+filepath.Join(keys, "gateway.identity"),
			"PLUMB_SESSION_KEY_FILE="+filepath.Join(s.Dir, "session-key"),
			"PLUMB_ACCESS_ADDR="+s.Access, "PLUMB_TEAM_DOMAIN="+s.Issuer())
	case topology.Scheduler:
		env = append(env, "PLUMB_MIN_INTERVAL=1s")
	case topology.API:
		env = append(env, "PLUMB_API_ADDR="+s.API, "PLUMB_TEAM_DOMAIN="+s.Issuer(), "PLUMB_MIN_INTERVAL=1s",
			"PLUMB_SEAL_TO_FILE="+filepath.Join(keys, "fetcher.recipient"),
			"PLUMB_SEAL_DISPATCHER_FILE="+filepath.Join(keys, "dispatcher.recipient"),
			"PLUMB_SEAL_GATEWAY_FILE="+filepath.Join(keys, "gateway.recipient"),
			"PLUMB_ACCOUNT_ID_FILE="+filepath.Join(s.Dir, "account-id"),
			"PLUMB_BOOTSTRAP_TOKEN_FILE="+filepath.Join(s.Dir, "api-token"))
	}
	env = append(append(env, s.Variables[role]...), variables...)
	part := &Part{Name: name, role: role, admin: admin, command: Command{Name: name, Path: path, Env: env, Dir: s.Dir}}
	s.Parts = append(s.Parts, part)
	return part, s.Run(part)
}

// Run starts a part, for the first time or again.
func (s *Separate) Run(p *Part) error {
	process, err := s.launch(p.command)
	if err == nil {
		p.process = process
	}
	return err
}

// AwaitReady waits until every service reports that it is ready.
func (s *Separate) AwaitReady() error {
	for _, p := range s.Parts {
		if p.admin == "" {
			continue
		}
		if err := Ready(p.process, p.admin, ReadyWithin); err != nil {
			return err
		}
	}
	return nil
}

// Part returns the part with this name, or the first one of this role.
func (s *Separate) Part(name string) *Part {
	for _, p := range s.Parts {
		if p.Name == name || string(p.role) == name {
			return p
		}
	}
	return nil
}

// Issuer returns the team domain.
func (s *Separate) Issuer() string { return "http://" + s.Access }

// Certs returns the URL of the public keys.
func (s *Separate) Certs() string { return s.Issuer() + "/cdn-cgi/access/certs" }

// Control returns a client for the control plane.
func (s *Separate) Control() (*Control, error) { return OpenControl(s.API, s.Dir) }

// Connect connects to the bus as a role.
func (s *Separate) Connect(ctx context.Context, role topology.Role, log *slog.Logger) (*bus.Conn, error) {
	return bus.Connect(ctx, bus.Config{URL: "nats://" + s.NATS, Creds: s.creds(role), Role: role, Log: log})
}
