package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// App describes a binary.
type App struct {
	Name  string // name of the command
	About string // description for --help
	// Options are added to the parser's own.
	Options []kong.Option
}

// variables is the last paragraph of the help.
const variables = "A flag can be set by the environment variable shown with it. With _FILE appended to its name, the " +
	"variable names a file with the value: use this for secrets."

// newParser returns the parser of a binary. It panics if kong rejects the grammar, as this is a programming error.
func newParser(app App, grammar any) *kong.Kong {
	options := append([]kong.Option{
		kong.Name(app.Name),
		kong.Description(app.About + "\n\n" + variables),
		kong.DefaultEnvars("PLUMB"),
		kong.Resolvers(kong.ResolverFunc(fromFile)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
	}, app.Options...)
	k, err := kong.New(grammar, options...)
	if err != nil {
		panic(fmt.Sprintf("flags of %s: %v", app.Name, err))
	}
	return k
}

// maxFile is the maximum size of a file named by a variable, in bytes.
const maxFile = 1 << 20

// fromFile returns the content of the file named by the flag's _FILE variable. It is not called for flags on the
// command line, so these take precedence.
func fromFile(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		path := os.Getenv(env + "_FILE")
		if path == "" {
			continue
		}
		if os.Getenv(env) != "" {
			return nil, fmt.Errorf("%s and %s_FILE are both set; keep one", env, env)
		}
		text, err := readValue(path)
		if err != nil {
			return nil, fmt.Errorf("%s_FILE: %w", env, err)
		}
		return text, nil
	}
	return nil, nil
}

func readValue(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("%s is larger than %d bytes, which no value is", path, maxFile)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}

// The exit codes of every binary. [ExitNotFound] and later codes are used by commands calling a control plane.
const (
	ExitOK       = 0
	ExitFailure  = 1
	ExitUsage    = 2
	ExitNotFound = 3 // the named resource does not exist
	ExitRefused  = 4 // the API token is unknown or lacks a permission
	ExitConflict = 5 // changed concurrently, or already existing
	ExitPending  = 6 // there are changes, but the command was not asked to make them
	ExitPartial  = 7 // completed with omissions
)

// codedError ends the process with its own exit code.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// Exit returns an error ending the process with the code. An error without text ends it silently.
func Exit(code int, err error) error { return codedError{err, code} }

// Usage returns an error about the command line. The process exits with [ExitUsage].
func Usage(format string, args ...any) error { return Exit(ExitUsage, fmt.Errorf(format, args...)) }

// words returns the command line with "help COMMAND" as "COMMAND --help".
func words(args []string) []string {
	if len(args) > 0 && args[0] == "help" {
		return append(slices.Clone(args[1:]), "--help")
	}
	return args
}

// unfinished returns the parsed command line if err reports that it ends with a group of commands.
func unfinished(err error) (*kong.Context, bool) {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok || parse.Context == nil {
		return nil, false
	}
	n := parse.Context.Selected()
	if n == nil || n.Type != kong.CommandNode || len(n.Children) == 0 ||
		!strings.HasPrefix(err.Error(), "expected one of") {
		return nil, false
	}
	return parse.Context, true
}

// meant returns the command named on an invalid command line, as far as it could be parsed.
func meant(name string, err error) string {
	if parse, ok := errors.AsType[*kong.ParseError](err); ok {
		return path(name, parse.Context)
	}
	return name
}

// path returns a command with its parents, as in "plumb check show".
func path(name string, k *kong.Context) string {
	if k == nil {
		return name
	}
	var words []string
	for n := k.Selected(); n != nil && n.Type == kong.CommandNode; n = n.Parent {
		words = append(words, n.Name)
	}
	slices.Reverse(words)
	return strings.Join(append([]string{name}, words...), " ")
}

// report writes an error as one sentence and returns its exit code. After a usage error it refers to the help of
// command.
func report(w io.Writer, name, command string, err error) int {
	if err == nil {
		return ExitOK
	}
	if err.Error() != "" {
		fmt.Fprintf(w, "%s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	code := CodeOf(err)
	if code == ExitUsage {
		fmt.Fprintf(w, "See %s --help.\n", command)
	}
	return code
}

// CodeOf returns the exit code of an error.
func CodeOf(err error) int {
	var parse *kong.ParseError
	var coded codedError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &parse):
		return ExitUsage
	}
	return ExitFailure
}
