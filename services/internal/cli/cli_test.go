package cli_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestMain(m *testing.M) {
	switch os.Getenv("CLI_TEST_CHILD") {
	case "patient":
		os.Exit(patient())
	}
	testscript.Main(m, map[string]func(){
		"echoer":    func() { os.Exit(echoer()) },
		"evaluator": func() { os.Exit(service()) },
	})
}

// echoer prints the values of its flags.
func echoer() int {
	var flags struct {
		Name     string        `help:"What to say."`
		Secret   string        `help:"What to keep."`
		Wait     time.Duration `default:"1s" help:"How long."`
		Fail     bool          `help:"Fail."`
		Misuse   bool          `help:"Be misused."`
		NoEnv    string        `env:"-" help:"Not for the environment."`
		cli.NATS `embed:""`
	}
	return cli.Main(cli.App{Name: "echoer", About: "Says what it was told."}, &flags,
		func(context.Context, *kong.Context) error {
			switch {
			case flags.Fail:
				return errors.Join(errors.New("the disk is full"), errors.New("and the tape too"))
			case flags.Misuse:
				return cli.Usage("--name and --secret say the same")
			}
			fmt.Printf("name=%q secret=%q wait=%v no-env=%q\n", flags.Name, flags.Secret, flags.Wait, flags.NoEnv)
			return nil
		})
}

// still is a service without any work.
type still struct{}

func (still) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (still) Ready(context.Context) error   { return nil }

func service() int {
	var flags struct{ cli.Common }
	return cli.Service(topology.Evaluator, "Decides.", &flags, func(cli.Host) (cli.Part, error) { return still{}, nil })
}

// patient ends only when it is told twice.
func patient() int {
	return cli.Main(cli.App{Name: "patient", About: "Waits."}, &struct{}{},
		func(ctx context.Context, _ *kong.Context) error {
			fmt.Println("waiting")
			<-ctx.Done()
			fmt.Println("told once")
			select {}
		})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true})
}

// child starts this test's binary again as one of the programs above.
func child(t *testing.T, name string, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "CLI_TEST_CHILD="+name)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	cmd, lines := child(t, "patient")
	for _, want := range []string{"waiting", "told once"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("read %q, want %q", lines.Text(), want)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != cli.ExitFailure {
		t.Errorf("ended with %v, want exit code 1", err)
	}
}

// A service without NATS is alive, says why it is not ready, and still ends cleanly. With NATS it is ready.
func TestAServiceAndItsHealth(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "evaluator")
	if err := os.Symlink(os.Args[0], bin); err != nil {
		t.Fatal(err)
	}
	server, err := embed.Start(t.Context(), embed.Config{Dir: t.TempDir(), Addr: "127.0.0.1:0", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	file, err := server.Authority().File(topology.Evaluator)
	if err != nil {
		t.Fatal(err)
	}
	creds := filepath.Join(t.TempDir(), "creds")
	if err := os.WriteFile(creds, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		nats, says string
		code       int
	}{
		{"nats://127.0.0.1:1", "not ready: starting", cli.ExitFailure},
		{"nats://" + server.Addr(), "", cli.ExitOK},
	} {
		addr := freeAddr(t)
		cmd := exec.CommandContext(t.Context(), bin, "--admin-addr", addr, "--nats-url", c.nats, "--nats-creds", creds)
		cmd.Stderr = t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		bustest.Eventually(t, "/healthz answers", func() bool {
			r, err := http.Get("http://" + addr + "/healthz")
			if err == nil {
				r.Body.Close()
			}
			return err == nil && r.StatusCode == http.StatusOK
		})
		bustest.Eventually(t, "--probe says "+c.says, func() bool {
			out, err := exec.CommandContext(t.Context(), bin, "--probe", "--admin-addr", addr).CombinedOutput()
			code := 0
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				code = exit.ExitCode()
			}
			return code == c.code && strings.Contains(string(out), c.says)
		})
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("ended with %v, want exit code 0", err)
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := machine.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
