package store

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

// The ordered index equals a sorted map, and earlier snapshots do not change.
func TestAShelfKeepsItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Ordered[int]
		model := map[proto.ID]*Item[int]{}
		ids := []proto.ID{{1}, {2}, {3}, {4}, {5}}
		var read, copied []*Item[int]
		for n := range rapid.IntRange(1, 60).Draw(t, "changes") {
			id := rapid.SampledFrom(ids).Draw(t, "id")
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				s.Remove(id)
				delete(model, id)
			case 1:
				created := proto.Millis(rapid.IntRange(0, 3).Draw(t, "created"))
				s.Put(id, created, n)
				model[id] = &Item[int]{Value: n, ID: id, created: created}
			default:
				read = s.All()
				copied = slices.Clone(read)
			}
			if !slices.Equal(read, copied) {
				t.Fatal("a list changed under its reader")
			}
			var want []*Item[int]
			for _, i := range model {
				want = append(want, i)
			}
			slices.SortFunc(want, byAge)
			if !slices.EqualFunc(want, s.items, func(a, b *Item[int]) bool { return a.Value == b.Value && a.ID == b.ID }) {
				t.Fatalf("%d items, wanted %d", len(s.items), len(want))
			}
		}
	})
}

// The JSON of a record is encoded once.
func TestAnItemIsShownOnceForItsBasis(t *testing.T) {
	i, made := &Item[string]{Value: "x"}, 0
	show := func() any { made++; return map[string]int{"n": made} }
	for n, of := range []Basis{{}, {}, {1}, {1}, {1, 1}} {
		b, err := i.Encoded(of, show)
		if want := []string{`{"n":1}`, `{"n":1}`, `{"n":2}`, `{"n":2}`, `{"n":3}`}[n]; err != nil || string(b) != want {
			t.Errorf("%d: %s, %v, wanted %s", n, b, err, want)
		}
	}
	if _, err := i.Encoded(Basis{9}, func() any { return func() {} }); err == nil {
		t.Error("what cannot be encoded was shown")
	}
}
