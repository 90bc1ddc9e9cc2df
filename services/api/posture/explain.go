package posture

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

func (s *API) explainRoutes() []v4.Route {
	return append(s.timelineRoutes(), []v4.Route{
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/explain/{id}", Scope: permission.Results,
			Handle: s.explain},
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/posture-log", Scope: permission.Results,
			Stream: s.postureLog},
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/posture-log/newest", Scope: permission.Results,
			Handle: s.newest},
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/integrations/{id}/polls", Scope: permission.Results,
			Handle: s.polls},
	}...)
}

// Explanation is the reason for a check's outcome for a device. If the newest entry does not contain the device or the
// check, the members from the entry are empty.
type Explanation struct {
	Check       proto.ID       `json:"check_id"`
	Name        string         `json:"name"`
	Type        string         `json:"type"`
	Operator    proto.Operator `json:"operator,omitempty"`
	Wanted      *float64       `json:"wanted_score"`
	Outcome     proto.Outcome  `json:"outcome"`
	Reason      proto.Reason   `json:"reason"`
	Observed    proto.Outcome  `json:"observed"`      // outcome of the newest evidence
	Why         string         `json:"why,omitempty"` // why the outcome is not by the score alone
	Score       *int           `json:"score"`
	Problem     string         `json:"problem"` // why the newest poll gave no score; empty if it did
	S2SID       string         `json:"s2s_id"`
	ObservedAt  v4.Timestamp   `json:"observed_at"`
	AgeMS       *int64         `json:"age_ms"` // age of the score
	ExpiresAt   v4.Timestamp   `json:"expires_at"`
	Revision    uint64         `json:"check_revision"`      // current revision of the check
	Used        uint64         `json:"used_check_revision"` // revision of the check in the outcome; 0: no outcome
	Batch       string         `json:"batch"`               // <tick>:<page> of the call that provided the score
	Sentence    string         `json:"sentence"`            // human-readable
	Integration *entryView     `json:"integration"`         // null if the check has no polled integration
	Paused      bool           `json:"paused"`
	Mode        string         `json:"mode" says:"enforce or observe."`
	Remediation string         `json:"remediation" says:"What users are told when the check fails, as Markdown."`
	// Applications are those that the check may close for a person with the device.
	Applications []Application `json:"applications" says:"Applications that use it; none if the token may not read them."`
}

// Application is an application with a policy that uses a check.
type Application struct {
	ID   proto.ID `json:"id"`
	Name string   `json:"name"`
}

// explain returns the reasons for the outcomes of a device's checks; ?check= selects checks.
func (s *API) explain(ctx context.Context, c *v4.Call) (v4.Response, error) {
	only, err := device.IDList(c.URL.Query(), "check")
	if err != nil {
		return v4.Response{}, err
	}
	id, err := c.ID("id", device.ErrNotFound)
	if err != nil {
		return v4.Response{}, err
	}
	page, d, err := s.device.Find(ctx, c.Account, id)
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	all := slices.DeleteFunc(s.store.Catalog.ChecksOf(c.Account),
		func(r catalog.Record[proto.Check]) bool { return !wants(only, r.Value.ID) })
	if len(only) > 0 && len(all) == 0 {
		return v4.Response{}, errNoRule
	}
	slices.SortStableFunc(all, func(a, b catalog.Record[proto.Check]) int {
		return int(a.Value.CreatedAt - b.Value.CreatedAt)
	})
	entries, why, left := map[proto.ID]*proto.Entry{}, make([]Explanation, len(all)), v4.LeftOut{}
	using := map[proto.ID][]Application{}
	if permission.Permits(c.Token, v4.Permission{Scope: permission.Apps}, c.Zone) {
		using = s.applications(c.Account)
	}
	for n, r := range all {
		ref := topology.PageRef{Account: c.Account, Integration: r.Value.Integration, Page: page}
		e := entries[ref.Integration]
		if e == nil && s.IsPolled(c.Account, r.Value) {
			if e, err = s.Entry(ctx, ref, &left); err != nil {
				return v4.Response{}, err
			}
			entries[ref.Integration] = e
		}
		why[n] = s.Explain(ref, r, d, e)
		if apps := using[r.Value.ID]; apps != nil {
			why[n].Applications = apps
		}
	}
	return v4.Response{Result: struct {
		Device    proto.ID            `json:"device_id"`
		Page      topology.PageNumber `json:"page"`
		RevokedAt v4.Timestamp        `json:"revoked_at"`
		Checks    []Explanation       `json:"checks"`
	}{id, page, v4.Timestamp(d.RevokedAt), why}, Messages: s.notices(c.Account, left.Notices()...)}, nil
}

// IsPolled reports whether the integration of a check exists and has a type that is polled.
func (s *API) IsPolled(a proto.Account, check *proto.Check) bool {
	i, found := s.store.Catalog.Integration(a, check.Integration)
	return found && check.Type == proto.TypeCustomS2S && i.Value.Type == proto.TypeCustomS2S
}

// Explain combines a check, a device and an entry into an explanation. e is nil if the check's integration is not
// polled.
func (s *API) Explain(ref topology.PageRef, r catalog.Record[proto.Check], d *proto.Device,
	e *proto.Entry) Explanation {
	check := r.Value
	x := Explanation{Check: check.ID, Name: check.Name, Type: check.Type, Revision: r.Revision,
		Reason: unevaluated(check, d), Mode: string(cmp.Or(check.Mode, proto.ModeEnforce)),
		Remediation: check.Remediation, Applications: []Application{}}
	if check.Type == proto.TypeCustomS2S {
		x.Operator, x.Wanted = check.Operator, &check.Score
	}
	if e == nil {
		x.Sentence = sentence(&x, e)
		return x
	}
	i, _ := s.store.Catalog.Integration(ref.Account, ref.Integration)
	view := viewEntry(i.Value, e)
	x.Integration, x.Paused = &view, i.Value.Paused
	if e.Tick != 0 {
		x.Batch = fmt.Sprintf("%d:%d", e.Tick, ref.Page)
	}
	row := slices.IndexFunc(e.Results, func(r proto.Result) bool { return r.Device == d.ID })
	column := slices.IndexFunc(e.Checks, func(used proto.CheckRef) bool { return used.ID == check.ID })
	if d.RevokedAt == 0 && row >= 0 {
		result := &e.Results[row]
		x.Score, x.Problem, x.S2SID, x.ObservedAt = score(result.Score), reasonText(result.Problem), result.S2SID,
			v4.Timestamp(result.ObservedAt)
		if column >= 0 {
			v := result.Verdicts[column]
			x.Outcome, x.Reason, x.Observed, x.Used = v.Outcome, v.Reason, v.Observed, e.Checks[column].Revision
			x.Why = s.enforced(ref.Account, e, row, column)
		}
		if result.ObservedAt != 0 {
			x.AgeMS = new(max(0, s.store.Clock.Now().Sub(result.ObservedAt.Time()).Milliseconds()))
			if check.Expiration > 0 {
				x.ExpiresAt = v4.Timestamp(result.ObservedAt.Add(check.Expiration))
			}
		}
	}
	x.Sentence = sentence(&x, e)
	return x
}

// unevaluated returns the reason of a check for a device that is in no entry.
func unevaluated(check *proto.Check, d *proto.Device) proto.Reason {
	switch {
	case check.Type != proto.TypeCustomS2S:
		return proto.ReasonUnsupported
	case d.RevokedAt != 0:
		return proto.ReasonRemoved
	}
	return proto.ReasonNeverPolled
}

// sentence returns a human-readable explanation.
func sentence(x *Explanation, e *proto.Entry) string {
	switch {
	case x.Reason == proto.ReasonUnsupported:
		return fmt.Sprintf("Checks of type %s are stored but not evaluated.", x.Type)
	case x.Reason == proto.ReasonRemoved:
		return "The device is revoked, so it is not polled."
	case e == nil:
		return "The integration of the check does not exist, so it is not polled."
	case x.Why != "":
		return enforcedSentence(x)
	case x.Reason == proto.ReasonScore && x.Score != nil:
		return comparisonSentence(x, x.Outcome == proto.OutcomePass)
	case x.Reason == proto.ReasonExpired:
		return "The newest score is older than the check's expiration."
	case x.Reason == proto.ReasonNeverPolled:
		return "The device has not been polled yet."
	}
	return fmt.Sprintf("The newest poll gave no score (%s).", x.Reason)
}
