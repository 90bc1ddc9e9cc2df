package identity

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// accessQuery selects authentications.
type accessQuery struct {
	since, until time.Time
	ascending    bool
	page, size   int
	fields       []string
	filters      []accessFilter
	app          proto.ID // zero: any; one of the filters too
	byCursor     bool
	after        uint64 // position to continue from; 0: the beginning, or the end if newest first
}

// accessFilter reports whether an authentication matches. appType is the type of its application.
type accessFilter func(v *accessView, appType string) bool

func (q *accessQuery) matches(v *accessView, appType string) bool {
	at := time.UnixMilli(int64(v.CreatedAt))
	if !q.since.IsZero() && at.Before(q.since) || !q.until.IsZero() && at.After(q.until) {
		return false
	}
	for _, wanted := range q.filters {
		if !wanted(v, appType) {
			return false
		}
	}
	return true
}

// accessFields are the query parameters for filters. Each has an operator, <name>Op.
var accessFields = map[string]func(v *accessView, appType string) string{
	"allowed":      func(v *accessView, _ string) string { return strconv.FormatBool(v.Allowed) },
	"app_type":     func(_ *accessView, appType string) string { return appType },
	"app_uid":      func(v *accessView, _ string) string { return v.AppUID.String() },
	"country_code": func(v *accessView, _ string) string { return v.Country },
	"idp":          func(v *accessView, _ string) string { return v.IDP },
	"non_identity": func(v *accessView, _ string) string { return strconv.FormatBool(v.Connection == nonIdentity) },
	"ray_id":       func(v *accessView, _ string) string { return v.Ray },
	"user_id":      func(v *accessView, _ string) string { return v.User },

	"ip_address":         func(v *accessView, _ string) string { return v.IP },
	"x_action":           func(v *accessView, _ string) string { return v.Sort },
	"x_check_id":         func(v *accessView, _ string) string { return v.Check },
	"x_client_id":        func(v *accessView, _ string) string { return v.ClientID },
	"x_device_id":        func(v *accessView, _ string) string { return v.Device },
	"x_policy_id":        func(v *accessView, _ string) string { return v.Policy },
	"x_reason":           func(v *accessView, _ string) string { return v.Reason },
	"x_service_token_id": func(v *accessView, _ string) string { return v.Token },
}

func readAccessQuery(v url.Values) (q accessQuery, err error) {
	if q.since, q.until, err = v4.Period(v); err != nil {
		return q, err
	}
	switch v.Get("direction") {
	case "", "desc":
	case "asc":
		q.ascending = true
	default:
		return q, v4.Invalid("direction must be desc or asc")
	}
	if q.page, err = v4.PositiveParam(v, "page", 1); err != nil {
		return q, err
	}
	if q.size, err = v4.PositiveParam(v, "limit", accessPerPage); err != nil {
		return q, err
	}
	if q.size, err = v4.PositiveParam(v, "per_page", q.size); err != nil {
		return q, err
	}
	q.size = min(q.size, v4.MaxPerPage)
	if q.page > maxAccessRead {
		return q, v4.Invalid("page is beyond the read limit: use a shorter period (since, until)")
	}
	if fields := v.Get("fields"); fields != "" {
		q.fields = strings.Split(fields, ",")
	}
	for name, of := range accessFields {
		wanted := v.Get(name)
		unlike, err := negated(v, name)
		if err != nil {
			return q, err
		}
		if wanted != "" {
			q.filters = append(q.filters, func(v *accessView, appType string) bool {
				return strings.EqualFold(of(v, appType), wanted) != unlike
			})
		}
	}
	if id, err := proto.ParseID(v.Get("app_uid")); err == nil && v.Get("app_uidOp") != "neq" {
		q.app = id
	}
	if v.Has("cursor") {
		q.byCursor = true
		if text := v.Get("cursor"); text != "" {
			if q.after, err = strconv.ParseUint(text, 10, 63); err != nil || q.after == 0 {
				return q, v4.Invalid("cursor must be result_info.cursor or result_info.x_newest of an earlier page, or empty")
			}
		}
		if q.page > 1 {
			return q, v4.Invalid("page and cursor exclude each other")
		}
	}
	return q, q.readEmail(v)
}

// negated reads the operator of a filter, and reports whether it is neq.
func negated(v url.Values, name string) (bool, error) {
	switch v.Get(name + "Op") {
	case "", "eq":
		return false, nil
	case "neq":
		return true, nil
	}
	return false, v4.Invalid("%sOp must be eq or neq", name)
}

// readEmail reads the filter by e-mail address. It matches a part of the address unless email_exact is set. The
// operator contains is the default.
func (q *accessQuery) readEmail(v url.Values) error {
	email := strings.ToLower(v.Get("email"))
	unlike, exact, err := false, false, error(nil)
	if v.Get("emailOp") != "contains" {
		unlike, err = negated(v, "email")
	}
	if err != nil {
		return err
	}
	if text := v.Get("email_exact"); text != "" {
		if exact, err = strconv.ParseBool(text); err != nil {
			return v4.Invalid("email_exact must be true or false")
		}
	}
	if email == "" {
		return nil
	}
	q.filters = append(q.filters, func(v *accessView, _ string) bool {
		have := strings.ToLower(v.Email)
		found := strings.Contains(have, email)
		if exact {
			found = have == email
		}
		return found != unlike
	})
	return nil
}
