package datadir_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/datadir"
)

func TestWhatIsMadeOnceIsKept(t *testing.T) {
	d := datadir.Dir(filepath.Join(t.TempDir(), "data"))
	authority, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	read := func() []string {
		t.Helper()
		account, err1 := d.Account(proto.Account{})
		token, _, err2 := d.APIToken("")
		recipient, err3 := d.Recipients("fetcher")
		identity, err6 := os.ReadFile(d.IdentityPath("fetcher"))
		err4 := d.Follower(authority)
		follower, err5 := os.ReadFile(d.FollowerPath())
		session, err7 := d.SessionKey()
		for _, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return []string{account.String(), token, string(identity), recipient, string(follower), string(session)}
	}
	first := read()
	for i, again := range read() {
		if again != first[i] {
			t.Errorf("value %d changed from %q to %q", i, first[i], again)
		}
	}
	if !strings.HasPrefix(first[3], "age1") {
		t.Errorf("recipient %q", first[3])
	}
	if token, made, err := d.APIToken(""); err != nil || made || token != first[1] {
		t.Errorf("token made %v again, %v", made, err)
	}
	err = filepath.WalkDir(string(d), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASessionKeyThatIsNone(t *testing.T) {
	d := datadir.Dir(t.TempDir())
	for _, text := range []string{"00", strings.Repeat("x", 64), strings.Repeat("0", 66), " "} {
		if err := os.WriteFile(d.SessionKeyPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.SessionKey(); err == nil || !strings.Contains(err.Error(), "session-key") ||
			strings.Contains(err.Error(), "xx") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnAccountThatIsGiven(t *testing.T) {
	d := datadir.Dir(t.TempDir())
	one, other := proto.NewAccount(), proto.NewAccount()
	for range 2 {
		if a, err := d.Account(one); err != nil || a != one {
			t.Fatalf("account %v, %v", a, err)
		}
	}
	if _, err := d.Account(other); err == nil || !strings.Contains(err.Error(), one.String()) {
		t.Errorf("another account: %v", err)
	}
}

func TestATokenThatIsGivenIsNotWritten(t *testing.T) {
	d := datadir.Dir(t.TempDir())
	given := strings.Repeat("t", 40)
	if token, made, err := d.APIToken(given); err != nil || made || token != given {
		t.Errorf("%q, made %v, %v", token, made, err)
	}
	if _, err := os.Stat(d.TokenPath()); !os.IsNotExist(err) {
		t.Errorf("the token's file: %v", err)
	}
	if _, _, err := d.APIToken("short"); err == nil || strings.Contains(err.Error(), `"short"`) {
		t.Errorf("a token of a wrong form: %v", err)
	}
}

func TestAFileThatWasEmptied(t *testing.T) {
	d := datadir.Dir(t.TempDir())
	if err := os.WriteFile(d.TokenPath(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.APIToken(""); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("error %v", err)
	}
}

func TestTwoProcessesDoNotShareADirectory(t *testing.T) {
	d := datadir.Dir(filepath.Join(t.TempDir(), "new"))
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	// Locks are of the open file, so the same process stands for another.
	if _, err := d.Lock(); err == nil || !strings.Contains(err.Error(), "is in use by process") {
		t.Errorf("second lock: %v", err)
	}
	release()
	again, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// Permissions are signed into the credentials file, so a changed topology needs a new file.
func TestCredentialsOfOtherPermissionsAreMadeAnew(t *testing.T) {
	d := datadir.Dir(t.TempDir())
	authority, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	old, err := authority.File(topology.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.FollowerPath(), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Follower(authority); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(d.FollowerPath())
	if err != nil {
		t.Fatal(err)
	}
	if current, err := authority.FollowerUpToDate(file, string(topology.Follower)); err != nil || !current {
		t.Errorf("the old file is still there (%v)", err)
	}
}
