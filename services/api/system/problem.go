package system

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Severities, the most severe first.
var severities = []string{"fail", "warn", "info"}

// tickLate is how long after its time a poll may be ordered. The scheduler reports a tick as late after 30 s.
const tickLate = time.Minute

// problemsOf returns what is wrong, the most severe first. Intervals has the integrations that are polled.
func problemsOf(v *view, l link, intervals map[proto.ID]time.Duration, now time.Time) []problemView {
	all := slices.Concat(ofLink(l), ofStreams(v.Streams), ofQueues(v.Queues), ofPolls(v.Integrations, intervals, now))
	slices.SortStableFunc(all, func(a, b problemView) int {
		return slices.Index(severities, a.Severity) - slices.Index(severities, b.Severity)
	})
	return append([]problemView{}, all...)
}

func ofLink(l link) (all []problemView) {
	if l.unwritable > 0 {
		all = append(all, problemView{Code: "not_stored", Severity: "fail", Subject: "NATS",
			Text: "NATS does not store messages of the control plane. Changes are not accepted until it does."})
	}
	if l.stalled > 0 {
		all = append(all, problemView{Code: "nats_stalled", Severity: "fail", Subject: "NATS",
			Text: "The control plane has had no answer from NATS for 20 seconds or more. What it shows may be old."})
	}
	if l.unreadable > 0 {
		all = append(all, problemView{Code: "unreadable_records", Severity: "warn", Subject: "api",
			Text: fmt.Sprintf("The control plane cannot read %s; its log names them. The version before them stays in force.",
				counted(l.unreadable, "record"))})
	}
	return all
}

func ofStreams(streams []streamView) (all []problemView) {
	for _, s := range streams {
		p := problemView{Subject: s.Name}
		switch {
		case s.Error != "":
			p.Code, p.Severity = "stream_silent", "fail"
			p.Text = "NATS does not tell the state of this stream: " + strings.TrimSuffix(s.Error, ".") + "."
		case s.Current < s.Servers:
			p.Code, p.Severity = "servers_behind", "warn"
			p.Text = fmt.Sprintf("%d of its %d servers are up to date. Another failure may stop writes.", s.Current, s.Servers)
		case s.Lost > 0:
			p.Code, p.Severity = "data_lost", "warn"
			p.Text = fmt.Sprintf("The last check of the store could not read messages up to number %d of this stream.", s.Lost)
		case s.Name == topology.PostureDead && s.Messages > 0:
			p.Code, p.Severity = "dead_letters", "warn"
			p.Text = fmt.Sprintf("Services could not handle %s within the last days. Each has the reason with it.",
				counted(int(s.Messages), "message"))
		case full(s):
			p.Code, p.Severity = "history_short", "info"
			p.Text = "This log has reached its limit of size: older lines are removed before their time. " +
				"The current results are kept elsewhere."
		default:
			continue
		}
		all = append(all, p)
	}
	return all
}

// full reports whether a stream removes messages for its size rather than their age.
func full(s streamView) bool {
	const nearly = 0.97
	aged := s.MaxAgeMS > 0 && (proto.Millis(s.Newest)-proto.Millis(s.Oldest)) >= proto.Millis(s.MaxAgeMS)*9/10
	return s.Limit > 0 && float64(s.Bytes) >= nearly*float64(s.Limit) && !aged
}

func ofQueues(queues []queueView) (all []problemView) {
	for _, q := range queues {
		if q.Late {
			all = append(all, problemView{Code: q.Service + "_late", Severity: "fail", Subject: q.Service,
				Text: fmt.Sprintf("The %s has work that waits: %s, the oldest for %s.", q.Service,
					counted(int(q.Waiting), "message"), time.Duration(q.AgeMS)*time.Millisecond)})
		}
	}
	return all
}

func ofPolls(integrations []polledView, intervals map[proto.ID]time.Duration, now time.Time) (all []problemView) {
	for _, i := range integrations {
		p := problemView{Subject: i.Name, ID: i.ID.String()}
		interval, polled := intervals[i.ID]
		due := proto.Millis(i.At).Time().Add(interval)
		switch {
		case polled && i.At != 0 && now.Sub(due) > tickLate && i.Standing != "unsupported":
			p.Code, p.Severity = "scheduler_late", "fail"
			p.Text = fmt.Sprintf("No poll was ordered for %s. One is due every %s.",
				now.Sub(proto.Millis(i.At).Time()).Round(time.Second), i.Interval)
		case i.Standing == "overdue":
			p.Code, p.Severity = "poll_overdue", "fail"
			p.Text = "Its scores are older than two intervals. Results expire with them."
		case i.Failed > 0:
			p.Code, p.Severity = "poll_failing", "warn"
			p.Text = fmt.Sprintf("The newest calls of %d of its %d pages failed.", i.Failed, i.Pages)
		default:
			continue
		}
		all = append(all, p)
	}
	return all
}

// counted returns a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
