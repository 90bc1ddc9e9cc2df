package bus

import (
	"context"
	"fmt"
	"maps"
)

// Note returns a note of a stream, or "" if there is none.
func (c *Conn) Note(ctx context.Context, stream, name string) (string, error) {
	s, err := c.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return "", fmt.Errorf("notes of %s: %w", stream, translate(err))
	}
	return s.CachedInfo().Config.Metadata[name], nil
}

// SetNote writes a note of a stream. Only the operator has the permission.
func (c *Conn) SetNote(ctx context.Context, stream, name, text string) error {
	s, err := c.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("notes of %s: %w", stream, translate(err))
	}
	cfg := s.CachedInfo().Config
	cfg.Metadata = maps.Clone(cfg.Metadata)
	if cfg.Metadata == nil {
		cfg.Metadata = map[string]string{}
	}
	cfg.Metadata[name] = text
	if _, err := c.JetStreamOf(stream).UpdateStream(ctx, cfg); err != nil {
		return fmt.Errorf("notes of %s: %w", stream, translate(err))
	}
	return nil
}
