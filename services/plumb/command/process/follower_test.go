package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline.dev/bus/creds"
	"plumbline.dev/services/internal/cli"
)

// The names of a follower's consumers are shown in the list and, when it is created, on the operator's terminal only. A
// follower created by an earlier version is marked.
func TestFollowersConsumersAreShown(t *testing.T) {
	data := t.TempDir()
	authority, err := creds.Open(filepath.Join(data, "nats"))
	if err != nil {
		t.Fatal(err)
	}
	dir := authorityDir{Data: data}
	var out, errs bytes.Buffer
	terminal := &cli.Terminal{Out: &out, Err: &errs}

	create := &followerCreate{authorityDir: dir, Name: "soc", Out: filepath.Join(data, "soc.creds")}
	if err := create.Run(terminal); err != nil {
		t.Fatal(err)
	}
	consumer := authority.FollowerConsumer("soc")
	if !strings.Contains(out.String(), "consumer: "+consumer+"\n") {
		t.Errorf("create shows %s", out.String())
	}
	out.Reset()
	if err := (&followerCreate{authorityDir: dir, Name: "siem", Out: "-"}).Run(terminal); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "consumer: ") ||
		!strings.Contains(errs.String(), authority.FollowerConsumer("siem")) {
		t.Errorf("the credentials are %s, and create shows %s", out.String(), errs.String())
	}

	path := filepath.Join(data, "nats", "followers.json")
	list, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	older := strings.Replace(string(list), `"consumer": "`+authority.FollowerConsumer("siem")+`"`, `"consumer": ""`, 1)
	if err := os.WriteFile(path, []byte(older), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := (&followerList{dir}).Run(terminal); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), consumer) || !strings.Contains(out.String(), "follow_siem (guessable") {
		t.Errorf("list shows\n%s", out.String())
	}
}
