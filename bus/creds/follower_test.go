package creds_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
)

func TestFollowersAreKept(t *testing.T) {
	dir := t.TempDir()
	a, err := creds.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	file, err := a.Follower("soc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Follower("soc"); !errors.Is(err, creds.ErrFollowerExists) {
		t.Errorf("a second follower of the name: %v", err)
	}
	if _, err := a.Follower("follow_soc"); err == nil {
		t.Error("a follower was given the name of another's consumer")
	}
	if ok, err := a.FollowerUpToDate(file, "soc"); err != nil || !ok {
		t.Errorf("a new file is not up to date: %v", err)
	}
	if ok, _ := a.FollowerUpToDate(file, "siem"); ok {
		t.Error("a file is up to date for another follower")
	}
	// Another process of the same installation revokes it.
	other, err := creds.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Revoke("soc"); err != nil {
		t.Fatal(err)
	}
	if err := other.Revoke("soc"); !errors.Is(err, creds.ErrNoFollower) {
		t.Errorf("revoked twice: %v", err)
	}
	if ok, err := a.FollowerUpToDate(file, "soc"); err != nil || ok {
		t.Errorf("the file of a revoked follower is up to date: %v", err)
	}
	if _, err := a.Follower("soc"); err != nil {
		t.Errorf("the name of a revoked follower cannot be used again: %v", err)
	}
	all, err := a.Followers()
	if err != nil || len(all) != 2 || all[0].Active() || !all[1].Active() {
		t.Errorf("followers %+v, %v", all, err)
	}
	if name := other.FollowerConsumer("soc"); all[0].Consumer != name || all[1].Consumer != name {
		t.Errorf("consumers %s and %s instead of %s: a follower created again loses its position", all[0].Consumer,
			all[1].Consumer, name)
	}
	if info, err := os.Stat(filepath.Join(dir, "followers.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("list of followers: %v, %v", info, err)
	}
}

// An authority with one account for all users, or one for all roles, gets the missing accounts. Users created in the
// pipeline's account become invalid; followers with an account keep it.
func TestAnAuthorityOfBeforeIsCompleted(t *testing.T) {
	for name, had := range map[string][]topology.Zone{
		"one account": nil, "accounts for followers": {topology.Mirror, topology.Follow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			first, err := creds.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			soc, err := first.Follower("soc")
			if err != nil {
				t.Fatal(err)
			}
			operator, gateway := older(t, dir, topology.Operator, had...), older(t, dir, topology.Gateway, had...)
			// Credentials created within the second of the upgrade count as new.
			made := time.Now().Unix()
			bustest.Eventually(t, "the clock has moved on", func() bool { return time.Now().Unix() > made+1 })
			a, err := creds.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			completed(t, dir, first, a)
			if a.UpToDate(operator, topology.Operator) || a.UpToDate(gateway, topology.Gateway) {
				t.Error("credentials of before are up to date")
			}
			if current, err := a.FollowerUpToDate(soc, "soc"); err != nil || current != (had != nil) {
				t.Errorf("the follower is up to date: %v, %v", current, err)
			}
		})
	}
}

func completed(t *testing.T, dir string, first, a *creds.Authority) {
	t.Helper()
	if a.AccountID != first.AccountID || a.SystemID != first.SystemID {
		t.Error("the account of the streams was replaced")
	}
	tokens, err := a.AccountJWTs()
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range topology.Zones() {
		if tokens[a.Account(z)] == "" {
			t.Errorf("there is no account %s", z)
		}
	}
	claims, err := jwt.DecodeAccountClaims(tokens[a.AccountID])
	if err != nil {
		t.Fatal(err)
	}
	if claims.Revocations[jwt.All] == 0 {
		t.Error("credentials of before are not revoked")
	}
	again, err := creds.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range topology.Roles() {
		if file, err := a.File(r); err != nil || !again.UpToDate(file, r) {
			t.Errorf("credentials of %s that were made since are void: %v", r, err)
		}
	}
}
