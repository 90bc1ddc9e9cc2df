package v4

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"plumbline.dev/proto"
)

// Person is the author of a request who came through the gateway.
type Person struct {
	User  proto.ID
	Email string // lower-case
	Name  string
	Roles []string     // ids
	Until proto.Millis // end of the session
}

// Call is an authenticated request.
type Call struct {
	*http.Request
	Account proto.Account
	Zone    proto.Account // set if the request is for a zone
	// Token is the API token of the request. For a person it holds the permissions of their roles, with the id of the
	// member and their e-mail address.
	Token  *proto.APIToken
	Person *Person // nil: the request is a token's
	// Recheck returns an error once the token may no longer be used for the request.
	Recheck    func() error
	Permission Permission      // required of the token
	Also       []Permission    // further permissions that are required of the token
	Client     context.Context // context of a stream's client; it outlives the token's permission
	Payload    []byte          // body of an ordinary request
}

// Zoned reports whether the request is for a zone: a namespace of the account.
func (c *Call) Zoned() bool { return !c.Zone.IsZero() }

// Sees reports whether a request may see a resource of a zone; the zero zone stands for resources outside of zones. A
// request for the account sees the resources of every zone; a request for a zone sees only its own.
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

// Peer returns the address of a request's connection; it is invalid if there is none. Headers are ignored, since
// clients can forge them.
func Peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// Visible returns the name of a resource; empty if the request is for a zone that does not contain it.
func (c *Call) Visible(zone proto.Account, name string) string {
	if !c.Sees(zone) {
		return ""
	}
	return name
}
