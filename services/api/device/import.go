package device

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
	"plumbline.dev/services/api/device/importfile"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// rowsPerCommand keeps commands and answers small, and lets the registry alternate between imports.
const rowsPerCommand = 1000

// Imported is the result of an import. The counts of devices and of rejected rows add up to Rows.
type Imported struct {
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

func (r *Imported) refuse(e rowError) {
	r.Refused++
	if len(r.Errors) < maxRowErrors {
		r.Errors = append(r.Errors, e)
	}
}

// importDevices enrols or updates every device of a list of any length while the list is being received. A row replaces
// everything known about its device.
func (s *API) importDevices(w http.ResponseWriter, c *v4.Call) error {
	format, err := formatOf(c.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	permitted := c.Context()
	// Commands in flight when the token ends are finished and counted. Stopped reads also cancel the client's context,
	// which then does not mean that the client left.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(permitted))
	defer cancel(nil)
	defer context.AfterFunc(c.Client, func() {
		if v4.TokenEnded(permitted) == nil {
			cancel(context.Cause(c.Client))
		}
	})()
	select {
	case s.imports <- struct{}{}:
		defer func() { <-s.imports }()
	case <-permitted.Done():
		return context.Cause(permitted)
	case <-s.ending:
		return v4.ErrShutdown
	}
	body := &patientReader{r: c.Body, connection: http.NewResponseController(w), permitted: permitted}
	defer context.AfterFunc(permitted, body.stop)()
	result, err := s.runImport(ctx, permitted, c.Account, importfile.NewReader(body, format),
		newProgressWriter(w, c.Request))
	body.done()
	if err != nil {
		return err
	}
	return v4.OK(result).Write(w)
}

func formatOf(contentType string) (importfile.Format, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if charset := params["charset"]; err == nil && (charset == "" || charset == "utf-8" || charset == "UTF-8") {
		switch kind {
		case "text/csv", "application/csv":
			return importfile.CSV, nil
		case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
			return importfile.NDJSON, nil
		case "application/json":
			return importfile.JSON, nil
		}
	}
	return 0, v4.Errorf(http.StatusUnsupportedMediaType, v4.CodeMediaType,
		"send devices as text/csv, application/x-ndjson or application/json (Content-Type), in UTF-8")
}

// runImport enrols the rows until the list ends or permitted is done.
func (s *API) runImport(ctx, permitted context.Context, a proto.Account, rows *importfile.Reader,
	client *progressWriter) (*Imported, error) {
	commands, err := s.newCommands(a)
	if err != nil {
		return nil, err
	}
	defer commands.Close()
	spool := importfile.NewSpool("", 0)
	defer spool.Close()
	i := &importing{Permitted: permitted, client: client, Commands: commands, spool: spool, seen: importfile.NewSeen(),
		Result: &Imported{Errors: []rowError{}}, Lines: map[proto.ID]int{}}
	commands.refused = func(line int, r proto.Refusal) {
		i.Result.refuse(rowError{Line: line, Device: r.Device.String(), Code: r.Error.Code, Message: r.Error.Message})
	}
	commands.more = func(n int) { i.Result.Refused += n }
	err = i.run(ctx, a, rows)
	if why := v4.TokenEnded(permitted); err != nil && why != nil {
		err = i.ended(ctx, why)
	}
	t := commands.total
	i.Result.Enrolled, i.Result.Updated, i.Result.Unchanged = t.Enrolled, t.Updated, t.Unchanged
	i.End(ctx, err)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(i.Result.Errors, func(a, b rowError) int { return cmp.Compare(a.Line, b.Line) })
	for outcome, n := range map[string]int{"enrolled": t.Enrolled, "updated": t.Updated, "unchanged": t.Unchanged,
		"refused": i.Result.Refused} {
		s.rows.WithLabelValues(outcome).Add(float64(n))
	}
	return i.Result, nil
}

// importing is an import in progress.
type importing struct {
	Permitted context.Context // done when the client leaves or its token loses the permission
	client    *progressWriter
	Commands  *registryCommands
	Action    *store.Action // set with the first command
	spool     *importfile.Spool
	seen      *importfile.Seen // ids of earlier rows
	Result    *Imported
	Chunk     []proto.Device
	Lines     map[proto.ID]int // line numbers of the devices in Chunk
}

// ended waits for commands in flight after the token has ended, and returns the error with the work done so far.
func (i *importing) ended(ctx context.Context, why error) error {
	if err := i.Commands.finish(ctx); err != nil {
		i.Commands.s.store.Log.Warn("import stopped, result not fully known", "err", err)
	}
	p := *v4.AsError(why)
	t := i.Commands.total
	p.Message = fmt.Sprintf("%s: the import stopped after row %d: %d devices were enrolled, %d updated and %d "+
		"unchanged; these changes remain",
		p.Message, i.Result.Rows, t.Enrolled, t.Updated, t.Unchanged)
	p.Cause = why
	return &p
}

func (i *importing) run(ctx context.Context, a proto.Account, rows *importfile.Reader) error {
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(ctx, err)
		}
		i.Result.Rows++
		if row.Error == nil && row.Device.ID.IsZero() {
			if row.Error, err = i.spool.Hold(row); err != nil {
				return err
			}
			if row.Error == nil {
				continue // processed when the spool is drained
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
	known := func(id proto.ID) bool { _, known := i.Commands.s.Inventory.PageOf(a, id); return known }
	if err := i.spool.Drain(a, known, func(row importfile.Row) error { return i.take(ctx, row) }); err != nil {
		return err
	}
	if err := i.Flush(ctx); err != nil {
		return err
	}
	return i.Commands.finish(ctx)
}

// unreadable returns the error for a list that is invalid as a whole or incomplete.
func unreadable(ctx context.Context, err error) error {
	if importfile.IsFormat(err) {
		return v4.Invalid("%v", err)
	}
	if ctx.Err() != nil {
		return err
	}
	p := v4.Invalid("the list is incomplete: the devices received so far are enrolled; send the whole list again")
	p.Cause = err
	return p
}

// take adds a row to the import.
func (i *importing) take(ctx context.Context, row importfile.Row) error {
	if i.Action != nil {
		i.Action.Renew(ctx, i.counts()) // a slow list may take longer than the lease
	}
	if row.Error != nil {
		i.Result.refuse(rowError{Line: row.Line, Code: row.Error.Code, Message: row.Error.Message})
		return nil
	}
	if i.seen.Add(row.Device.ID) {
		i.Result.refuse(rowError{Line: row.Line, Device: row.Device.ID.String(), Code: importfile.CodeTwice,
			Message: "an earlier row has the same device id: give each device one row and its own id"})
		return nil
	}
	i.Chunk = append(i.Chunk, row.Device)
	i.Lines[row.Device.ID] = row.Line
	if len(i.Chunk) < rowsPerCommand {
		return nil
	}
	return i.Flush(ctx)
}

// Flush sends the rows in Chunk as a command, if there are any.
func (i *importing) Flush(ctx context.Context) error {
	if len(i.Chunk) == 0 {
		return nil
	}
	if err := v4.TokenEnded(i.Permitted); err != nil {
		return err
	}
	if i.Action == nil {
		var err error
		if i.Action, err = i.Commands.s.store.BeginAction(ctx, i.Commands.account, i.auditChange()); err != nil {
			return err
		}
	}
	if err := i.Commands.send(ctx, &proto.Command{Upsert: i.Chunk}, i.Lines); err != nil {
		return err
	}
	t := i.Commands.total
	i.client.handled(t.Enrolled+t.Updated+t.Unchanged+i.Result.Refused, i.Commands.s.store.Clock.Now())
	i.Chunk, i.Lines = i.Chunk[:0], map[proto.ID]int{}
	return nil
}

// auditChange returns the import as a change for the audit log.
func (i *importing) auditChange() store.Change {
	return store.Change{Action: store.ActionImport, Kind: AuditKind, After: i.counts()}
}

func (i *importing) counts() map[string]int {
	t := i.Commands.total
	return map[string]int{"rows": i.Result.Rows, "enrolled": t.Enrolled, "updated": t.Updated, "unchanged": t.Unchanged,
		"refused": i.Result.Refused}
}

// End records the import in the audit log. If an import failed with unanswered commands, the counts are those known so
// far.
func (i *importing) End(ctx context.Context, err error) {
	t := i.Commands.total
	switch {
	case i.Action == nil:
	case err == nil && t.Enrolled+t.Updated == 0:
		i.Action.End(ctx)
	case err != nil && len(i.Commands.waiting) > 0:
		told := i.auditChange()
		told.Unsure = true
		i.Action.End(ctx, told)
	case t.Enrolled+t.Updated > 0:
		i.Action.End(ctx, i.auditChange())
	default:
		i.Action.End(ctx)
	}
}

// patientReader reads a body without a limit on the total time, as long as data arrives.
type patientReader struct {
	r          io.Reader
	connection *http.ResponseController
	permitted  context.Context

	mu      sync.Mutex
	stopped bool
}

// silence is how long a client may pause during an import.
const silence = time.Minute

func (p *patientReader) Read(b []byte) (int, error) {
	if err := p.wait(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// wait sets the deadline of the next read.
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

// stop ends a blocked read and all later ones.
func (p *patientReader) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	_ = p.connection.SetReadDeadline(time.Unix(1, 0))
}

// done removes the deadline, which would otherwise end the request. A stopped reader keeps it: the server would
// otherwise wait for the rest of the body before it responds.
func (p *patientReader) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		_ = p.connection.SetReadDeadline(time.Time{})
	}
}
