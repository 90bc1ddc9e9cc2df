package embed_test

import (
	"strings"
	"testing"

	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
)

func TestAServerKeepsItsUsersAndItsData(t *testing.T) {
	dir := t.TempDir()
	var file []byte
	for run := range 2 {
		s, err := embed.Start(t.Context(), embed.Config{Dir: dir, Addr: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			if file, err = s.Authority().File(topology.Follower); err != nil {
				t.Fatal(err)
			}
		}
		login(t, s.Addr(), file)
		s.Close()
	}
}

func TestAnAddressThatIsTakenIsSaid(t *testing.T) {
	s, err := embed.Start(t.Context(), embed.Config{Dir: t.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	second, err := embed.Start(t.Context(), embed.Config{Dir: t.TempDir(), Addr: s.Addr()})
	if err == nil {
		second.Close()
		t.Fatal("two servers share an address")
	}
	if !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), s.Addr()) {
		t.Error(err)
	}
}
