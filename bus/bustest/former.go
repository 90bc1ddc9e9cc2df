package bustest

import (
	"strings"

	"github.com/nats-io/jwt/v2"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// FormerFollower connects with a follower's credentials of an earlier version. The connection is closed at the end of
// the test.
func (b *Bus) FormerFollower(name string) *bus.Conn {
	b.t.Helper()
	p := topology.FollowerPermissions(name, "KEY")
	for i, subject := range p.Publish {
		p.Publish[i] = strings.ReplaceAll(subject, "_KEY", "")
	}
	token, seed, err := b.servers[0].Authority().UserIn(topology.Follow, name, p)
	if err != nil {
		b.t.Fatal(err)
	}
	file, err := jwt.FormatUserConfig(token, []byte(seed))
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := b.servers[0].ConnectFollower(b.t.Context(), file, Log(b.t))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}
