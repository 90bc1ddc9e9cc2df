package api

import (
	"iter"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// codeSameName is of a message, not of an error.
const codeSameName = 12140

// sameName returns a message where another resource of the kind has the name: nobody can tell the two apart in a list,
// on the page that offers identity providers, or on the command line, where a name stands for the id.
func sameName(kind, name string, id proto.ID, others iter.Seq2[proto.ID, string]) []notice {
	for other, theirs := range others {
		if other != id && name != "" && theirs == name {
			return []notice{{codeSameName, "there is another " + kind + " with the name " + quoted(name) + ": " + other.String()}}
		}
	}
	return nil
}

// records are the ids and names of records.
func records[T any](all []catalog.Record[T], of func(*T) (proto.ID, string)) iter.Seq2[proto.ID, string] {
	return func(yield func(proto.ID, string) bool) {
		for _, r := range all {
			if !yield(of(r.Value)) {
				return
			}
		}
	}
}

// shelved are the ids and names of what is on a shelf.
func shelved[T any](all []*item[T], name func(T) string) iter.Seq2[proto.ID, string] {
	return func(yield func(proto.ID, string) bool) {
		for _, i := range all {
			if !yield(i.id, name(i.of)) {
				return
			}
		}
	}
}
