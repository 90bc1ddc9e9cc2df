package column

import (
	"bytes"
	"slices"
	"strings"

	"github.com/klauspost/compress/s2"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/filter"
)

// Text holds the ids and the text properties of the devices of a page. It is immutable. The rows are the active
// devices by id, then the revoked ones by id.
type Text struct {
	Revision uint64 // of the page
	IDs      []proto.ID
	Active   int // number of active devices

	fields [filter.FieldID - filter.FieldName][]byte // compressed, by field
}

// separator stands before and after each value of a field.
const separator = '\n'

// NewText returns the columns of a page. It sorts the devices of the page.
func NewText(p *proto.Page, revision uint64) *Text {
	rows := make([]*proto.Device, 0, len(p.Devices)+len(p.Revoked))
	for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
		slices.SortFunc(list, func(a, b proto.Device) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		for n := range list {
			rows = append(rows, &list[n])
		}
	}
	t := &Text{Revision: revision, Active: len(p.Devices), IDs: make([]proto.ID, len(rows))}
	for n, d := range rows {
		t.IDs[n] = d.ID
	}
	var plain []byte
	for f := range t.fields {
		plain = append(plain[:0], separator)
		for _, d := range rows {
			plain = append(append(plain, clean(value(d, filter.FieldName+filter.Field(f)))...), separator)
		}
		t.fields[f] = slices.Clip(s2.EncodeBetter(nil, plain))
	}
	return t
}

// Share replaces the ids with equal ones that are in memory anyway.
func (t *Text) Share(ids []proto.ID) {
	if slices.Equal(ids, t.IDs) {
		t.IDs = ids
	}
}

// Bytes returns the memory of the columns, without the ids.
func (t *Text) Bytes() (n int) {
	for _, f := range t.fields {
		n += cap(f)
	}
	return n
}

func value(d *proto.Device, f filter.Field) string {
	switch f {
	case filter.FieldName:
		return d.Hostname
	case filter.FieldUser:
		return d.Email
	case filter.FieldSerial:
		return d.Serial
	case filter.FieldMAC:
		return d.MAC
	}
	return d.IPv4
}

// clean returns a value in lower case, without separators.
func clean(value string) string {
	return strings.ReplaceAll(strings.ToLower(value), string(separator), " ")
}

// rowOf returns the row of a device among the rows from and before to, or -1.
func (t *Text) rowOf(id proto.ID, from, to int) int {
	n, found := slices.BinarySearchFunc(t.IDs[from:to], id, func(a, b proto.ID) int { return bytes.Compare(a[:], b[:]) })
	if !found {
		return -1
	}
	return from + n
}
