package device

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Bounds of a list of devices.
const (
	devicesPerPage = 50
)

// readDeviceQuery reads the parameters that the lists of devices and of registrations share (api/README.md 7.1, 7.3).
// When a device was last seen is unknown, so no device matches seen_after or seen_before.
func readDeviceQuery(v url.Values, sorts map[string]func(*proto.Device) string) (*Query, error) {
	q := &Query{Active: true}
	size, err := v4.PositiveParam(v, "per_page", devicesPerPage)
	if err != nil {
		return nil, err
	}
	q.size = min(size, maxDevices)
	if q.IDs, err = IDList(v, "id"); err != nil {
		return nil, err
	}
	if search := strings.ToLower(v.Get("search")); search != "" {
		q.and(func(d *proto.Device) bool { return mentions(d, search) })
	}
	for _, name := range []string{"seen_after", "seen_before"} {
		if text := v.Get(name); text != "" {
			if _, err := time.Parse(time.RFC3339, text); err != nil {
				return nil, v4.Invalid("%s must be a time such as 2026-01-02T15:04:05Z", name)
			}
			q.and(func(*proto.Device) bool { return false })
		}
	}
	if by := v.Get("sort_by"); by != "" {
		if q.sort = sorts[by]; q.sort == nil {
			return nil, v4.Invalid("sort_by must be one of Cloudflare's sort keys, such as created_at")
		}
		q.sortBy = by
	}
	switch v.Get("sort_order") {
	case "", "asc":
	case "desc":
		if q.descending = true; q.sort == nil {
			q.sort, q.sortBy = sorts["id"], "id"
		}
	default:
		return nil, v4.Invalid("sort_order must be asc or desc")
	}
	q.after, err = parseDeviceCursor(v.Get("cursor"), q)
	return q, err
}

// and adds a condition to the query.
func (q *Query) and(more func(*proto.Device) bool) {
	before := q.match
	q.match = func(d *proto.Device) bool { return (before == nil || before(d)) && more(d) }
}

// mentions reports whether a device contains the search text, which is in lower case.
func mentions(d *proto.Device, search string) bool {
	for _, field := range []string{d.Hostname, d.Serial, d.Email, d.MAC, d.IPv4} {
		if strings.Contains(strings.ToLower(field), search) {
			return true
		}
	}
	return strings.Contains(d.ID.String(), search)
}

// Sort keys of devices. Unknown values have an empty key, so those devices are ordered by id.
func byNothing(*proto.Device) string         { return "" }
func byID(d *proto.Device) string            { return d.ID.String() }
func byEmail(d *proto.Device) string         { return strings.ToLower(d.Email) }
func byCreation(d *proto.Device) string      { return fmt.Sprintf("%016x", int64(d.EnrolledAt)) }
func byRegistrations(d *proto.Device) string { return fmt.Sprint(registrations(d)) }

// registrations returns the number of active registrations of a device: one unless it is revoked.
func registrations(d *proto.Device) int {
	if d.RevokedAt != 0 {
		return 0
	}
	return 1
}
