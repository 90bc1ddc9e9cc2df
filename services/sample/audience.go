package sample

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// audienceEvery is how often the file that holds the audience is looked at.
const audienceEvery = 500 * time.Millisecond

// followAudience takes the audience from its file until ctx ends. In a stack, whoever creates the
// application writes it, some time after this API has started.
func (s *Service) followAudience(ctx context.Context) {
	known, trouble := "", ""
	for {
		data, err := os.ReadFile(s.cfg.AudiencePath)
		aud := strings.TrimSpace(string(data))
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist) && err.Error() != trouble:
			trouble = err.Error()
			s.log.Warn("the audience cannot be read", "err", err)
		case err == nil && aud != "" && aud != known:
			known = aud
			s.SetAudience(aud)
			s.log.Info("the audience is known", "path", s.cfg.AudiencePath)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.clock.After(audienceEvery):
		}
	}
}
