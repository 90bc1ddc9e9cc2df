// Package bustest starts real NATS servers for tests: one embedded server, or three replicas, with the
// topology provisioned, and connections that have the permissions of the role they play.
package bustest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
)

// Bus is a running server, or cluster, of a test.
type Bus struct {
	t        testing.TB
	servers  []*embed.Server
	operator *bus.Conn // of Newest
}

// Start runs one server with everything provisioned; it ends with the test. Streams are not synced to
// disk: a test process that dies has nothing to keep.
func Start(t testing.TB) *Bus { return StartWith(t, topology.Options{}) }

// StartWith is Start with other stream options: a small log, say.
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
	return b
}

// Cluster runs three servers, n0 to n2, on loopback with every stream on all three.
func Cluster(t testing.TB) *Bus {
	t.Helper()
	authority, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for range 3 {
		addr, err := machine.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, addr)
	}
	b := &Bus{t: t}
	for i, addr := range addrs {
		s, err := startServer(t, embed.Config{Dir: t.TempDir(), NoSync: true, Log: Log(t), Addr: "127.0.0.1:0",
			Cluster: &embed.Cluster{Name: "test", Server: fmt.Sprintf("n%d", i), Addr: addr, Peers: addrs, Authority: authority}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		b.servers = append(b.servers, s)
	}
	b.provision(topology.Options{Replicas: 3, LogMaxBytes: 1 << 30})
	return b
}

// startServer is [embed.Start], for a limited time.
func startServer(t testing.TB, cfg embed.Config) (*embed.Server, error) {
	ctx, cancel := starting(t)
	defer cancel()
	return embed.Start(ctx, cfg)
}

func (b *Bus) provision(o topology.Options) {
	b.t.Helper()
	ctx, cancel := starting(b.t)
	defer cancel()
	if err := bus.Provision(ctx, b.Conn(topology.Operator), o); err != nil {
		b.t.Fatal(err)
	}
}

// Conn is a connection of a role to the first server; it is closed with the test.
func (b *Bus) Conn(role topology.Role) *bus.Conn { return b.ConnTo(0, role) }

// ConnTo is a connection of a role to one of the servers.
func (b *Bus) ConnTo(i int, role topology.Role) *bus.Conn {
	b.t.Helper()
	ctx, cancel := starting(b.t)
	defer cancel()
	c, err := b.servers[i].Connect(ctx, role, Log(b.t))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}

// Anybody is a connection to the first server of a user of a zone who may do everything that the zone can; it is
// closed with the test.
func (b *Bus) Anybody(zone topology.Zone) *nats.Conn {
	b.t.Helper()
	all := topology.Permissions{Publish: []string{">"}, Subscribe: []string{">"}}
	token, seed, err := b.servers[0].Authority().UserIn(zone, all)
	if err != nil {
		b.t.Fatal(err)
	}
	nc, err := nats.Connect("", b.servers[0].InProcess(), nats.UserJWTAndSeed(token, seed),
		// What the server refuses shows here as well; the tests look at what it did.
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(nc.Close)
	return nc
}

// Literal is a subject that a filter matches.
func Literal(filter string) string {
	return strings.NewReplacer("*", "x", ">", "x.y").Replace(filter)
}

// Server is one of the servers, the first is 0.
func (b *Bus) Server(i int) *embed.Server { return b.servers[i] }

// Servers is the number of servers.
func (b *Bus) Servers() int { return len(b.servers) }

// Follower makes a follower and connects as it; the connection is closed with the test.
func (b *Bus) Follower(name string) *bus.Conn {
	b.t.Helper()
	file, err := b.servers[0].Authority().Follower(name)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := starting(b.t)
	defer cancel()
	c, err := b.servers[0].ConnectFollower(ctx, name, file, Log(b.t))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}
