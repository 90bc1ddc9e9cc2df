package stack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Command is a process to start.
type Command struct {
	Name string // in the test's log
	Path string
	Args []string
	Env  []string // added to the test's own, without its PLUMB_ variables
	Dir  string
}

// Process is a running process. Its output is kept and printed if the test fails.
type Process struct {
	name   string
	cmd    *exec.Cmd
	out    tail // standard output
	log    tail // standard error
	exited chan struct{}
}

// Start starts a process. It is killed at the end of the test if it is still running.
func Start(t testing.TB, c Command) *Process {
	t.Helper()
	p, err := Launch(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if strings.Contains(p.Log(), "WARNING: DATA RACE") {
			t.Errorf("%s: the race detector found a race", p.name)
		}
		if t.Failed() {
			t.Logf("--- standard output of %s\n%s--- standard error of %s\n%s--- end of %s", p.name, p.Output(), p.name,
				p.Log(), p.name)
		}
	})
	return p
}

// Launch is like [Start], without a test: the caller must kill the process.
func Launch(c Command) (*Process, error) {
	p := &Process{name: c.Name, cmd: exec.Command(c.Path, c.Args...), exited: make(chan struct{})}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PLUMB_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, c.Env...)
	p.cmd.Dir = c.Dir
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	p.cmd.SysProcAttr = withParent()
	p.cmd.WaitDelay = outlived
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit status is in ProcessState
		close(p.exited)
	}()
	return p, nil
}

// outlived is how long the output of an ended process is read while processes that it started hold it open, such as
// those of a shell's pipeline.
const outlived = 5 * time.Second

// Kill sends SIGKILL and waits until the process has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Interrupt sends the signal of Ctrl-C. It returns the exit code, or an error if the process does not end in time.
func (p *Process) Interrupt(within time.Duration) (code int, err error) {
	return p.end(os.Interrupt, within)
}

// Terminate sends SIGTERM, as container engines do to stop a process.
func (p *Process) Terminate(within time.Duration) (code int, err error) {
	return p.end(syscall.SIGTERM, within)
}

func (p *Process) end(sig os.Signal, within time.Duration) (int, error) {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return -1, err
	}
	err := AskUntil(within, func() error {
		if p.Running() {
			return fmt.Errorf("%s still runs %v after %v", p.name, within, sig)
		}
		return nil
	})
	if err != nil {
		return -1, err
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// PID returns the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Name returns the name of the command.
func (p *Process) Name() string { return p.name }

// Exited returns a channel closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Running reports whether the process is running.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// ExitCode returns the exit code of an ended process, or -1 if it was ended by a signal.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Output returns the end of the standard output so far.
func (p *Process) Output() string { return p.out.String() }

// Log returns the end of the standard error so far.
func (p *Process) Log() string { return p.log.String() }

// PeakRSS returns the peak resident memory so far, in bytes.
func (p *Process) PeakRSS() (int64, error) { return p.status("VmHWM") }

// RSS returns the current resident memory, in bytes.
func (p *Process) RSS() (int64, error) { return p.status("VmRSS") }

func (p *Process) status(field string) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("memory of %s: %w", p.name, err)
	}
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(line, field+":")
		if f := strings.Fields(rest); ok && len(f) == 2 {
			kib, err := strconv.ParseInt(f[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("memory of %s: no %s", p.name, field)
}

// CPU returns the processor time used so far, user and system.
func (p *Process) CPU() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("processor time of %s: %w", p.name, err)
	}
	// The name in parentheses is the second field. After it, utime and stime are the 12th and 13th.
	_, rest, _ := bytes.Cut(data, []byte(") "))
	f := strings.Fields(string(rest))
	if len(f) < 13 {
		return 0, fmt.Errorf("processor time of %s: %q", p.name, data)
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	const hertz = 100 // USER_HZ, the same on every Linux supported by Go
	return time.Duration(user+system) * time.Second / hertz, errors.Join(err1, err2)
}

// tail keeps the end of its input.
type tail struct {
	mu    sync.Mutex
	lines []byte
	cut   bool
}

const tailBytes = 1 << 20

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, b...)
	if over := len(l.lines) - tailBytes; over > tailBytes/4 {
		l.lines, l.cut = append([]byte(nil), l.lines[over:]...), true
	}
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return "[...]" + string(l.lines)
	}
	return string(l.lines)
}

var _ io.Writer = (*tail)(nil)

// Lines returns the complete lines of the output so far.
func (p *Process) Lines() []string {
	var lines []string
	s := bufio.NewScanner(strings.NewReader(p.Output()))
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines
}
