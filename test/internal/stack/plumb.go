package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
)

// Plumb is an installation in one process: plumb up, or plumb demo.
type Plumb struct {
	Data string // directory
	// Addresses; Demo is the sample API's.
	API, Access, NATS, Admin, Demo, Console string
	// Args are additional arguments.
	Args []string
	// Binary is the path of another build of plumb; empty means this repository's.
	Binary string

	command string
	process *Process
}

// ReadyWithin is how long an installation may take to start, even after a crash.
const ReadyWithin = 20 * time.Second

// New prepares plumb up or plumb demo on free ports, without starting it.
func New(command, data string, args ...string) (*Plumb, error) {
	p := &Plumb{command: command, Data: data, Args: args}
	for _, addr := range []*string{&p.API, &p.Access, &p.NATS, &p.Admin, &p.Demo, &p.Console} {
		free, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		*addr = free
	}
	return p, nil
}

// Up runs plumb up until the end of the test, and waits until it is ready.
func Up(t testing.TB, args ...string) *Plumb {
	t.Helper()
	p, err := New("up", filepath.Join(t.TempDir(), "data"), append([]string{"--min-interval", "1s"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	p.Start(t)
	p.AwaitReady(t)
	return p
}

// Command returns the command to start the installation.
func (p *Plumb) Command() (Command, error) {
	path := p.Binary
	if path == "" {
		var err error
		if path, err = Build("plumb"); err != nil {
			return Command{}, err
		}
	}
	args := []string{p.command, "--data", p.Data, "--api-addr", p.API, "--access-addr", p.Access,
		"--nats-addr", p.NATS, "--admin-addr", p.Admin, "--team-domain", p.Issuer()}
	if p.command == "demo" {
		args = append(args, "--sample-addr", p.Demo)
	}
	// A variable, because builds without a console do not know the flag.
	env := []string{"PLUMB_CONSOLE_ADDR=" + p.Console}
	return Command{Name: "plumb " + p.command, Path: path, Args: append(args, p.Args...), Env: env}, nil
}

// Start starts the process, for the first time or again, with the same data and ports.
func (p *Plumb) Start(t testing.TB) {
	t.Helper()
	c, err := p.Command()
	if err != nil {
		t.Fatal(err)
	}
	p.process = Start(t, c)
}

// Launch is like [Plumb.Start], without a test: the caller must kill the process.
func (p *Plumb) Launch() error {
	c, err := p.Command()
	if err != nil {
		return err
	}
	p.process, err = Launch(c)
	return err
}

// AwaitReady waits until the installation reports that it is ready.
func (p *Plumb) AwaitReady(t testing.TB) {
	t.Helper()
	if err := Ready(p.process, p.Admin, ReadyWithin); err != nil {
		t.Fatal(err)
	}
}

// Process returns the current or last process.
func (p *Plumb) Process() *Process { return p.process }

// Issuer returns the team domain, the issuer of application tokens.
func (p *Plumb) Issuer() string { return "http://" + p.Access }

// Certs returns the URL of the public keys.
func (p *Plumb) Certs() string { return p.Issuer() + "/cdn-cgi/access/certs" }

// Control returns a client for the control plane, with the account and token created at the first start.
func (p *Plumb) Control() (*Control, error) { return OpenControl(p.API, p.Data) }

// Follower connects as another system, with the credentials file created by the installation.
func (p *Plumb) Follower(ctx context.Context, log *slog.Logger) (*bus.Conn, error) {
	return bus.Connect(ctx, bus.Config{URL: "nats://" + p.NATS, Creds: filepath.Join(p.Data, "follower.creds"),
		Role: topology.Follower, Log: log})
}

// Operator connects as the operator, with credentials from the authority in the data directory, for tests of data
// hidden from followers.
func (p *Plumb) Operator(ctx context.Context, log *slog.Logger) (*bus.Conn, error) {
	authority, err := creds.Open(filepath.Join(p.Data, "nats"))
	if err != nil {
		return nil, err
	}
	file, err := authority.File(topology.Operator)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(p.Data, "test-operator.creds")
	if err := creds.WriteSecret(path, file); err != nil {
		return nil, err
	}
	return bus.Connect(ctx, bus.Config{URL: "nats://" + p.NATS, Creds: path, Role: topology.Operator, Log: log})
}

// OpenControl returns a client for the control plane, with the account and API token in an installation's files.
func OpenControl(addr, dir string) (*Control, error) {
	account, err1 := os.ReadFile(filepath.Join(dir, "account-id"))
	token, err2 := os.ReadFile(filepath.Join(dir, "api-token"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("files of the installation: %w", err)
	}
	return NewControl(addr, strings.TrimSpace(string(account)), strings.TrimSpace(string(token)))
}
