package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// answer sends the result of a command to its sender, if the command has a reply subject. The sender receives at most
// one answer for each handling, and may miss it: the stored command counts.
func (s *Service) answer(replyTo string, a proto.CommandAnswer) {
	if replyTo == "" {
		return
	}
	if !answerable(replyTo) {
		s.log.Warn("a command asks for its answer on a subject that is not for answers", "seq", a.Seq)
		return
	}
	if err := s.bus.Send(replyTo, &a); err != nil {
		s.log.Warn("a command's answer cannot be sent", "seq", a.Seq, "err", err)
	}
}

// answerable reports whether answers may be sent to a subject. The registry's permissions are the same; publishing to
// another subject would only show as an error of the connection.
func answerable(subject string) bool {
	for _, r := range []topology.Role{topology.API, topology.Operator} {
		if rest, ok := strings.CutPrefix(subject, topology.CommandAnswers(r)+"."); ok {
			return rest != "" && !strings.ContainsAny(rest, " \t\r\n*>")
		}
	}
	return false
}

// bury answers a command on its way to the dead letters, and moves the cursor past it: a settled command that is
// not before the cursor shows that the bucket lost something.
func (s *Service) bury(ctx context.Context, m *bus.Msg, why error) error {
	a := proto.CommandAnswer{Seq: m.Seq, Error: &proto.Error{Code: "command_given_up",
		Message: "The command could not be applied and was set aside; see the dead letters of stage registry for " +
			"the reason."}}
	var known *proto.Error
	if errors.As(why, &known) {
		a.Error = known
	}
	if err := s.pass(ctx, m, a); err != nil {
		return fmt.Errorf("set a command aside: %w", err)
	}
	s.answer(m.Header.Get(proto.HeaderReplyTo), a)
	return nil
}
