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
	tailEvery    = 2 * time.Second // between two looks at a log
	tailChanges  = 100             // of the posture log in one look, the newest
	tailPage     = 500             // lines of another log in one request
	tailPages    = 2               // requests in one look
	tailRows     = 100             // that a tab gets at once
	tailRowsKept = 500             // in the table of a tab
)

// news are new lines of a log, the newest first.
type news struct {
	lines []client.LogLine
	cut   bool // older ones were left out
}

// Sources returns the live streams of the logs. Each runs once for a person, however many tabs follow the log.
func Sources(c clock.Clock) map[string]live.Source {
	return map[string]live.Source{
		streamOf(&posture): followPosture(c), streamOf(&access): follow(c, client.LogAccess),
		streamOf(&audit): follow(c, client.LogAudit),
	}
}

func streamOf(k *kind) string { return "log-" + k.Name }

// follow returns the source of a log that says where its end is: it emits new lines.
func follow(c clock.Clock, log client.Log) live.Source {
	return func(ctx context.Context, api *client.Client, emit func(any)) error {
		page, err := api.LogPage(ctx, log, url.Values{"limit": {"1"}})
		if err != nil {
			return err
		}
		emit(live.Back{})
		for at := page.Newest; ; {
			if err := wait(ctx, c); err != nil {
				return err
			}
			var fresh news
			if fresh, at, err = newsAfter(ctx, api, log, at); err != nil {
				return err
			}
			if len(fresh.lines) > 0 || fresh.cut {
				emit(fresh)
			}
		}
	}
}

// newsAfter returns the lines after a position, and the position after them. Of a log that grows faster than it is
// read, lines are left out: a tail shows what happens now.
func newsAfter(ctx context.Context, api *client.Client, log client.Log, at string) (fresh news, end string, err error) {
	for range tailPages {
		q := url.Values{"limit": {strconv.Itoa(tailPage)}, "direction": {"asc"}}
		if at != "" {
			q.Set("cursor", at)
		}
		page, err := api.LogPage(ctx, log, q)
		if err != nil {
			return fresh, at, err
		}
		fresh.lines = append(fresh.lines, page.Lines...)
		at, end = first(page.Cursor, page.Newest, at), page.Newest
		if fresh.cut = page.Cursor != ""; !fresh.cut {
			break
		}
	}
	if fresh.cut {
		at = first(end, at)
	}
	slices.Reverse(fresh.lines)
	return fresh, at, nil
}

func wait(ctx context.Context, c clock.Clock) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.After(tailEvery):
		return nil
	}
}

// followPosture returns the source of the posture log: its newest changed outcomes. It looks at the newest line only,
// as long as that stays the same: the API decodes an entry of 1,000 devices for a line.
func followPosture(c clock.Clock) live.Source {
	return func(ctx context.Context, api *client.Client, emit func(any)) error {
		lines, err := newestChanges(ctx, api, 1)
		if err != nil {
			return err
		}
		emit(live.Back{})
		for newest := cursorOf(lines); ; {
			if err := wait(ctx, c); err != nil {
				return err
			}
			if lines, err = newestChanges(ctx, api, 1); err != nil {
				return err
			}
			if len(lines) == 0 || cursorOf(lines) == newest {
				continue
			}
			if lines, err = newestChanges(ctx, api, tailChanges); err != nil {
				return err
			}
			fresh := news{lines: until(lines, newest)}
			fresh.cut = newest != "" && len(fresh.lines) == len(lines)
			if newest = first(cursorOf(lines), newest); len(fresh.lines) > 0 {
				emit(fresh)
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

// tail answers with the lines that the filters select: at first and after a gap with the newest page for the whole
// table, then with rows for its top.
func tail(r *frame.Request, k *kind) error {
	if err := k.only(r, "tail"); err != nil {
		return err
	}
	v := view{kind: k, Query: r.URL.Query(), Tail: true}
	shown := map[string]bool{} // lines of the page, which may be news as well
	begin := func(s *frame.Stream) error {
		page, err := r.API.LogPage(r.Context(), k.log, v.apiPage())
		if err != nil {
			return err
		}
		clear(shown)
		whole := view{kind: k}
		for _, l := range page.Lines {
			shown[identity(line{l})] = true
			whole.Rows = append(whole.Rows, k.row(line{l}))
		}
		return s.Template(set, "newest", whole)
	}
	return r.Watch(streamOf(k), begin, func(s *frame.Stream, e live.Event) error {
		n, ok := e.Value.(news)
		if !ok {
			return nil
		}
		top := view{kind: k, Cut: n.cut, List: v.Pause()}
		for _, l := range n.lines {
			if !k.wants(line{l}, v.Query) {
				continue
			}
			if shown[identity(line{l})] {
				top.Cut = false // the page has this line and the older ones
				break
			}
			if len(top.Rows) == tailRows {
				top.Cut = true
				break
			}
			top.Rows = append(top.Rows, k.row(line{l}))
		}
		if len(top.Rows) == 0 && !top.Cut {
			return nil
		}
		return s.Template(set, "fresh", top)
	})
}

// identity returns what tells a line from every other: its position, or else all of it.
func identity(l line) string { return first(l.text("x_cursor"), string(l.Raw)) }
