package resource

import (
	"iter"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// CodeSameName is the code of a message, not of an error.
const CodeSameName = 12140

// SameName returns a message if another resource of the kind has the same name. The two would look the same in lists,
// on the login page, and on the command line, where a name can replace the id.
func SameName(kind, name string, id proto.ID, others iter.Seq2[proto.ID, string]) []v4.Notice {
	for other, theirs := range others {
		if other != id && name != "" && theirs == name {
			return []v4.Notice{{Code: CodeSameName, Message: "there is another " + kind + " with the name " + v4.Quote(name) +
				": " + other.String()}}
		}
	}
	return nil
}

// Records returns the ids and names of records.
func Records[T any](all []catalog.Record[T], of func(*T) (proto.ID, string)) iter.Seq2[proto.ID, string] {
	return func(yield func(proto.ID, string) bool) {
		for _, r := range all {
			if !yield(of(r.Value)) {
				return
			}
		}
	}
}

// Items returns the ids and names of the items of an ordered index.
func Items[T any](all []*store.Item[T], name func(T) string) iter.Seq2[proto.ID, string] {
	return func(yield func(proto.ID, string) bool) {
		for _, i := range all {
			if !yield(i.ID, name(i.Value)) {
				return
			}
		}
	}
}
