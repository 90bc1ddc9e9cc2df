package posture

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

func (s *API) resultRoutes() []v4.Route {
	return append(s.explainRoutes(), []v4.Route{
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/results", Scope: permission.Results,
			Stream: s.snapshot},
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/results/devices/{id}", Scope: permission.Results,
			Handle: s.deviceResults},
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/results/pages/{page}", Scope: permission.Results,
			Handle: s.pageResults},
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/results/stream", Scope: permission.Results,
			Stream: s.streamResults},
	}...)
}

// entryView is the newest entry of an integration for a page.
type entryView struct {
	Integration proto.ID     `json:"integration_id"`
	Name        string       `json:"name"`
	Tick        uint64       `json:"tick"` // 0 before the first poll
	PolledAt    v4.Timestamp `json:"polled_at"`
	EvaluatedAt v4.Timestamp `json:"evaluated_at"`
	Poll        *pollDetail  `json:"poll"` // null before the first poll
}

type pollDetail struct {
	Attempts int    `json:"attempts"`
	Status   int    `json:"status"` // HTTP status; 0 without a response
	TookMS   int64  `json:"took_ms"`
	Error    string `json:"error"` // empty if the poll succeeded
	Detail   string `json:"detail"`
}

// resultView is the newest result of a device.
type resultView struct {
	Score      *int          `json:"score"` // null before the first score
	ObservedAt v4.Timestamp  `json:"observed_at"`
	Problem    string        `json:"problem"` // why the newest poll gave no score; empty if it did
	S2SID      string        `json:"s2s_id"`
	Checks     []verdictView `json:"checks"`
}

type verdictView struct {
	Check    proto.ID      `json:"check_id"`
	Name     string        `json:"name"`
	Outcome  proto.Outcome `json:"outcome"`
	Reason   proto.Reason  `json:"reason"`
	Observed proto.Outcome `json:"observed"`
	Why      string        `json:"why,omitempty"` // why the outcome is not by the score alone
}

// deviceResults returns the results of a device in every integration's newest entry, or, with ?history=1, in every
// entry of a period.
func (s *API) deviceResults(ctx context.Context, c *v4.Call) (v4.Response, error) {
	id, err := c.ID("id", device.ErrNotFound)
	if err != nil {
		return v4.Response{}, err
	}
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	switch c.URL.Query().Get("history") {
	case "", "0", "false":
	case "1", "true":
		return s.deviceHistory(ctx, c, id)
	default:
		return v4.Response{}, v4.Invalid("history must be 1 or 0")
	}
	page, d, err := s.device.Find(ctx, c.Account, id)
	if err != nil {
		return v4.Response{}, err
	}
	type view struct {
		entryView
		resultView
	}
	views, left := []view{}, v4.LeftOut{}
	for _, i := range s.Polled(c.Account) {
		e, err := s.Entry(ctx, topology.PageRef{Account: c.Account, Integration: i.Value.ID, Page: page}, &left)
		if err != nil {
			return v4.Response{}, err
		}
		v := view{viewEntry(i.Value, e), resultView{Checks: s.unpolled(c.Account, i.Value.ID, d)}}
		if n := slices.IndexFunc(e.Results, func(r proto.Result) bool { return r.Device == id }); n >= 0 {
			v.resultView = s.viewResult(c.Account, e, n)
		}
		views = append(views, v)
	}
	return v4.Response{Result: struct {
		Device       proto.ID               `json:"device_id"`
		Page         topology.PageNumber    `json:"page"`
		Integrations []view                 `json:"integrations"`
		Unsupported  []verdictView          `json:"unsupported,omitempty"`
		Exemptions   []device.ExemptionView `json:"exemptions,omitempty"`
	}{id, page, views, s.unsupportedChecks(c.Account), s.device.Exemptions(c.Account, d)},
		Messages: s.notices(c.Account, left.Notices()...)}, nil
}

// pageResults returns the results of the devices of a page in every integration's newest entry; ?integration_id=
// selects one integration.
func (s *API) pageResults(ctx context.Context, c *v4.Call) (v4.Response, error) {
	n, err := strconv.ParseUint(c.PathValue("page"), 10, 32)
	if err != nil {
		return v4.Response{}, errNoPage
	}
	page := topology.PageNumber(n)
	if err = s.device.Fresh(ctx); err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	if !s.device.Inventory.Has(c.Account, page) {
		return v4.Response{}, errNoPage
	}
	type device struct {
		Device proto.ID `json:"device_id"`
		resultView
	}
	type view struct {
		entryView
		Devices []device `json:"devices"`
	}
	only := c.URL.Query().Get("integration_id")
	views, left := []view{}, v4.LeftOut{}
	for _, i := range s.Polled(c.Account) {
		if only != "" && only != i.Value.ID.String() {
			continue
		}
		e, err := s.Entry(ctx, topology.PageRef{Account: c.Account, Integration: i.Value.ID, Page: page}, &left)
		if err != nil {
			return v4.Response{}, err
		}
		v := view{viewEntry(i.Value, e), make([]device, len(e.Results))}
		for n := range e.Results {
			v.Devices[n] = device{e.Results[n].Device, s.viewResult(c.Account, e, n)}
		}
		views = append(views, v)
	}
	return v4.Response{Result: struct {
		Page         topology.PageNumber `json:"page"`
		Integrations []view              `json:"integrations"`
		Unsupported  []verdictView       `json:"unsupported,omitempty"`
	}{page, views, s.unsupportedChecks(c.Account)}, Messages: s.notices(c.Account, left.Notices()...)}, nil
}

// Polled returns the integrations with a type that is polled, including paused ones.
func (s *API) Polled(a proto.Account) []catalog.Record[proto.Integration] {
	return slices.DeleteFunc(s.store.Catalog.IntegrationsOf(a), func(i catalog.Record[proto.Integration]) bool {
		return i.Value.Type != proto.TypeCustomS2S
	})
}

// Entry returns the newest entry of a page; an empty one if there is none yet, or if it cannot be read. An unreadable
// entry is added to left.
func (s *API) Entry(ctx context.Context, p topology.PageRef, left *v4.LeftOut) (*proto.Entry, error) {
	m, err := s.store.Conn.Last(ctx, topology.PostureLog, topology.Log(p))
	if errors.Is(err, bus.ErrNotFound) {
		// The log may have expired the entry; the state keeps it.
		m, err = s.store.Conn.Last(ctx, topology.PostureState, topology.Log(p))
	}
	e := new(proto.Entry)
	if errors.Is(err, bus.ErrNotFound) {
		return e, nil
	}
	if err != nil {
		return nil, err
	}
	if err := m.Decode(e); err != nil {
		s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
		left.Add(m.Subject, m.Seq)
		return new(proto.Entry), nil
	}
	return e, nil
}

func viewEntry(i *proto.Integration, e *proto.Entry) entryView {
	v := entryView{Integration: i.ID, Name: i.Name, Tick: e.Tick, PolledAt: v4.Timestamp(e.Poll.At),
		EvaluatedAt: v4.Timestamp(e.EvaluatedAt)}
	if e.Tick != 0 {
		v.Poll = &pollDetail{Attempts: e.Poll.Attempts, Status: e.Poll.Status, TookMS: e.Poll.Took.Milliseconds(),
			Error: reasonText(e.Poll.Error), Detail: e.Poll.Detail}
	}
	return v
}

// reasonText returns the text of a reason; "" for [proto.ReasonNone].
func reasonText(r proto.Reason) string {
	if r == proto.ReasonNone {
		return ""
	}
	return r.String()
}

// viewResult returns the result at an index of an entry.
func (s *API) viewResult(a proto.Account, e *proto.Entry, row int) resultView {
	r := &e.Results[row]
	v := resultView{ObservedAt: v4.Timestamp(r.ObservedAt), Problem: reasonText(r.Problem), S2SID: r.S2SID,
		Checks: make([]verdictView, len(r.Verdicts))}
	if r.Score != proto.NoScore {
		v.Score = &r.Score
	}
	for n, verdict := range r.Verdicts {
		id := e.Checks[n].ID
		v.Checks[n] = verdictView{Check: id, Outcome: verdict.Outcome, Reason: verdict.Reason, Observed: verdict.Observed,
			Why: s.enforced(a, e, row, n)}
		if check, found := s.store.Catalog.Check(a, id); found {
			v.Checks[n].Name = check.Value.Name
		}
	}
	return v
}

// unpolled returns the outcomes of an integration's checks for a device that is in no entry.
func (s *API) unpolled(a proto.Account, integration proto.ID, d *proto.Device) []verdictView {
	views := []verdictView{}
	for _, check := range s.store.Catalog.Checks(a, integration) {
		views = append(views, verdictView{Check: check.Value.ID, Name: check.Value.Name, Reason: unevaluated(check.Value, d)})
	}
	return views
}

// unsupportedChecks returns the outcome, the same for every device, of the checks that are stored but not evaluated.
func (s *API) unsupportedChecks(a proto.Account) []verdictView {
	var views []verdictView
	for _, check := range s.store.Catalog.ChecksOf(a) {
		if check.Value.Type != proto.TypeCustomS2S {
			views = append(views, verdictView{Check: check.Value.ID, Name: check.Value.Name, Reason: proto.ReasonUnsupported})
		}
	}
	return views
}

var errNoPage = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "page not found")
