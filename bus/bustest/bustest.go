// Package bustest starts real NATS servers for tests, either one embedded server or a cluster of three, with the
// topology provisioned, and connects to them with the permissions of a role.
package bustest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
)

// Bus is a server, or cluster, running for a test.
type Bus struct {
	t        testing.TB
	servers  []*embed.Server
	operator *bus.Conn // used by Newest
}

// Start runs one server with everything provisioned; it stops at the end of the test, after the public messages in its
// streams were validated against their JSON Schemas. Streams are not synced to disk, as their content need not survive
// the test process.
func Start(t testing.TB) *Bus { return StartWith(t, topology.Options{}) }

// StartWith is like [Start] with different stream options, such as a small log.
func StartWith(t testing.TB, o topology.Options) *Bus {
	t.Helper()
	s, err := startServer(t, embed.Config{Dir: t.TempDir(), NoSync: true, Log: Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	b := &Bus{t: t, servers: []*embed.Server{s}}
	if o.LogMaxBytes == 0 {
		o.LogMaxBytes = 1 << 30
	}
	b.provision(o)
	t.Cleanup(b.validatePublic)
	return b
}

// Cluster runs three servers on loopback, n0 to n2, with three replicas of every stream.
func Cluster(t testing.TB) *Bus {
	t.Helper()
	authority, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	b, addrs := &Bus{t: t}, []string{FreeAddr(t), FreeAddr(t), FreeAddr(t)}
	b.startServers(func(i int) *embed.Cluster {
		return &embed.Cluster{Name: "test", Server: fmt.Sprintf("n%d", i), Addr: addrs[i], Peers: addrs,
			Authority: authority}
	})
	b.provision(topology.Options{Replicas: 3, LogMaxBytes: 1 << 30})
	t.Cleanup(b.validatePublic)
	return b
}

// FreeAddr returns an unused loopback address, a different one on each call. Unlike port 0, it suits a process that
// chooses its addresses before it listens: the operating system gives the port to no connection meanwhile.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, err := machine.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// startServers starts the three servers of a cluster at the same time. A server asks for votes within a second of its
// start. If no other server runs by then, the cluster has no leader for four to nine seconds.
func (b *Bus) startServers(member func(i int) *embed.Cluster) {
	b.t.Helper()
	b.servers = make([]*embed.Server, 3)
	var errs [3]error
	var running sync.WaitGroup
	for i := range b.servers {
		cfg := embed.Config{Dir: b.t.TempDir(), NoSync: true, Log: Log(b.t), Addr: "127.0.0.1:0", Cluster: member(i)}
		running.Go(func() { b.servers[i], errs[i] = startServer(b.t, cfg) })
	}
	running.Wait()
	b.t.Cleanup(func() {
		for _, s := range b.servers {
			if s != nil {
				running.Go(s.Close)
			}
		}
		running.Wait()
	})
	if err := errors.Join(errs[:]...); err != nil {
		b.t.Fatal(err)
	}
}

// startServer is like [embed.Start], with a time limit.
func startServer(t testing.TB, cfg embed.Config) (*embed.Server, error) {
	ctx, cancel := starting(t)
	defer cancel()
	return embed.Start(ctx, cfg)
}

func (b *Bus) provision(o topology.Options) {
	b.t.Helper()
	ctx, cancel := starting(b.t)
	defer cancel()
	if err := provision.Topology(ctx, b.Conn(topology.Operator), o); err != nil {
		b.t.Fatal(err)
	}
}

// Conn connects to the first server with the permissions of a role. The connection is closed at the end of the test.
func (b *Bus) Conn(role topology.Role) *bus.Conn { return b.ConnTo(0, role) }

// ConnTo is like [Bus.Conn] for the i-th server.
func (b *Bus) ConnTo(i int, role topology.Role) *bus.Conn { return b.ConnWith(i, role) }

// ConnWith is like [Bus.ConnTo]. The functions in more may adjust the client's settings.
func (b *Bus) ConnWith(i int, role topology.Role, more ...func(*bus.Config)) *bus.Conn {
	b.t.Helper()
	ctx, cancel := starting(b.t)
	defer cancel()
	c, err := b.servers[i].Connect(ctx, role, Log(b.t), more...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}

// Anybody connects to the first server as a user with all permissions of a zone. The connection is closed at the end
// of the test.
func (b *Bus) Anybody(zone topology.Zone) *nats.Conn {
	b.t.Helper()
	all := topology.Permissions{Publish: []string{">"}, Subscribe: []string{">"}}
	token, seed, err := b.servers[0].Authority().UserIn(zone, "user of "+string(zone), all)
	if err != nil {
		b.t.Fatal(err)
	}
	nc, err := nats.Connect("", b.servers[0].InProcess(), nats.UserJWTAndSeed(token, seed),
		// Denied operations are reported here as well; the tests check their effects instead.
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(nc.Close)
	return nc
}

// Literal returns a subject matched by a filter.
func Literal(filter string) string {
	return strings.NewReplacer("*", "x", ">", "x.y").Replace(filter)
}

// Server returns the i-th server, counting from 0.
func (b *Bus) Server(i int) *embed.Server { return b.servers[i] }

// Servers returns the number of servers.
func (b *Bus) Servers() int { return len(b.servers) }

// Follower creates a follower and connects as it. The connection is closed at the end of the test.
func (b *Bus) Follower(name string) *bus.Conn {
	b.t.Helper()
	file, err := b.servers[0].Authority().Follower(name)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := starting(b.t)
	defer cancel()
	c, err := b.servers[0].ConnectFollower(ctx, file, Log(b.t))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}
