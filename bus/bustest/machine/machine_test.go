package machine_test

import (
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"plumbline.dev/bus/bustest/machine"
)

func TestTookIsTheTimeOfAMachineThatIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if took := machine.Took(func() { <-time.After(1234 * time.Millisecond) }); took != 1234*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestTookLeavesOutWhatTheMachineTook(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	begin := time.Now()
	took := machine.Took(func() {
		for range 5 { // nobody else runs for most of the time
			for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
			}
			<-time.After(time.Millisecond)
		}
	})
	if wall := time.Since(begin); took < 0 || took > wall*3/4 {
		t.Errorf("took %v of %v", took, wall)
	}
}

func TestFreeAddressesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		addr, err := machine.FreeAddr()
		if err != nil || seen[addr] {
			t.Fatalf("%s again, %v", addr, err)
		}
		seen[addr] = true
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}
