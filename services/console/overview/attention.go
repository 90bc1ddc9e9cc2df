package overview

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"plumbline.dev/services/console/hold"
	"plumbline.dev/services/plumb/client"
)

// attention is a row about something that needs a person, or soon will.
type attention struct {
	Kind, Word   string // of the pill
	Name, Path   string
	At           time.Time // since when, or when; zero: always
	Effect       string
	Action, Then string // text and path of the link
}

// attentionOf returns the rows, the most urgent kind first.
func attentionOf(d *client.Dashboard, holds []client.Hold, now time.Time) []attention {
	var all []attention
	for _, h := range holds {
		all = append(all, ofHold(h))
	}
	for _, i := range d.Integrations {
		if row, needed := ofIntegration(i, now); needed {
			all = append(all, row)
		}
	}
	for _, c := range d.Checks {
		if c.Integration == nil && c.Evaluated {
			path := "/checks/" + url.PathEscape(c.ID)
			all = append(all, attention{Kind: "warn", Word: "No scores", Name: c.Name, Path: path,
				Effect: "Its integration does not exist: no device passes it", Action: "Open", Then: path})
		}
	}
	if d.ServiceTokens != nil {
		for _, t := range d.ServiceTokens.Expiring {
			all = append(all, ofToken("Service token", "/tokens/"+url.PathEscape(t.ID), t, now))
		}
	}
	if d.APITokens != nil {
		for _, t := range d.APITokens.Expiring {
			all = append(all, ofToken("API token", "/tokens/api", t, now))
		}
	}
	if d.Exemptions != nil {
		for _, x := range d.Exemptions.Ending {
			all = append(all, ofExemption(x))
		}
	}
	return all
}

func ofHold(h client.Hold) attention {
	path := "/holds/" + url.PathEscape(h.ID)
	a := attention{Kind: "held", Word: "Held", Name: fmt.Sprintf("%s, tick %d", h.Name, h.Tick), Path: path,
		Effect: hold.Effect(h), Action: "Review", Then: path}
	if h.Since != nil {
		a.At = *h.Since
	}
	switch h.State {
	case "rejected":
		a.Word = "Rejected"
	case "expired":
		a.Kind, a.Word = "warn", "Safe side"
	}
	return a
}

func ofIntegration(i client.DashboardIntegration, now time.Time) (attention, bool) {
	path := "/integrations/" + url.PathEscape(i.ID)
	a := attention{Name: i.Name, Path: path, Action: "Open", Then: path}
	failure := ""
	if i.Poll != nil && i.Poll.Failed > 0 {
		failure = fmt.Sprintf("%s (%d of %d pages)", i.Poll.Failure(), i.Poll.Failed, i.Poll.Pages)
		if i.Poll.At != nil {
			a.At = *i.Poll.At
		}
	}
	switch {
	case i.Overdue:
		a.Kind, a.Word, a.At = "fail", "Overdue", now.Add(-time.Duration(i.AgeMS)*time.Millisecond)
		a.Effect = "Scores are older than two intervals; results expire with them"
		if failure != "" {
			a.Effect = failure
		}
	case i.Paused:
		a.Kind, a.Word, a.Effect = "unk", "Paused", "Not polled: results expire as their scores age"
	case failure != "":
		a.Kind, a.Word, a.Effect = "fail", "Failing", failure
	default:
		return a, false
	}
	return a, true
}

func ofToken(kind, path string, t client.ExpiringToken, now time.Time) attention {
	a := attention{Kind: "warn", Word: "Expires", Name: kind + " " + t.Name, Path: path, At: t.ExpiresAt,
		Action: "Rotate", Then: path}
	var effects []string
	if !t.ExpiresAt.After(now) {
		a.Kind, a.Word = "fail", "Expired"
	}
	switch {
	case t.Rules == 1:
		effects = append(effects, "1 rule names it")
	case t.Rules > 1:
		effects = append(effects, fmt.Sprintf("%d rules name it", t.Rules))
	}
	if t.LastUsed != nil {
		effects = append(effects, "last used "+t.LastUsed.UTC().Format("2006-01-02 15:04 UTC"))
	} else {
		effects = append(effects, "never used")
	}
	a.Effect = strings.Join(effects, ", ")
	return a
}

func ofExemption(x client.Exemption) attention {
	a := attention{Kind: "info", Word: "Exemption ends", Name: x.DeviceName, Path: "/devices/" + url.PathEscape(x.Device),
		Effect: "Exempt from " + x.From() + ": " + x.Reason, Action: "Exemptions", Then: "/holds#exemptions"}
	if a.Name == "" {
		a.Name = x.Device
	}
	if x.Until != nil {
		a.At = *x.Until
	}
	return a
}
