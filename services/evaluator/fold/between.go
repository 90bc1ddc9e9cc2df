package fold

import (
	"slices"

	"plumbline.dev/proto"
)

// Between returns the changes that lead from one entry of a page to another, regardless of the entries between them: a
// log with lost messages gets them with the entry again. before is nil if there is none.
func Between(before, after *proto.Entry) []Change {
	if before == nil {
		before = new(proto.Entry)
	}
	var out changes
	out.open(columnsBetween(before.Checks, after.Checks))
	old := rows[proto.Result]{all: before.Results, id: func(r *proto.Result) *proto.ID { return &r.Device }}
	stayed := make([]bool, len(before.Results))
	for i := range after.Results {
		res := &after.Results[i]
		was := old.find(res.Device)
		if was >= 0 {
			stayed[was] = true
		}
		for c, v := range res.Verdicts {
			from := proto.OutcomeNone
			if at := out.columns[c].was; was >= 0 && at >= 0 {
				from = before.Results[was].Verdicts[at].Outcome
			}
			if from != v.Outcome {
				out.add(c, v.Outcome, proto.Changed(res, from, v))
			}
		}
	}
	for i := range before.Results {
		for c := range out.columns {
			switch {
			case out.columns[c].gone:
				out.gone(c, &before.Results[i], proto.ReasonCheckRemoved)
			case !stayed[i]:
				out.gone(c, &before.Results[i], proto.ReasonRemoved)
			}
		}
	}
	return out.list()
}

func columnsBetween(before, after []proto.CheckRef) []column {
	place := func(all []proto.CheckRef, id proto.ID) int {
		return slices.IndexFunc(all, func(r proto.CheckRef) bool { return r.ID == id })
	}
	var out []column
	for _, ref := range after {
		out = append(out, column{CheckRef: ref, was: place(before, ref.ID)})
	}
	for was, ref := range before {
		if place(after, ref.ID) < 0 {
			out = append(out, column{CheckRef: ref, was: was, gone: true})
		}
	}
	return out
}
