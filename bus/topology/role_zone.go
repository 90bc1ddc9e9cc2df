package topology

import (
	"slices"
	"strconv"
	"strings"
)

// roleImports returns the imports of a role's zone: from the zones of the streams, all subjects the role may publish
// to and the bells it may subscribe to; from the zones of other roles, the messages exchanged with them.
func roleImports(r Role) []Import {
	var all []Import
	p := PermissionsOf(r)
	for _, subject := range p.Publish {
		if !exchanged(subject) {
			all = append(all, Import{From: zoneFor(r, subject), Subject: subject})
		}
	}
	for _, subject := range p.Subscribe {
		if strings.HasPrefix(subject, bellRoot) {
			all = append(all, Import{From: Pipeline, Subject: subject, Stream: true})
		}
	}
	return append(widestImports(all), exchanges(r)...)
}

// exchanges returns the imports of a role from the zones of other roles: the requests they answer and the messages
// they send.
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

// exchanged reports whether a subject belongs to a flow between roles, not to a stream or to JetStream's API.
func exchanged(subject string) bool {
	return slices.ContainsFunc(Flows(), func(f Flow) bool {
		return f.Stream == "" && (f.wildcard == subject || f.told() && Includes(f.wildcard, subject))
	})
}

// zoneFor returns the zone in which a role uses a subject. A dispatcher reads the copies for followers: its load and
// its errors do not reach the log that the pipeline writes.
func zoneFor(r Role, subject string) Zone {
	if r == Dispatcher && slices.ContainsFunc(strings.Split(subject, "."), isMirrored) {
		return Mirror
	}
	return zoneServing(subject)
}

func isMirrored(stream string) bool { return slices.Contains(mirrored(), stream) }

// zoneServing returns the zone of the stream a subject belongs to, either as a stored subject or as a request about
// it.
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

// widestImports removes imports included in another import: a message matching both would be delivered twice.
func widestImports(all []Import) []Import {
	includes := func(wide, narrow Import) bool {
		return wide != narrow && wide.Stream == narrow.Stream && Includes(wide.Subject, narrow.Subject)
	}
	return slices.DeleteFunc(slices.Clone(all), func(i Import) bool {
		return slices.ContainsFunc(all, func(other Import) bool { return includes(other, i) })
	})
}

// references returns a subject with $1 in place of its first *, $2 in place of the second, and so on. A renamed
// import uses this form to refer to the tokens of the original subject.
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

// askedRoot is the prefix of the subjects on which requests from other zones reach the answering role.
const askedRoot = "asked."

// Asked returns the subject under which a role's requests reach the answering role. It contains the requesting role,
// and the signed imports of this role's zone enforce it.
func Asked(by Role, subject string) string { return askedRoot + string(by) + "." + subject }

// AskedByAll matches the requests of all roles on a subject.
func AskedByAll(subject string) string { return askedRoot + "*." + subject }

// ParseAsked parses the result of [Asked].
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
