// Package login checks the address and the credentials of a connection before it is made, and explains rejected logins.
package login

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"plumbline.dev/bus/topology"
)

// Check returns an error if a list of servers and a credentials file can never lead to a connection. Creds is the path
// of the file, or empty if there is none.
func Check(servers, creds string) error {
	if err := checkURL(servers); err != nil {
		return err
	}
	if creds == "" {
		return nil
	}
	return checkCreds(creds, time.Now())
}

// checkURL validates a list of servers. An empty list stands for an in-process server, or the local default.
func checkURL(list string) error {
	if list == "" {
		return nil
	}
	for server := range strings.SplitSeq(list, ",") {
		server = strings.TrimSpace(server)
		whole := server
		if !strings.Contains(whole, "://") {
			whole = "nats://" + whole
		}
		u, err := url.Parse(whole)
		switch {
		case server == "":
			return fmt.Errorf("NATS URL %q: a server between the commas is missing", redact(list))
		case err != nil:
			return fmt.Errorf("NATS URL %q is malformed: expected nats://host:port", redact(server))
		case u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss":
			return fmt.Errorf("NATS URL %q: scheme %q is not supported: expected nats://host:port or tls://host:port",
				redact(server), u.Scheme)
		case u.Hostname() == "":
			return fmt.Errorf("NATS URL %q has no host: expected nats://host:port", redact(server))
		}
		if port := u.Port(); port != "" {
			if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
				return fmt.Errorf("NATS URL %q: port %s is not between 1 and 65535", redact(server), port)
			}
		}
	}
	return nil
}

// redact removes a possible password.
func redact(server string) string {
	if at := strings.LastIndex(server, "@"); at >= 0 {
		return "..." + server[at:]
	}
	return server
}

// User is the user of a connection.
type User struct {
	Name     string
	Inbox    string // the prefix of its inboxes
	Consumer string // storing the position; empty unless the user is a follower
}

// Identify returns the user of a connection. A follower's is read from its credentials: those in content, or in the
// file creds if content is nil.
func Identify(role topology.Role, creds string, content []byte) (User, error) {
	if role != topology.Follower {
		return User{Name: string(role), Inbox: role.InboxPrefix()}, nil
	}
	u := User{Name: string(topology.Follower)}
	if content == nil && creds != "" {
		var err error
		if content, err = os.ReadFile(creds); err != nil {
			return User{}, fmt.Errorf("credentials: %w", err)
		}
		defer clear(content)
	}
	if content != nil {
		token, err := nkeys.ParseDecoratedJWT(content)
		if err != nil {
			return User{}, fmt.Errorf("credentials %s: %w", creds, err)
		}
		claims, err := jwt.DecodeUserClaims(token)
		if err != nil {
			return User{}, fmt.Errorf("credentials %s: %w", creds, err)
		}
		u.Name = cmp.Or(claims.Name, u.Name)
		u.Consumer = topology.FollowerConsumerIn(claims.Pub.Allow)
	}
	u.Inbox = topology.FollowerInbox(u.Name)
	u.Consumer = cmp.Or(u.Consumer, topology.FollowPrefix+u.Name)
	return u, nil
}

// checkCreds validates a credentials file. Its errors are permanent: the file is missing, unreadable, malformed or
// expired.
func checkCreds(path string, now time.Time) error {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("credentials file %q does not exist: check the path, or have the credentials created", path)
	case err != nil:
		return fmt.Errorf("credentials file %q cannot be read: %w", path, err)
	}
	defer clear(content)
	token, err := nkeys.ParseDecoratedJWT(content)
	if err != nil {
		return notCreds(path, "it holds no JWT")
	}
	// The parser accepts a file without the decoration as a bare token.
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return notCreds(path, "it holds no user's JWT")
	}
	key, err := nkeys.ParseDecoratedUserNKey(content)
	if err != nil {
		return notCreds(path, "it holds no user's seed")
	}
	defer key.Wipe()
	if public, err := key.PublicKey(); err != nil || public != claims.Subject {
		return notCreds(path, "its seed does not belong to its JWT")
	}
	if at := time.Unix(claims.Expires, 0); claims.Expires > 0 && !now.Before(at) {
		return fmt.Errorf("credentials file %q expired at %s: have new credentials created",
			path, at.UTC().Format(time.RFC3339))
	}
	return nil
}

func notCreds(path, why string) error {
	return fmt.Errorf("%q is not a NATS credentials file: %s; have the credentials created again", path, why)
}

// refusals lists the permanent login errors, with advice.
var refusals = []struct {
	err    error
	advice string
}{
	{nats.ErrAuthorization, "the server rejected the credentials: " +
		"check that they belong to this installation and are not revoked"},
	{nats.ErrAuthRevoked, "the credentials were revoked: have new ones created"},
	{nats.ErrAuthExpired, "the credentials have expired: have new ones created"},
	{nats.ErrAccountAuthExpired, "the account has expired"},
	{nats.ErrUserButNoSigCB, "the credentials hold no seed"},
	{nats.ErrNkeysNotSupported, "the server asks for no credentials of this kind: check the URL"},
	{nats.ErrSecureConnRequired, "the server requires TLS: use tls:// in the URL"},
	{nats.ErrSecureConnWanted, "the server has no TLS: use nats:// in the URL"},
	{nats.ErrMixingWebsocketSchemes, "use ws:// for all servers or for none"},
	{nats.ErrInvalidConnection, "the connection options are invalid"},
}

// Refused returns advice about a permanent error, or "" for an error a retry may fix.
func Refused(err error) string {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.advice
		}
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return "the server's certificate is not trusted: check the URL's host, " +
			"or add the authority to the system's (SSL_CERT_FILE)"
	}
	return ""
}
