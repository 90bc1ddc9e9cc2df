package v4

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"plumbline.dev/proto"
)

// Call is one authenticated request.
type Call struct {
	*http.Request
	Account proto.Account
	Zone    proto.Account // of a request for a zone; else zero
	Token   *proto.APIToken
	// Recheck returns an error once the token may no longer be used for the request.
	Recheck    func() error
	Permission Permission      // what the token must be allowed
	Client     context.Context // of a stream: it ends with the client, and not with the token
	Payload    []byte          // of an ordinary request
}

// Zoned reports whether the request is for a zone: a namespace of the account.
func (c *Call) Zoned() bool { return !c.Zone.IsZero() }

// Sees reports whether a request may see a resource of a zone; zero: of no zone. A request for the account sees the
// resources of every zone, a request for a zone sees its own.
func (c *Call) Sees(zone proto.Account) bool { return !c.Zoned() || zone == c.Zone }

// Object reads the body as a JSON object.
func (c *Call) Object() (Object, error) { return ParseObject(c.Payload) }

// ID reads an id in the path. If it is not an id, ID returns missing.
func (c *Call) ID(name string, missing *Error) (proto.ID, error) {
	id, err := proto.ParseID(c.PathValue(name))
	if err != nil || id.IsZero() {
		return proto.ID{}, missing
	}
	return id, nil
}

// Precondition checks If-Match against the revision of a resource.
func (c *Call) Precondition(revision uint64) error {
	match := c.Header.Get("If-Match")
	if match == "" || match == "*" {
		return nil
	}
	for tag := range strings.SplitSeq(match, ",") {
		if strings.TrimSpace(tag) == etag(revision) {
			return nil
		}
	}
	return ErrPrecondition
}

// Peer returns the address of the connection that a request came on. Headers are ignored: a client can make them up. It
// is not valid if there is no connection.
func Peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// Visible returns the name of a resource, or nothing if the request is for a zone that the resource is not in.
func (c *Call) Visible(zone proto.Account, name string) string {
	if !c.Sees(zone) {
		return ""
	}
	return name
}
