package creds

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"plumbline.dev/bus/topology"
)

// Follower is another system with permission to read results, as listed by the authority.
type Follower struct {
	Name    string    `json:"name"`
	User    string    `json:"user"` // public key
	Created time.Time `json:"created"`
	Revoked time.Time `json:"revoked,omitzero"` // zero if not revoked
	// Consumer is the consumer storing the follower's position. Its name is a secret of the follower. It is empty if an
	// earlier version issued the credentials: the consumer's name then follows from the follower's name.
	Consumer string `json:"consumer,omitempty"`
}

// Active reports whether the follower's credentials are valid.
func (f Follower) Active() bool { return f.Revoked.IsZero() }

// ErrFollowerExists and ErrNoFollower are wrapped by errors about an existing or missing follower.
var (
	ErrFollowerExists = errors.New("a follower with this name exists: revoke it first")
	ErrNoFollower     = errors.New("there is no active follower with this name")
)

// registry is the list of followers of an authority without a file.
type registry struct {
	mu  sync.Mutex
	all []Follower
}

const followersFile = "followers.json"

// Followers returns all followers, oldest first, including revoked ones.
func (a *Authority) Followers() ([]Follower, error) { return a.read() }

// Follower creates a follower and returns its credentials file. Running servers accept it without an update.
func (a *Authority) Follower(name string) ([]byte, error) {
	if err := topology.CheckFollowerName(name); err != nil {
		return nil, err
	}
	token, seed, id, err := a.user(topology.Follow, name, a.followerPermissions(name))
	if err != nil {
		return nil, err
	}
	err = a.change(func(all []Follower) ([]Follower, error) {
		if slices.ContainsFunc(all, func(f Follower) bool { return f.Name == name && f.Active() }) {
			return nil, fmt.Errorf("follower %q: %w", name, ErrFollowerExists)
		}
		return append(all, Follower{Name: name, User: id, Created: time.Now().UTC().Truncate(time.Second),
			Consumer: a.FollowerConsumer(name)}), nil
	})
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(token, []byte(seed))
}

// FollowerConsumer returns the consumer storing the position of a follower of this name. A follower revoked and created
// again has the same consumer, so it continues from its position.
func (a *Authority) FollowerConsumer(name string) string {
	return topology.FollowerConsumer(name, a.followerKey(name))
}

func (a *Authority) followerPermissions(name string) jwt.Permissions {
	return permissions(topology.FollowerPermissions(name, a.followerKey(name)))
}

// followerKey returns the secret part of the names of a follower's consumers: 80 bits, in base 32, derived from the
// seed of the followers' account.
func (a *Authority) followerKey(name string) string {
	mac := hmac.New(sha256.New, a.accounts[string(topology.Follow)].secret)
	mac.Write([]byte("consumers of follower " + name))
	return strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)[:10]))
}

// Revoke revokes a follower's credentials. [Authority.Push] makes running servers aware of it.
func (a *Authority) Revoke(name string) error {
	now := time.Now().UTC().Truncate(time.Second)
	return a.change(func(all []Follower) ([]Follower, error) {
		found := false
		for i := range all {
			if all[i].Name == name && all[i].Active() {
				all[i].Revoked, found = now, true
				if now.Before(all[i].Created) { // the clock was set back; later credentials stay valid
					all[i].Revoked = all[i].Created
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("follower %q: %w", name, ErrNoFollower)
		}
		return all, nil
	})
}

// FollowerUpToDate reports whether a credentials file belongs to the active follower of this name and has its current
// permissions.
func (a *Authority) FollowerUpToDate(file []byte, name string) (bool, error) {
	had, ok := a.claims(file, topology.Follow, a.followerPermissions(name))
	if !ok || had.Name != name {
		return false, nil
	}
	all, err := a.read()
	return slices.ContainsFunc(all, func(f Follower) bool { return f.User == had.Subject && f.Active() }), err
}

func (a *Authority) read() ([]Follower, error) {
	if a.dir == "" {
		a.followers.mu.Lock()
		defer a.followers.mu.Unlock()
		return slices.Clone(a.followers.all), nil
	}
	path := filepath.Join(a.dir, followersFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []Follower
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("list of followers %s: %w", path, err)
	}
	return all, nil
}

// change edits the list of followers. It is safe for concurrent use by several processes.
func (a *Authority) change(edit func([]Follower) ([]Follower, error)) error {
	if a.dir == "" {
		a.followers.mu.Lock()
		defer a.followers.mu.Unlock()
		all, err := edit(slices.Clone(a.followers.all))
		if err == nil {
			a.followers.all = all
		}
		return err
	}
	unlock, err := lock(a.dir)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := a.read()
	if err != nil {
		return err
	}
	if all, err = edit(all); err != nil {
		return err
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return WriteSecret(filepath.Join(a.dir, followersFile), append(data, '\n'))
}
