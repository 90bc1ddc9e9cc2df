package sample

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// audienceEvery is the time between two reads of the audience file.
const audienceEvery = 500 * time.Millisecond

// followAudience reads the audience from its file until ctx ends. In a stack, the file is written when the application
// is created, some time after this API has started.
func (s *Service) followAudience(ctx context.Context) {
	known, trouble := "", ""
	for {
		data, err := os.ReadFile(s.cfg.AudiencePath)
		aud := strings.TrimSpace(string(data))
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist) && err.Error() != trouble:
			trouble = err.Error()
			s.log.Warn("failed to read the audience", "err", err)
		case err == nil && aud != "" && aud != known:
			known = aud
			s.SetAudience(aud)
			s.log.Info("audience loaded", "path", s.cfg.AudiencePath)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.clock.After(audienceEvery):
		}
	}
}
