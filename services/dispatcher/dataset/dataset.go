// Package dataset renders messages of the bus as lines of Cloudflare's Logpush datasets.
//
// All functions are pure. The same message always gives the same number of lines.
package dataset

import (
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/proto"
)

// The datasets.
const (
	// PostureResults has a line for each device and check whose outcome changed.
	PostureResults = "device_posture_results"
	// AccessRequests has a line for each recorded request for an application.
	AccessRequests = "access_requests"
)

// Names returns the names of the datasets.
func Names() []string { return []string{AccessRequests, PostureResults} }

// Field is a field of a dataset. Its name and type are Cloudflare's.
type Field struct {
	Name string
	Type string // as Cloudflare documents it
	// Sourced is not set if Plumbline has no such data. The field is null in every line then.
	Sourced bool
	value   func(*row) any
	device  bool // the value is a fact about the device
}

// row is what the fields of one line are made from.
type row struct {
	time   func(proto.Millis) any
	at     proto.Millis
	change changed
	access *proto.Authentication
}

// changed is a changed device.
type changed struct {
	check   proto.ID
	config  *proto.Check // nil if it is not known any more
	outcome proto.Outcome
	proto.ChangedDevice
	facts *proto.Device // nil if it is not known any more
}

// Fields returns the fields of a dataset in the order of their names; none for an unknown dataset.
func Fields(dataset string) []Field {
	switch dataset {
	case PostureResults:
		return postureFields
	case AccessRequests:
		return accessFields
	}
	return nil
}

// The formats of times. The default is the first.
const (
	UnixNano = "unixnano"
	Unix     = "unix"
	RFC3339  = "rfc3339"
)

// TimeFormats returns the formats of times, the default first.
func TimeFormats() []string { return []string{UnixNano, Unix, RFC3339} }

func timeFormat(name string) (func(proto.Millis) any, error) {
	switch name {
	case UnixNano, "":
		return func(m proto.Millis) any { return int64(m) * 1_000_000 }, nil
	case Unix:
		return func(m proto.Millis) any { return int64(m) / 1000 }, nil
	case RFC3339:
		return func(m proto.Millis) any { return m.Time().UTC().Format("2006-01-02T15:04:05Z") }, nil
	}
	return nil, fmt.Errorf("timestamp_format %q is not supported; the formats are %s", clip(name),
		strings.Join(TimeFormats(), ", "))
}

// Check returns an error if the dataset, a field, the format of times or the sample rate is not supported.
func Check(u *proto.Upload) error {
	_, err := New(u)
	return err
}

// selected returns the named fields of a dataset in the order of the names, or all fields without names.
func selected(dataset string, names []string) ([]Field, error) {
	all := Fields(dataset)
	if all == nil {
		return nil, fmt.Errorf("dataset %q is not supported; the datasets are %s", clip(dataset),
			strings.Join(Names(), ", "))
	}
	if len(names) == 0 {
		return all, nil
	}
	fields, seen := make([]Field, 0, len(names)), map[string]bool{}
	for _, name := range names {
		n := slices.IndexFunc(all, func(f Field) bool { return f.Name == name })
		if n < 0 {
			return nil, fmt.Errorf("field_names: dataset %s has no field %q", dataset, clip(name))
		}
		if seen[name] {
			return nil, fmt.Errorf("field_names: duplicate field %s", name)
		}
		seen[name] = true
		fields = append(fields, all[n])
	}
	return fields, nil
}

// clip bounds a text for an error.
func clip(s string) string {
	const longest = 64
	if len(s) > longest {
		return strings.ToValidUTF8(s[:longest], "") + "..."
	}
	return s
}
