package disk

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Write is one call that writes to a file, or syncs it.
type Write struct {
	At    time.Time
	Path  string
	Bytes int64 // 0 of a sync
	Sync  bool
}

// Tracer returns a command that runs the program in its place, with the same process id, and records into a file what
// [Read] reads. Only calls that write and sync are stopped for it, so the program is little slower.
func Tracer(strace, record, program string) string {
	return fmt.Sprintf("#!/bin/sh\nexec '%s' -D -f --seccomp-bpf -y -ttt -s 0 -e signal=none -e 'trace=%s' "+
		"-o '%s' '%s' \"$@\"\n", strace, calls, record, program)
}

const calls = "write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync"

// The forms of a line: a call, a call during which another thread's call was recorded, and the rest of that one.
var (
	whole   = regexp.MustCompile(`^(\d+) +(\d+\.\d+) (\w+)\(\d+<(/[^>]*)>.* = (-?\d+)`)
	begun   = regexp.MustCompile(`^(\d+) +(\d+\.\d+) (\w+)\(\d+<(/[^>]*)>.* <unfinished \.\.\.>$`)
	resumed = regexp.MustCompile(`^(\d+) +\d+\.\d+ <\.\.\. (\w+) resumed>.* = (-?\d+)`)
)

// Read reads a record, in the order in which the calls ended. Calls that failed, and those on sockets and pipes, are
// left out.
func Read(r io.Reader, each func(Write)) error {
	open := map[string][]string{} // calls under way, by thread
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := begun.FindStringSubmatch(line); m != nil {
			open[m[1]] = m[2:5]
			continue
		}
		var call []string // time, name, path
		var result string
		if m := whole.FindStringSubmatch(line); m != nil {
			call, result = m[2:5], m[5]
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			call, result = open[m[1]], m[3]
			delete(open, m[1])
		}
		if call == nil {
			continue
		}
		w, err := write(call, result)
		if err != nil {
			return fmt.Errorf("strace's line %.200q: %w", line, err)
		}
		if w.Bytes >= 0 {
			each(w)
		}
	}
	return lines.Err()
}

func write(call []string, result string) (Write, error) {
	seconds, micros, _ := strings.Cut(call[0], ".")
	s, err1 := strconv.ParseInt(seconds, 10, 64)
	us, err2 := strconv.ParseInt(micros, 10, 64)
	n, err3 := strconv.ParseInt(result, 10, 64)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return Write{}, err
		}
	}
	return Write{At: time.Unix(s, us*1000), Path: strings.TrimSuffix(call[2], " (deleted)"), Bytes: n,
		Sync: strings.HasSuffix(call[1], "sync")}, nil
}

// Totals are the counters of a process's /proc/PID/io.
type Totals struct {
	Calls int64 // that write, sockets and pipes included
	Disk  int64 // bytes that the process caused to be sent to the disk, whole pages of 4 KiB
}

// ReadTotals reads the counters of a process so far.
func ReadTotals(pid int) (Totals, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return Totals{}, err
	}
	return parseTotals(string(data))
}

func parseTotals(text string) (t Totals, err error) {
	for name, into := range map[string]*int64{"syscw": &t.Calls, "write_bytes": &t.Disk} {
		_, rest, ok := strings.Cut(text, "\n"+name+": ")
		value, _, _ := strings.Cut(rest, "\n")
		if *into, err = strconv.ParseInt(value, 10, 64); err != nil || !ok {
			return Totals{}, fmt.Errorf("no %s in %q", name, text)
		}
	}
	return t, nil
}
