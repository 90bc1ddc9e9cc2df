package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"sync"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/intake"
)

// rowsPerCommand keeps commands and their answers small, and the registry fair to several imports.
const rowsPerCommand = 1000

// imported is what became of a list. The counts of devices and the refused add up to the rows.
type imported struct {
	Rows      int        `json:"rows"`
	Enrolled  int        `json:"enrolled"`
	Updated   int        `json:"updated"`
	Unchanged int        `json:"unchanged"`
	Refused   int        `json:"refused"`
	Errors    []rowError `json:"errors"` // the first [maxRowErrors], by line
}

type rowError struct {
	Line    int    `json:"line"`
	Device  string `json:"device_id,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

const maxRowErrors = 100

func (r *imported) refuse(e rowError) {
	r.Refused++
	if len(r.Errors) < maxRowErrors {
		r.Errors = append(r.Errors, e)
	}
}

// importDevices enrols or updates every device of a list of any length, while it is being received. A row
// replaces all that is known of its device.
func (s *Service) importDevices(w http.ResponseWriter, c *call) error {
	format, err := formatOf(c.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	permitted := c.Context()
	// What is under way on the bus when the token ends is finished and counted. Reads that are stopped end the
	// client's context too, which then says nothing about the client.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(permitted))
	defer cancel(nil)
	defer context.AfterFunc(c.client, func() {
		if tokenEnded(permitted) == nil {
			cancel(context.Cause(c.client))
		}
	})()
	select {
	case s.imports <- struct{}{}:
		defer func() { <-s.imports }()
	case <-permitted.Done():
		return context.Cause(permitted)
	case <-s.ending:
		return errEnding
	}
	body := &patientReader{r: c.Body, connection: http.NewResponseController(w), permitted: permitted}
	defer context.AfterFunc(permitted, body.stop)()
	result, err := s.runImport(ctx, permitted, c.account, intake.NewReader(body, format), newInformed(w, c.Request))
	body.done()
	if err != nil {
		return err
	}
	return ok(result).write(w)
}

var errEnding = unavailable(nil, "the control plane is being stopped: try again")

func formatOf(contentType string) (intake.Format, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if charset := params["charset"]; err == nil && (charset == "" || charset == "utf-8" || charset == "UTF-8") {
		switch kind {
		case "text/csv", "application/csv":
			return intake.CSV, nil
		case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
			return intake.NDJSON, nil
		case "application/json":
			return intake.JSON, nil
		}
	}
	return 0, refuse(http.StatusUnsupportedMediaType, codeMediaType,
		"send devices as text/csv, application/x-ndjson or application/json (Content-Type), in UTF-8")
}

// runImport enrols the rows until the list ends, or permitted does.
func (s *Service) runImport(ctx, permitted context.Context, a proto.Account, rows *intake.Reader, client *informed) (*imported, error) {
	commands, err := s.newCommands(a)
	if err != nil {
		return nil, err
	}
	defer commands.close()
	spool := intake.NewSpool(s.cfg.TempDir, 0)
	defer spool.Close()
	i := &importing{permitted: permitted, client: client, commands: commands, spool: spool, seen: intake.NewSeen(), result: &imported{Errors: []rowError{}}, lines: map[proto.ID]int{}}
	commands.refused = func(line int, r proto.Refusal) {
		i.result.refuse(rowError{Line: line, Device: r.Device.String(), Code: r.Error.Code, Message: r.Error.Message})
	}
	commands.more = func(n int) { i.result.Refused += n }
	err = i.run(ctx, a, rows)
	if why := tokenEnded(permitted); err != nil && why != nil {
		err = i.ended(ctx, why)
	}
	t := commands.total
	i.result.Enrolled, i.result.Updated, i.result.Unchanged = t.Enrolled, t.Updated, t.Unchanged
	i.end(ctx, err)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(i.result.Errors, func(a, b rowError) int { return cmp.Compare(a.Line, b.Line) })
	for outcome, n := range map[string]int{"enrolled": t.Enrolled, "updated": t.Updated, "unchanged": t.Unchanged, "refused": i.result.Refused} {
		s.metrics.rows.WithLabelValues(outcome).Add(float64(n))
	}
	return i.result, nil
}

// importing is one import under way.
type importing struct {
	permitted context.Context // ends with the client, and when its token may no longer do this
	client    *informed
	commands  *commands
	action    *action // once there is a command
	spool     *intake.Spool
	seen      *intake.Seen // ids of the rows so far
	result    *imported
	chunk     []proto.Device
	lines     map[proto.ID]int // of the devices in chunk
}

// ended waits for what is under way when the token ends, and returns the refusal, with the work done so far.
func (i *importing) ended(ctx context.Context, why error) error {
	if err := i.commands.finish(ctx); err != nil {
		i.commands.s.log.Warn("an import was ended, and what it did is not fully known", "err", err)
	}
	p := *problemOf(why)
	t := i.commands.total
	p.message = fmt.Sprintf("%s: the import stopped after row %d: %d devices were enrolled, %d updated and %d unchanged, and stay as they are",
		p.message, i.result.Rows, t.Enrolled, t.Updated, t.Unchanged)
	p.cause = why
	return &p
}

func (i *importing) run(ctx context.Context, a proto.Account, rows *intake.Reader) error {
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(ctx, err)
		}
		i.result.Rows++
		if row.Error == nil && row.Device.ID.IsZero() {
			if row.Error, err = i.spool.Hold(row); err != nil {
				return err
			}
			if row.Error == nil {
				continue // it comes again when the spool is drained
			}
		} else if row.Error == nil {
			if err := i.spool.Saw(row.Device.Serial); err != nil {
				return err
			}
		}
		if err := i.take(ctx, row); err != nil {
			return err
		}
	}
	known := func(id proto.ID) bool { _, known := i.commands.s.inventory.find(a, id); return known }
	if err := i.spool.Drain(a, known, func(row intake.Row) error { return i.take(ctx, row) }); err != nil {
		return err
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	return i.commands.finish(ctx)
}

// unreadable is what is wrong with a list as a whole, or with how it came.
func unreadable(ctx context.Context, err error) error {
	if intake.IsFormat(err) {
		return invalid("%v", err)
	}
	if ctx.Err() != nil {
		return err
	}
	p := invalid("the list broke off: what came before is enrolled, send all of it again")
	p.cause = err
	return p
}

// take counts a row that is decided.
func (i *importing) take(ctx context.Context, row intake.Row) error {
	if i.action != nil {
		i.action.goes(ctx, i.counts()) // a list may come slower than a lease lasts
	}
	if row.Error != nil {
		i.result.refuse(rowError{Line: row.Line, Code: row.Error.Code, Message: row.Error.Message})
		return nil
	}
	if i.seen.Add(row.Device.ID) {
		i.result.refuse(rowError{Line: row.Line, Device: row.Device.ID.String(), Code: intake.CodeTwice,
			Message: "an earlier row of the list is the same device: give each machine one row and an id of its own"})
		return nil
	}
	i.chunk = append(i.chunk, row.Device)
	i.lines[row.Device.ID] = row.Line
	if len(i.chunk) < rowsPerCommand {
		return nil
	}
	return i.flush(ctx)
}

func (i *importing) flush(ctx context.Context) error {
	if len(i.chunk) == 0 {
		return nil
	}
	if err := tokenEnded(i.permitted); err != nil {
		return err
	}
	if i.action == nil {
		var err error
		if i.action, err = i.commands.s.begin(ctx, i.commands.account, i.told()); err != nil {
			return err
		}
	}
	if err := i.commands.send(ctx, &proto.Command{Upsert: i.chunk}, i.lines); err != nil {
		return err
	}
	t := i.commands.total
	i.client.handled(t.Enrolled+t.Updated+t.Unchanged+i.result.Refused, i.commands.s.clock.Now())
	i.chunk, i.lines = i.chunk[:0], map[proto.ID]int{}
	return nil
}

// told is the import as the audit log is told of it.
func (i *importing) told() change {
	return change{action: actionImport, kind: kindDevice, after: i.counts()}
}

func (i *importing) counts() map[string]int {
	t := i.commands.total
	return map[string]int{"rows": i.result.Rows, "enrolled": t.Enrolled, "updated": t.Updated, "unchanged": t.Unchanged, "refused": i.result.Refused}
}

// end tells the audit log what became of the import. One that broke off leaves commands that are stored and not
// answered: the counts are then of what is known.
func (i *importing) end(ctx context.Context, err error) {
	t := i.commands.total
	switch {
	case i.action == nil:
	case err == nil && t.Enrolled+t.Updated == 0:
		i.action.end(ctx)
	case err != nil && len(i.commands.waiting) > 0:
		told := i.told()
		told.unsure = true
		i.action.end(ctx, told)
	case t.Enrolled+t.Updated > 0:
		i.action.end(ctx, i.told())
	default:
		i.action.end(ctx)
	}
}

// patientReader reads a body that may take as long as it needs, as long as something comes.
type patientReader struct {
	r          io.Reader
	connection *http.ResponseController
	permitted  context.Context

	mu      sync.Mutex
	stopped bool
}

// silence is how long a client may send nothing during an import.
const silence = time.Minute

func (p *patientReader) Read(b []byte) (int, error) {
	if err := p.wait(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// wait sets how long the next read may take.
func (p *patientReader) wait() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return context.Cause(p.permitted)
	}
	if err := p.connection.SetReadDeadline(time.Now().Add(silence)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// stop ends a read that waits for the client, and every later one.
func (p *patientReader) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	_ = p.connection.SetReadDeadline(time.Unix(1, 0))
}

// done lifts the deadline: passing later, it would end the request. One that was stopped keeps it: the server
// would otherwise wait for the rest of the body before it answers.
func (p *patientReader) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		_ = p.connection.SetReadDeadline(time.Time{})
	}
}
