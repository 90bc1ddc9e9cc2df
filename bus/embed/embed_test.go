package embed_test

import (
	"context"
	"testing"
	"time"

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
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if second, err := embed.Start(ctx, embed.Config{Dir: t.TempDir(), Addr: s.Addr()}); err == nil {
		second.Close()
		t.Error("two servers share an address")
	}
}
