package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"plumbline.dev/services/plumb/client"
)

// Show prints a line for each poll, and on a terminal a progress bar while a poll runs. It is safe for concurrent use.
type Show struct {
	Out      io.Writer
	Terminal bool
	mu       sync.Mutex
	bar      *progressbar.ProgressBar
	tick     uint64
	trouble  string // last error shown
}

// Seen shows a poll; it is the callback of [Watch].
func (s *Show) Seen(p client.Poll, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = ""
	if s.tick != p.Tick {
		s.clear()
		s.tick = p.Tick
	}
	if last {
		s.clear()
		fmt.Fprintln(s.Out, Line(p))
		return
	}
	if !s.Terminal || p.Pages == 0 {
		return
	}
	if s.bar == nil {
		s.bar = progressbar.NewOptions(p.Pages,
			progressbar.OptionSetWriter(s.Out), progressbar.OptionSetDescription(fmt.Sprintf("poll %d", p.Tick)),
			progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	_ = s.bar.Set(max(p.DonePages, 0))
}

// Failed shows an error once, until it changes.
func (s *Show) Failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err.Error() == s.trouble {
		return
	}
	s.trouble = err.Error()
	s.clear()
	fmt.Fprintf(s.Out, "failed to read the status, retrying: %v\n", err)
}

// Print prints a text between polls.
func (s *Show) Print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	_, _ = io.WriteString(s.Out, text)
}

// Clear removes the progress bar.
func (s *Show) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

func (s *Show) clear() {
	if s.bar != nil {
		_ = s.bar.Clear()
		s.bar = nil
	}
}

// Line describes the outcome of a poll in one line.
func Line(p client.Poll) string {
	var b strings.Builder
	if p.At != nil {
		b.WriteString(p.At.Local().Format(time.TimeOnly) + "  ")
	}
	fmt.Fprintf(&b, "poll %d: ", p.Tick)
	if p.Pages > 0 && !p.Done() {
		fmt.Fprintf(&b, "%d of ", max(p.DonePages, 0))
	}
	fmt.Fprintf(&b, "%s, %s devices: %s pass, %s fail, %s unknown, %s changed, in %v", pages(p.Pages), count(p.Devices),
		count(p.Pass), count(p.Fail), count(p.Unknown), count(p.Changed), time.Duration(p.TookMS)*time.Millisecond)
	if p.Error != "" {
		fmt.Fprintf(&b, " (%s)", p.Failure())
	}
	if text := p.Enforced.String(); text != "" {
		fmt.Fprintf(&b, "; not by the score: %s", text)
	}
	return b.String()
}

func pages(n int) string {
	if n == 1 {
		return "1 page"
	}
	return count(n) + " pages"
}

// count formats a number with commas between thousands.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
