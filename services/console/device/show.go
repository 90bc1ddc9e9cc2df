package device

import (
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"plumbline.dev/services/console/chart"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/internal/remediation"
	"plumbline.dev/services/plumb/client"
)

// deviceView is the data of a device's page.
type deviceView struct {
	*client.ListedDevice
	Name, Kind, Text string // Kind and Text of the pill
	Checks           []checkView
	Form             *frame.Form // of a new exemption
	Choices          []frame.Choice
	Least, Most      string // bounds of an exemption's end
	Copy             copyAs
	Known            string // since when the ribbons are known, if not for the whole period
}

// checkView is a check of a device.
type checkView struct {
	client.Explanation
	Kind, Text string // of the pill
	Since      *time.Time
	Ribbon     template.HTML
	Segments   []client.TimelineSegment
	Exemption  *client.Exemption
	Advice     template.HTML
	Shown      []application
	More       int
	Evaluated  bool
}

type application struct{ ID, Name string }

// shownApplications bounds the applications that a check names.
const shownApplications = 3

func show(r *frame.Request) error {
	return page(r, frame.NewForm(), 0)
}

// page shows a device, with the form of a new exemption.
func page(r *frame.Request, form *frame.Form, status int) error {
	id := r.PathValue("id")
	var raw json.RawMessage
	var why client.Item[client.Explanations]
	var line client.Timeline
	g, ctx := errgroup.WithContext(r.Context())
	g.Go(func() (err error) { raw, err = r.API.Device(ctx, id); return err })
	g.Go(func() (err error) { why, err = r.API.Explain(ctx, id, ""); return err })
	g.Go(func() (err error) { line, err = r.API.Timeline(ctx, id); return err })
	if err := g.Wait(); err != nil {
		return err
	}
	v := deviceView{ListedDevice: new(client.ListedDevice), Form: form,
		Least: r.Now.UTC().Format(minute), Most: r.Now.UTC().AddDate(1, 0, 0).Format(minute),
		Copy: commands(r, "plumb explain "+quote(id), "/plumbline/explain/"+id)}
	if err := json.Unmarshal(raw, v.ListedDevice); err != nil {
		return err
	}
	if form.Value("until") == "" {
		form.Values.Set("until", r.Now.UTC().Add(24*time.Hour).Format(minute))
	}
	if line.KnownSince.After(line.Since) {
		v.Known = line.KnownSince.UTC().Format("2006-01-02 15:04 MST")
	}
	v.fill(why.Value.Checks, &line)
	return r.Page(frame.Page{Title: v.Name, Nav: "/devices", Set: set, Name: "device", Data: v, Status: status,
		Crumbs: []frame.Crumb{{Text: "Devices", Path: "/devices"}}})
}

// minute is the layout of the value of an input of type datetime-local.
const minute = "2006-01-02T15:04"

func (v *deviceView) fill(checks []client.Explanation, line *client.Timeline) {
	v.Name = nameOf(v.Hostname, v.Serial, v.ID)
	v.Choices = []frame.Choice{{Value: "", Text: "Every check"}}
	failing, unknown, evaluated := 0, 0, 0
	for _, x := range checks {
		c := v.check(x, line)
		v.Checks = append(v.Checks, c)
		if !c.Evaluated {
			continue
		}
		v.Choices = append(v.Choices, frame.Choice{Value: x.Check, Text: x.Name})
		evaluated++
		switch x.Outcome {
		case "fail":
			failing++
		case "pass":
		default:
			unknown++
		}
	}
	switch {
	case v.RevokedAt != nil:
		v.Kind, v.Text = "unk", "Revoked"
	case failing > 0:
		v.Kind, v.Text = "fail", fraction("Fails", failing, evaluated)
	case unknown > 0:
		v.Kind, v.Text = "unk", fraction("Unknown", unknown, evaluated)
	case evaluated == 0:
		v.Kind, v.Text = "unk", "No checks"
	default:
		v.Kind, v.Text = "pass", "Passes"
	}
}

func (v *deviceView) check(x client.Explanation, line *client.Timeline) checkView {
	c := checkView{Explanation: x, Evaluated: x.Type == "custom_s2s"}
	enforced := ""
	if slices.Contains(enforcedReasons, x.Reason) {
		enforced = x.Reason
	}
	c.Kind, c.Text = state(x.Outcome, enforced)
	for n := range line.Checks {
		if line.Checks[n].Check == x.Check {
			c.Segments = merged(line.Checks[n].Segments)
			c.Ribbon = ribbon(x.Name, line, c.Segments)
		}
	}
	if n := len(c.Segments); n > 0 && c.Segments[n-1].From.After(line.KnownSince) {
		c.Since = &c.Segments[n-1].From
	}
	for n := range v.Exemptions {
		if e := &v.Exemptions[n]; e.Check == nil || *e.Check == x.Check {
			c.Exemption = e
		}
	}
	for _, app := range x.Applications {
		if len(c.Shown) < shownApplications {
			c.Shown = append(c.Shown, application(app))
		}
	}
	c.More = len(x.Applications) - len(c.Shown)
	if x.Remediation != "" {
		c.Advice = remediation.HTML(x.Remediation)
	}
	return c
}

// ribbon draws the outcomes of a check.
func ribbon(name string, line *client.Timeline, segments []client.TimelineSegment) template.HTML {
	classes := map[string]string{"pass": "b-pass", "fail": "b-fail", "unknown": "b-unk"}
	var spans []chart.RibbonPart
	for _, s := range segments {
		class, text := classes[s.Outcome], s.Outcome
		if s.Reason == "held" {
			class = "b-held"
		}
		if s.Reason != "none" && s.Reason != "score" {
			text += " (" + s.Reason + ")"
		}
		spans = append(spans, chart.RibbonPart{Class: class, From: s.From, Until: s.Until,
			Title: text + " from " + s.From.UTC().Format(time.DateTime) + " to " + s.Until.UTC().Format(time.DateTime) + " UTC"})
	}
	return chart.Ribbon("Outcome of "+name+" since "+line.Since.UTC().Format(time.DateOnly)+": "+
		strconv.Itoa(len(segments))+" parts", line.Since, line.Until, spans)
}

// merged joins neighbours with the same outcome, unless one of them is not by the score. The reason is that of the
// newest one.
func merged(all []client.TimelineSegment) (some []client.TimelineSegment) {
	enforced := func(reason string) bool { return slices.Contains(enforcedReasons, reason) }
	for _, s := range all {
		n := len(some) - 1
		if n >= 0 && some[n].Outcome == s.Outcome && !enforced(some[n].Reason) && !enforced(s.Reason) {
			some[n].Until, some[n].Reason = s.Until, s.Reason
			continue
		}
		some = append(some, s)
	}
	return some
}

// enforcedReasons are the reasons of outcomes that are not by the score.
var enforcedReasons = []string{"held", "exempt", "grace", "observe_only"}

// sessions shows the live sessions of the device's user.
func sessions(r *frame.Request) error {
	type view struct {
		ID, Email, Problem string
		Person             *client.Person
		Sessions           []session
	}
	v := view{ID: r.PathValue("id")}
	raw, err := r.API.Device(r.Context(), v.ID)
	if err != nil {
		return err
	}
	var d client.ListedDevice
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	if v.Email = d.Email; v.Email != "" {
		v.Person, err = r.API.PersonWith(r.Context(), d.Email)
	}
	if err == nil && v.Person != nil {
		var all []client.ActiveSession
		all, err = r.API.Sessions(r.Context(), v.Person.ID)
		for _, s := range all {
			v.Sessions = append(v.Sessions, session{time.Unix(s.Metadata.Began, 0), time.Unix(s.Metadata.Ends, 0)})
		}
	}
	if isStatus(err, http.StatusForbidden) {
		v.Problem, err = "Your credential may not read people and their sessions.", nil
	}
	if err != nil {
		return err
	}
	return r.Fragment(set, "sessions", v, 0)
}

type session struct{ Began, Ends time.Time }
