package command

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"plumbline.dev/services/plumb/client"
)

// wish asks for the names of a kind with a prefix; before is written in front of each name.
type wish struct {
	kind   client.Kind
	prefix string
	before string
}

// candidates returns the completions of the last word, and the names that may complete it.
func candidates(node *kong.Node, words []string) (found []string, names wish) {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "=" }) // bash splits words at =
	partial := last(words)
	var flag *kong.Flag // flag without a value yet
	args := 0
	for _, w := range words[:max(0, len(words)-1)] {
		switch {
		case flag != nil:
			flag = nil
		case strings.HasPrefix(w, "-"):
			if f := findFlag(node, w); f != nil && !f.IsBool() {
				flag = f
			}
		default:
			if child := findCommand(node, w); child != nil {
				node = child
			} else {
				args++
			}
		}
	}
	switch {
	case flag != nil:
		return starting(partial, enumOf(flag.Value)), wish{kind: completed(flag.Value), prefix: partial}
	case strings.HasPrefix(partial, "--") && strings.Contains(partial, "="):
		name, value, _ := strings.Cut(partial, "=")
		if f := findFlag(node, name); f != nil {
			for _, v := range starting(value, enumOf(f.Value)) {
				found = append(found, name+"="+v)
			}
			names = wish{completed(f.Value), value, name + "="}
		}
		return found, names
	case strings.HasPrefix(partial, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				found = append(found, "--"+f.Name)
			}
		}
		return starting(partial, found), wish{}
	}
	for _, child := range node.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			found = append(found, child.Name)
		}
	}
	if args < len(node.Positional) {
		arg := node.Positional[args]
		found = append(found, enumOf(arg)...)
		names = wish{kind: completed(arg), prefix: partial}
	}
	return starting(partial, found), names
}

// completed returns the kind of the values of an argument or a flag: that of its tag "completes", or else the kind of
// its name. It returns "" if the values are no names.
func completed(v *kong.Value) client.Kind {
	if kind := v.Tag.Get("completes"); kind != "" {
		return client.Kind(kind)
	}
	if k := client.Kind(v.Name); k.Label() != "" {
		return k
	}
	return ""
}

func starting(prefix string, all []string) []string {
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" || !strings.HasPrefix(s, prefix) })
	slices.Sort(all)
	return slices.Compact(all)
}

func enumOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

func findCommand(node *kong.Node, word string) *kong.Node {
	for _, child := range node.Children {
		if child.Type == kong.CommandNode && (child.Name == word || slices.Contains(child.Aliases, word)) {
			return child
		}
	}
	return nil
}

// findFlag returns the flag of a word without a value, or nil.
func findFlag(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}
