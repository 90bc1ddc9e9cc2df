package bustest

import (
	"fmt"
	"strings"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
)

// Network is a cluster of three servers, n0 to n2. Their connections to each other and to clients can be cut and
// paused.
type Network struct {
	*Bus
	routes  [3][3]*link // from one server to another
	clients [3]*link
}

// StartNetwork starts a cluster with three replicas of every stream.
func StartNetwork(t testing.TB) *Network {
	t.Helper()
	authority, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	n := &Network{Bus: &Bus{t: t}}
	addrs := [3]string{FreeAddr(t), FreeAddr(t), FreeAddr(t)}
	var peers [3][]string
	for i := range addrs {
		for j := range addrs {
			if j != i {
				n.routes[i][j] = newLink(t, addrs[j])
				peers[i] = append(peers[i], n.routes[i][j].addr())
			}
		}
	}
	n.startServers(func(i int) *embed.Cluster {
		return &embed.Cluster{Name: "test", Server: fmt.Sprintf("n%d", i), Addr: addrs[i], Peers: peers[i],
			Authority: authority,
			// an unused address, or servers would connect directly, bypassing the links
			Advertise: "127.0.0.1:1"}
	})
	for i, s := range n.servers {
		n.clients[i] = newLink(t, s.Addr())
	}
	n.provision(topology.Options{Replicas: 3, LogMaxBytes: 1 << 30})
	return n
}

// Dial connects to any of the servers over the network, with the permissions of a role. The connection is closed at
// the end of the test.
func (n *Network) Dial(role topology.Role) *bus.Conn {
	n.t.Helper()
	file, err := n.servers[0].Authority().File(role)
	if err != nil {
		n.t.Fatal(err)
	}
	var urls []string
	for _, l := range n.clients {
		urls = append(urls, "nats://"+l.addr())
	}
	ctx, cancel := starting(n.t)
	defer cancel()
	c, err := bus.Connect(ctx, bus.Config{URL: strings.Join(urls, ","), Role: role, Log: Log(n.t),
		CredsContent: file})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(c.Close)
	return c
}

// Partition cuts a server's connections to the other servers. Its clients stay connected.
func (n *Network) Partition(i int) { n.set(i, true, false, false) }

// Vanish pauses all data to and from a server without closing a connection, as if the machine hung or its network was
// down.
func (n *Network) Vanish(i int) { n.set(i, false, true, true) }

// Heal restores all connections.
func (n *Network) Heal() {
	for i := range n.servers {
		n.set(i, false, false, false)
	}
}

func (n *Network) set(i int, cut, paused, withClients bool) {
	for j := range n.servers {
		if j != i {
			n.routes[i][j].set(cut, paused)
			n.routes[j][i].set(cut, paused)
		}
	}
	n.clients[i].set(false, paused && withClients)
}

// Leader waits until a stream has a leader and returns the index of its server.
func (n *Network) Leader(stream string) (leader int) {
	n.t.Helper()
	if n.operator == nil {
		n.operator = n.Dial(topology.Operator)
	}
	Eventually(n.t, stream+" has a leader", func() bool {
		s, err := n.operator.JetStreamOf(stream).Stream(n.t.Context(), stream)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		_, err = fmt.Sscanf(s.CachedInfo().Cluster.Leader, "n%d", &leader)
		return err == nil
	})
	return leader
}
