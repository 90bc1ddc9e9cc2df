package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"plumbline.dev/bus/internal/login"
	"plumbline.dev/bus/internal/tuning"
	"plumbline.dev/bus/topology"
)

// Config holds the parameters of a connection to NATS.
type Config struct {
	URL string // nats://host:port; separate several servers by commas
	// Creds is the path of a credentials file. It is empty if the server requires none, or for an in-process
	// connection.
	Creds string
	// CredsContent is the content of a credentials file, in place of Creds.
	CredsContent []byte
	Role         topology.Role
	Log          *slog.Logger
	// Ping is the interval of pings to the server; 0 means [DefaultPing]. If two pings in a row are unanswered, the
	// client reconnects, to another server if there is one.
	Ping time.Duration
	// Tracer records spans of the handled messages. If it is nil, no spans are recorded; trace contexts are still
	// propagated.
	Tracer trace.TracerProvider
	// Options are applied last. Package embed uses them for in-process connections.
	Options []nats.Option
	// Tuning, if not nil, replaces the default timeouts in tests of this module.
	Tuning *tuning.Tuning
}

// Conn is a connection with the permissions of one role. It is safe for concurrent use and reconnects indefinitely.
type Conn struct {
	nc *nats.Conn
	js jetstream.JetStream
	// queue accesses the streams of [topology.Queue] through the operator's API prefix.
	queue jetstream.JetStream
	role  topology.Role
	user  login.User
	log   *slog.Logger
	// tracer starts the spans of stages.
	tracer trace.Tracer
	// open limits the number of open atomic batches. The limit is below the server's limit for a stream.
	open chan struct{}
	// monitors watches the connection's stages and readers.
	monitors monitors
	// contact shows whether the connected server reaches the others.
	contact contact
	// draining counts ended stages still returning messages to the server.
	draining sync.WaitGroup
	// unreadable counts records with undecodable content.
	unreadable unreadable
	// writes records failed writes.
	writes writes
	tuning tuning.Tuning
}

// maxOpenBatches is below the server's limit of 50 for a stream, so two services rarely get [ErrBusy].
const maxOpenBatches = 20

// DefaultPing is the default interval of pings to the server.
const DefaultPing = 2 * time.Second

// requestTimeout limits a JetStream request if its context has no deadline.
const requestTimeout = 5 * time.Second

// maxPings is the number of unanswered pings after which the connection counts as lost.
const maxPings = 2

// Connect connects to NATS, retrying until the server answers or ctx ends. Permanent errors are returned at once: a
// malformed URL, a missing, invalid or expired credentials file, and a login rejected by the server.
func Connect(ctx context.Context, cfg Config) (*Conn, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	tracer := cfg.Tracer
	if tracer == nil {
		tracer = noop.NewTracerProvider()
	}
	if err := login.Check(cfg.URL, cfg.Creds); err != nil {
		return nil, fmt.Errorf("connect to NATS as %s: %w", cfg.Role, err)
	}
	user, err := login.Identify(cfg.Role, cfg.Creds, cfg.CredsContent)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS as %s: %w", cfg.Role, err)
	}
	options := []nats.Option{
		nats.Name("plumbline-" + user.Name),
		nats.CustomInboxPrefix(user.Inbox),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.Timeout(2 * time.Second),
		nats.PingInterval(cmp.Or(cfg.Ping, DefaultPing)),
		nats.MaxPingsOutstanding(maxPings),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			// This is the only report of a denied publish; the caller only sees a timeout.
			args := []any{"err", err}
			if sub != nil {
				args = append(args, "subject", sub.Subject)
			}
			log.Error("NATS reported an error", args...)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("lost connection to NATS, reconnecting", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("reconnected to NATS", "server", nc.ConnectedServerName())
		}),
	}
	if cfg.Creds != "" {
		options = append(options, nats.UserCredentials(cfg.Creds))
	}
	if cfg.CredsContent != nil {
		options = append(options, nats.UserCredentialBytes(cfg.CredsContent))
	}
	options = append(options, cfg.Options...)
	tuned := tuning.Default()
	if cfg.Tuning != nil {
		tuned = *cfg.Tuning
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		nc, err := nats.Connect(cfg.URL, options...)
		if err == nil {
			// Without this timeout, a message with a lost acknowledgement would occupy a pending slot forever.
			js, err1 := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(256),
				jetstream.WithPublishAsyncTimeout(tuned.PublishAsync), jetstream.WithDefaultTimeout(requestTimeout))
			queue, err2 := jetstream.NewWithAPIPrefix(nc, topology.Queue.APIPrefix(),
				jetstream.WithDefaultTimeout(requestTimeout))
			if err := errors.Join(err1, err2); err != nil {
				nc.Close()
				return nil, err
			}
			if tuned.JetStream != nil {
				js = tuned.JetStream(js)
			}
			return &Conn{nc: nc, js: js, queue: queue, role: cfg.Role, user: user, log: log,
				tracer: tracer.Tracer(tracerName), open: make(chan struct{}, maxOpenBatches), tuning: tuned}, nil
		}
		if advice := login.Refused(err); advice != "" {
			return nil, fmt.Errorf("connect to NATS as %s: %w: %s", cfg.Role, err, advice)
		}
		log.Warn("cannot connect to NATS yet, retrying", "err", err, "in", wait)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to NATS as %s: %w", cfg.Role, errors.Join(context.Cause(ctx), err))
		case <-time.After(wait):
		}
	}
}

// AwaitClosed waits until the connection is closed, by [Conn.Close] or by the server rejecting it permanently. It
// returns false if ctx ends first.
func (c *Conn) AwaitClosed(ctx context.Context) bool {
	closed := c.nc.StatusChanged(nats.CLOSED)
	defer c.nc.RemoveStatusListener(closed)
	if c.nc.IsClosed() {
		return true
	}
	select {
	case <-closed:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// CloseReason returns the reason for the closing of the connection.
func (c *Conn) CloseReason() error {
	err := c.nc.LastError()
	if err == nil {
		return nats.ErrConnectionClosed
	}
	if advice := login.Refused(err); advice != "" {
		return fmt.Errorf("%w: %w: %s", nats.ErrConnectionClosed, err, advice)
	}
	return fmt.Errorf("%w: %w", nats.ErrConnectionClosed, err)
}

// NATS returns the underlying connection, for requests and replies.
func (c *Conn) NATS() *nats.Conn { return c.nc }

// Log returns the connection's logger.
func (c *Conn) Log() *slog.Logger { return c.log }

// JetStream returns the connection's JetStream context. For the operator it is the one of the pipeline's zone.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// JetStreamOf returns the JetStream context for a stream. The operator reaches the streams of other zones through a
// different API prefix.
func (c *Conn) JetStreamOf(stream string) jetstream.JetStream {
	if c.role == topology.Operator && topology.ZoneOfStream(stream) != topology.Pipeline {
		return c.queue
	}
	return c.js
}

// CommandInbox returns a new subject for the registry's replies to commands.
func (c *Conn) CommandInbox() string { return topology.CommandAnswers(c.role) + "." + nuid.Next() }

// Tuning returns the timeouts of the connection.
func (c *Conn) Tuning() tuning.Tuning { return c.tuning }

// Background runs f in a goroutine. [Conn.Close] waits until f returns.
func (c *Conn) Background(f func()) { c.draining.Go(f) }

// Connected reports whether the connection to a server is established.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Ready returns an error if the bus is currently unusable: it is disconnected or did not answer within 2 s, a
// stage or reader is stalled ([Conn.Stalled]), or writes fail ([Conn.Unwritable]).
func (c *Conn) Ready(ctx context.Context) error {
	if !c.nc.IsConnected() {
		return fmt.Errorf("NATS is %s", c.nc.Status())
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("NATS does not answer: %w", err)
	}
	return errors.Join(c.Stalled(), c.Unwritable())
}

// Close flushes pending messages, for at most 1 s, and closes the connection. In a cluster it first waits, for at
// most 5 s, until the server has answered the outstanding pull requests of ended stages.
func (c *Conn) Close() {
	c.draining.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.nc.FlushWithContext(ctx)
	c.nc.Close()
}
