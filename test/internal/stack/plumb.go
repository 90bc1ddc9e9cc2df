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
	Data                           string // directory
	API, Access, NATS, Admin, Demo string // addresses; the sample API's is Demo
	// Args are added to the command line.
	Args []string
	// Binary is the path of another build of plumb; empty: one of this repository.
	Binary string

	command string
	process *Process
}

// ReadyWithin is how long an installation may take to come up, after a crash too.
const ReadyWithin = 20 * time.Second

// New prepares plumb up or plumb demo on free ports; nothing runs yet.
func New(command, data string, args ...string) (*Plumb, error) {
	p := &Plumb{command: command, Data: data, Args: args}
	for _, addr := range []*string{&p.API, &p.Access, &p.NATS, &p.Admin, &p.Demo} {
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

// Command is how it is started.
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
	return Command{Name: "plumb " + p.command, Path: path, Args: append(args, p.Args...)}, nil
}

// Start starts the process, for the first time or again, on the same data and the same ports.
func (p *Plumb) Start(t testing.TB) {
	t.Helper()
	c, err := p.Command()
	if err != nil {
		t.Fatal(err)
	}
	p.process = Start(t, c)
}

// Launch is Start outside of a test: the caller kills the process.
func (p *Plumb) Launch() error {
	c, err := p.Command()
	if err != nil {
		return err
	}
	p.process, err = Launch(c)
	return err
}

// AwaitReady waits until the installation says that it is ready.
func (p *Plumb) AwaitReady(t testing.TB) {
	t.Helper()
	if err := Ready(p.process, p.Admin, ReadyWithin); err != nil {
		t.Fatal(err)
	}
}

// Process is the one that runs, or ran last.
func (p *Plumb) Process() *Process { return p.process }

// Issuer is the team domain: the issuer of application tokens.
func (p *Plumb) Issuer() string { return "http://" + p.Access }

// Certs is where the public keys are.
func (p *Plumb) Certs() string { return p.Issuer() + "/cdn-cgi/access/certs" }

// Control is a client of its control plane, with the token and account that it made at its first start.
func (p *Plumb) Control() (*Control, error) { return OpenControl(p.API, p.Data) }

// Follower connects as another system does: with the credentials file that the installation made.
func (p *Plumb) Follower(ctx context.Context, log *slog.Logger) (*bus.Conn, error) {
	return bus.Connect(ctx, bus.Config{URL: "nats://" + p.NATS, Creds: filepath.Join(p.Data, "follower.creds"), Role: topology.Follower, Log: log})
}

// Operator connects as who may see everything, by the authority that lies with the data: for tests that
// look at what followers may not.
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

// OpenControl reads an installation's account and API token and makes a client of its control plane.
func OpenControl(addr, dir string) (*Control, error) {
	account, err1 := os.ReadFile(filepath.Join(dir, "account-id"))
	token, err2 := os.ReadFile(filepath.Join(dir, "api-token"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("files of the installation: %w", err)
	}
	return NewControl(addr, strings.TrimSpace(string(account)), strings.TrimSpace(string(token)))
}
