package topology

import (
	"slices"
	"strconv"
	"strings"
)

// roleImports are what the zone of a role uses: of the streams' zones whatever the role may publish to, the bells that
// it may listen to, and what it exchanges with other roles.
func roleImports(r Role) []Import {
	var all []Import
	p := PermissionsOf(r)
	for _, subject := range p.Publish {
		if !exchanged(subject) {
			all = append(all, Import{From: zoneServing(subject), Subject: subject})
		}
	}
	for _, subject := range p.Subscribe {
		if strings.HasPrefix(subject, bellRoot) {
			all = append(all, Import{From: Pipeline, Subject: subject, Stream: true})
		}
	}
	return append(widestImports(all), exchanges(r)...)
}

// exchanges are what a role uses of other roles' zones: the requests that they answer and what they tell.
func exchanges(r Role) []Import {
	var all []Import
	for _, f := range Flows() {
		if f.Stream != "" {
			continue
		}
		for _, other := range f.To {
			if !f.told() && (r == Operator || slices.Contains(f.From, r)) {
				all = append(all, Import{From: ZoneOf(other), Subject: Asked(r, f.wildcard), Local: references(f.wildcard)})
			}
			if f.told() && other == r {
				all = append(all, Import{From: ZoneOf(f.From[0]), Subject: f.wildcardOf(r), Stream: true})
			}
		}
	}
	return all
}

// exchanged reports whether a subject is not one of a stream or of JetStream's API, but of a flow between roles.
func exchanged(subject string) bool {
	return slices.ContainsFunc(Flows(), func(f Flow) bool {
		return f.Stream == "" && (f.wildcard == subject || f.told() && Includes(f.wildcard, subject))
	})
}

// zoneServing is the zone of the stream that a subject is of: one that it stores, or one that a request is about.
func zoneServing(subject string) Zone {
	tokens := strings.Split(subject, ".")
	for _, s := range Streams(Options{}) {
		stores := func(own string) bool { return Includes(own, subject) }
		if slices.Contains(tokens, s.Name) || slices.ContainsFunc(s.Subjects, stores) {
			return ZoneOfStream(s.Name)
		}
	}
	return Pipeline
}

// widestImports leaves out what another import includes: a message on both would cross twice.
func widestImports(all []Import) []Import {
	includes := func(wide, narrow Import) bool {
		return wide != narrow && wide.Stream == narrow.Stream && Includes(wide.Subject, narrow.Subject)
	}
	return slices.DeleteFunc(slices.Clone(all), func(i Import) bool {
		return slices.ContainsFunc(all, func(other Import) bool { return includes(other, i) })
	})
}

// references is a subject with $1 for its first *, $2 for the second, and so on: how an import under another name
// refers to the tokens of the subject.
func references(subject string) string {
	tokens, n := strings.Split(subject, "."), 0
	for i, t := range tokens {
		if t == "*" {
			n++
			tokens[i] = "$" + strconv.Itoa(n)
		}
	}
	return strings.Join(tokens, ".")
}

// askedRoot begins the subjects on which the requests of other zones reach a role that answers them.
const askedRoot = "asked."

// Asked is the subject under which a role's requests on a subject reach who answers them. It names who asks: the
// signed imports of the asking role's zone decide on it.
func Asked(by Role, subject string) string { return askedRoot + string(by) + "." + subject }

// AskedByAll matches the requests of all roles on a subject.
func AskedByAll(subject string) string { return askedRoot + "*." + subject }

// ParseAsked reads what [Asked] writes.
func ParseAsked(subject string) (by Role, asked string, ok bool) {
	rest, ok := strings.CutPrefix(subject, askedRoot)
	if !ok {
		return "", subject, false
	}
	role, asked, ok := strings.Cut(rest, ".")
	if !ok || !slices.Contains(Roles(), Role(role)) {
		return "", subject, false
	}
	return Role(role), asked, true
}
