package importfile

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

func TestOnlyUniqueSerialsMakeIDs(t *testing.T) {
	dir, a := t.TempDir(), proto.Account{1}
	rapid.Check(t, func(t *rapid.T) {
		// Few serial numbers, so many are equal, and a limit low enough for several passes.
		serials := rapid.SliceOf(rapid.SampledFrom([]string{"A1", "B2", "C3", "D4", "E5", "F6", "None", ""})).Draw(t,
			"serials")
		withID := rapid.SliceOfN(rapid.Bool(), len(serials), len(serials)).Draw(t, "with id")
		s := NewSpool(dir, rapid.IntRange(1, 5).Draw(t, "limit"))
		defer s.Close()
		count := map[string]int{}
		for _, serial := range serials {
			count[serial]++
		}
		want := map[int]bool{} // by line: whether it gets an id
		for n, serial := range serials {
			if withID[n] {
				if err := s.Saw(serial); err != nil {
					t.Fatal(err)
				}
				continue
			}
			refused, err := s.Hold(Row{Line: n, Device: proto.Device{Serial: serial, Hostname: fmt.Sprint(n)}})
			if err != nil {
				t.Fatal(err)
			}
			if (refused != nil) != Placeholder(serial) {
				t.Fatalf("%q: %v", serial, refused)
			}
			if refused == nil {
				want[n] = count[serial] == 1
			}
		}
		err := s.Drain(a, func(proto.ID) bool { return false }, func(r Row) error {
			unique, expected := want[r.Line]
			switch {
			case !expected:
				t.Fatalf("line %d comes out, once too often", r.Line)
			case unique != (r.Error == nil):
				t.Fatalf("line %d, serial %q of %v: %v", r.Line, serials[r.Line], serials, r.Error)
			case unique && (r.Device.ID != proto.DeriveID(a, serials[r.Line]) || r.Device.Hostname != fmt.Sprint(r.Line)):
				t.Fatalf("line %d came out as %+v", r.Line, r.Device)
			}
			delete(want, r.Line)
			return nil
		})
		if err != nil || len(want) > 0 {
			t.Fatalf("%v, never came out: %v", err, want)
		}
	})
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAnEarlyEndOfTheDrain(t *testing.T) {
	s := NewSpool(t.TempDir(), 0)
	defer s.Close()
	for _, serial := range []string{"A1", "B2"} {
		if _, err := s.Hold(Row{Device: proto.Device{Serial: serial}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drain(proto.Account{}, func(proto.ID) bool { return false },
		func(Row) error { return os.ErrClosed }); err != os.ErrClosed {
		t.Errorf("got %v", err)
	}
}

func TestAFullDisk(t *testing.T) {
	s := NewSpool("/nowhere/at/all", 0)
	if err := s.Saw("A1"); err == nil {
		t.Error("Saw keeps silent")
	}
	if _, err := s.Hold(Row{Device: proto.Device{Serial: "A1"}}); err == nil {
		t.Error("Hold keeps silent")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestEveryColumnIsRead(t *testing.T) {
	values := []string{"", "1", "2", "3", "100.64.0.4", "5"}
	want := proto.Device{Email: "1", Serial: "2", MAC: "3", IPv4: "100.64.0.4", Hostname: "5"}
	var d proto.Device
	for n := range Columns {
		if n > 0 {
			if err := setField(&d, n, values[n]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if d != want || !slices.Contains(Columns, "device_id") {
		t.Errorf("got %+v", d)
	}
}

// Serial numbers are compared without case. A device enrolled by an earlier version keeps its id.
func TestSerialsInEitherCase(t *testing.T) {
	a := proto.Account{1}
	old := proto.DeriveID(a, "kept-1")
	s := NewSpool(t.TempDir(), 0)
	defer s.Close()
	for n, serial := range []string{"abc-1", "ABC-1", "kept-1", "new-1"} {
		if refused, err := s.Hold(Row{Line: n + 1, Device: proto.Device{Serial: serial}}); refused != nil || err != nil {
			t.Fatal(refused, err)
		}
	}
	want := map[int]proto.ID{1: {}, 2: {}, 3: old, 4: proto.DeriveID(a, "NEW-1")}
	err := s.Drain(a, func(id proto.ID) bool { return id == old }, func(r Row) error {
		if r.Device.ID != want[r.Line] || (r.Error != nil) != r.Device.ID.IsZero() {
			t.Errorf("line %d: %v, %v", r.Line, r.Device.ID, r.Error)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
