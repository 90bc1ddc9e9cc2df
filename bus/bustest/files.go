package bustest

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
)

// Stopped is the store of a stopped server. Its methods simulate a crash, a bad disk or a careless restore.
type Stopped struct {
	t testing.TB
	// Dir is the server's directory, as in [embed.Config].
	Dir string
}

// NewStore returns an empty store.
func NewStore(t testing.TB) Stopped { return Stopped{t: t, Dir: t.TempDir()} }

// StoreAt returns the store in the directory of an existing server, as in [embed.Config].
func StoreAt(t testing.TB, dir string) Stopped { return Stopped{t: t, Dir: dir} }

// Start runs a server on the store. Close the server before changing the files again.
func (s Stopped) Start() *embed.Server {
	s.t.Helper()
	return s.StartAt("")
}

// StartAt is like [Stopped.Start], with an address for network connections.
func (s Stopped) StartAt(addr string) *embed.Server {
	s.t.Helper()
	server, err := startServer(s.t, embed.Config{Dir: s.Dir, Addr: addr, NoSync: true, Log: Log(s.t)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(server.Close)
	return server
}

// Copy returns a copy of the entire store, for use with [Stopped.PutBack].
func (s Stopped) Copy() Stopped {
	s.t.Helper()
	c := NewStore(s.t)
	s.must(os.CopyFS(c.Dir, os.DirFS(s.Dir)))
	return c
}

// PutBack replaces the entire store by an older copy.
func (s Stopped) PutBack(old Stopped) {
	s.t.Helper()
	s.must(os.RemoveAll(s.Dir))
	s.must(os.CopyFS(s.Dir, os.DirFS(old.Dir)))
}

// PutBackStream replaces one stream and its consumers by an older copy.
func (s Stopped) PutBackStream(old Stopped, stream string) {
	s.t.Helper()
	s.must(os.RemoveAll(s.stream(stream)))
	s.must(os.CopyFS(s.stream(stream), os.DirFS(old.stream(stream))))
}

// RemoveStream deletes all files of a stream.
func (s Stopped) RemoveStream(stream string) {
	s.t.Helper()
	s.must(os.RemoveAll(s.stream(stream)))
}

// RemoveIndex deletes the server's index of a stream's blocks.
func (s Stopped) RemoveIndex(stream string) {
	s.t.Helper()
	s.must(os.Remove(filepath.Join(s.stream(stream), "msgs", "index.db")))
}

// TruncateLastBlock removes bytes from the end of a stream's newest block.
func (s Stopped) TruncateLastBlock(stream string, bytes int64) {
	s.t.Helper()
	blocks := s.blocks(stream)
	last := blocks[len(blocks)-1]
	info, err := os.Stat(last)
	s.must(err)
	s.must(os.Truncate(last, max(info.Size()-bytes, 0)))
}

// CorruptBlock overwrites a few bytes in many places of a stream's n-th block.
func (s Stopped) CorruptBlock(stream string, n int) {
	s.t.Helper()
	block := s.blocks(stream)[n]
	data, err := os.ReadFile(block)
	s.must(err)
	for part := 1; part < 16; part++ {
		at := len(data) / 16 * part
		for i := range min(8, len(data)-at) {
			data[at+i] ^= 0x5a
		}
	}
	s.must(os.WriteFile(block, data, 0o600))
}

// Blocks returns the number of blocks of a stream.
func (s Stopped) Blocks(stream string) int { return len(s.blocks(stream)) }

func (s Stopped) blocks(stream string) []string {
	s.t.Helper()
	all, err := filepath.Glob(filepath.Join(s.stream(stream), "msgs", "*.blk"))
	s.must(err)
	if len(all) == 0 {
		s.t.Fatalf("stream %s has no blocks", stream)
	}
	number := func(path string) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".blk"))
		return n
	}
	slices.SortFunc(all, func(a, b string) int { return number(a) - number(b) })
	return all
}

// stream returns the directory of a stream in its zone's account. The followers' copies have the same names in a
// different account.
func (s Stopped) stream(name string) string {
	s.t.Helper()
	authority, err := creds.Open(filepath.Join(s.Dir, "nats"))
	s.must(err)
	account := authority.Account(topology.ZoneOfStream(name))
	return filepath.Join(s.Dir, "nats", "store", "jetstream", account, "streams", name)
}

func (s Stopped) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
