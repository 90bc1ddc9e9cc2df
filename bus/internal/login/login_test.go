package login_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// userCreds returns a credentials file with an expiry; the zero time means none.
func userCreds(t *testing.T, expires time.Time) string {
	t.Helper()
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.NewUserClaims(public)
	if !expires.IsZero() {
		claims.Expires = expires.Unix()
	}
	token, err := claims.Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	content, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// A configuration that can never lead to a connection ends Connect at once, whether a server is there or not.
func TestConnectReturnsPermanentErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole := userCreds(t, time.Time{})
	const cut = "************************* IMPORTANT"
	token, _, _ := strings.Cut(whole, cut)
	_, seed, _ := strings.Cut(userCreds(t, time.Time{}), cut) // of another user
	for name, c := range map[string]struct{ url, creds, want string }{
		"no file":             {creds: "-", want: "does not exist: check the path"},
		"empty file":          {creds: "", want: "is not a NATS credentials file: it holds no"},
		"garbage":             {creds: "garbage\n", want: "is not a NATS credentials file: it holds no"},
		"binary":              {creds: "\x00\xff\x00", want: "is not a NATS credentials file: it holds no"},
		"no seed":             {creds: token, want: "it holds no user's seed"},
		"cut short":           {creds: whole[:len(whole)/4], want: "is not a NATS credentials file"},
		"another user's seed": {creds: token + cut + seed, want: "its seed does not belong to its JWT"},
		"expired":             {creds: userCreds(t, time.Unix(1e9, 0)), want: "expired at 2001-09-09T01:46:40Z: have new credentials created"},
		"no port number":      {url: "nats://127.0.0.1:x", want: "is malformed"},
		"port too large":      {url: "nats://127.0.0.1:70000", want: "port 70000 is not between"},
		"port 0":              {url: "127.0.0.1:0", want: "port 0 is not between"},
		"no host":             {url: "nats://:4222", want: "has no host"},
		"another scheme":      {url: "http://127.0.0.1:4222", want: `scheme "http" is not supported`},
		"an empty server":     {url: "nats://127.0.0.1:4222,", want: "between the commas is missing"},
		"a blank":             {url: "nats://a b:4222", want: "is malformed"},
		"one of two":          {url: "nats://127.0.0.1:4222, nats://u:secret@[::1:4222", want: `"...@[::1:4222" is malformed`},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cfg := bus.Config{URL: c.url, Role: topology.Follower}
			if c.url == "" {
				cfg.URL, cfg.Creds = "nats://127.0.0.1:1", filepath.Join(dir, strings.ReplaceAll(name, " ", "_"))
				if c.creds != "-" {
					if err := os.WriteFile(cfg.Creds, []byte(c.creds), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			conn, err := bus.Connect(ctx, cfg)
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || ctx.Err() != nil {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// A server may start later: valid credentials and a valid URL wait for it.
func TestConnectWaitsForAServer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "creds")
	if err := os.WriteFile(path, []byte(userCreds(t, time.Now().Add(time.Hour))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"nats://127.0.0.1:1", "127.0.0.1:1,localhost:1", "nats://nowhere.invalid:4222"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := bus.Connect(ctx, bus.Config{URL: url, Creds: path, Role: topology.Follower})
		if err == nil || ctx.Err() == nil {
			t.Errorf("%s: returned %v before its context ended", url, err)
		}
		cancel()
	}
}
