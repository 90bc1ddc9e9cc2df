package log

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/live"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb/client"
)

// Bounds of a live tail.
const (
	tailEvery = 2 * time.Second // between two looks at a log
	tailLines = 100             // of one look, the newest
)

// Sources returns the live streams of the logs. Each runs once for a person, however many tabs follow the log.
func Sources(c clock.Clock) map[string]live.Source {
	return map[string]live.Source{
		streamOf(&posture): followPosture(c), streamOf(&access): follow(c, client.LogAccess),
		streamOf(&audit): follow(c, client.LogAudit),
	}
}

func streamOf(k *kind) string { return "log-" + k.Name }

// follow returns the source of a log that says where its end is: it emits new lines, the newest first.
func follow(c clock.Clock, log client.Log) live.Source {
	return func(ctx context.Context, api *client.Client, emit func(any)) error {
		page, err := api.LogPage(ctx, log, url.Values{"limit": {"1"}})
		if err != nil {
			return err
		}
		for at := page.Newest; ; {
			if err := wait(ctx, c); err != nil {
				return err
			}
			q := url.Values{"limit": {"500"}, "direction": {"asc"}}
			if at != "" {
				q.Set("cursor", at)
			}
			if page, err = api.LogPage(ctx, log, q); err != nil {
				return err
			}
			at = first(page.Cursor, page.Newest, at)
			emitLines(page.Lines, emit)
		}
	}
}

func emitLines(lines []client.LogLine, emit func(any)) {
	if len(lines) == 0 {
		return
	}
	lines = lines[max(0, len(lines)-tailLines):]
	slices.Reverse(lines)
	emit(lines)
}

func wait(ctx context.Context, c clock.Clock) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.After(tailEvery):
		return nil
	}
}

// followPosture returns the source of the posture log: its newest changed outcomes. It looks at the newest line only, as
// long as that stays the same: the API decodes an entry of 1,000 devices for a line.
func followPosture(c clock.Clock) live.Source {
	return func(ctx context.Context, api *client.Client, emit func(any)) error {
		newest := ""
		for begun := false; ; begun = true {
			lines, err := newestChanges(ctx, api, 1)
			if err == nil && begun && cursorOf(lines) != newest {
				lines, err = newestChanges(ctx, api, tailLines)
			}
			if err != nil {
				return err
			}
			if fresh := until(lines, newest); begun && len(fresh) > 0 {
				emit(fresh)
			}
			if len(lines) > 0 {
				newest = cursorOf(lines)
			}
			if err := wait(ctx, c); err != nil {
				return err
			}
		}
	}
}

// newestChanges returns the newest n changed outcomes, the newest first.
func newestChanges(ctx context.Context, api *client.Client, n int) ([]client.LogLine, error) {
	page, err := api.LogPage(ctx, client.LogPosture, url.Values{"changed": {"true"}, "limit": {strconv.Itoa(n)}})
	return page.Lines, err
}

// cursorOf returns the cursor of the newest line, or "" without a line.
func cursorOf(lines []client.LogLine) string {
	if len(lines) == 0 {
		return ""
	}
	return line{lines[0]}.text("x_cursor")
}

// until returns the lines before the one with a cursor.
func until(lines []client.LogLine, cursor string) []client.LogLine {
	for n, l := range lines {
		if (line{l}).text("x_cursor") == cursor {
			return lines[:n]
		}
	}
	return lines
}

// tail answers with the new lines that the filters select, as rows for the top of the table.
func tail(r *frame.Request, k *kind) error {
	if err := k.only(r, "tail"); err != nil {
		return err
	}
	q := r.URL.Query()
	return r.Watch(streamOf(k), func(s *frame.Stream, e live.Event) error {
		lines, ok := e.Value.([]client.LogLine)
		if !ok {
			return nil
		}
		var rows []row
		for _, l := range lines {
			if k.wants(line{l}, q) {
				rows = append(rows, k.row(line{l}))
			}
		}
		if len(rows) == 0 {
			return nil
		}
		return s.Template(set, "fresh", view{kind: k, Rows: rows})
	})
}
