package bodytemplate

import (
	"fmt"
	"strconv"
	"text/template"
	"text/template/parse"
)

// stepName is the name of the counting function; check denies it to templates.
const stepName = "plumbline_step"

// counter returns the function that counts the steps of one rendering in n.
func counter(n *int) template.FuncMap {
	return template.FuncMap{stepName: func(steps int) (string, error) {
		if n == nil {
			return "", nil
		}
		if *n += steps; *n > maxSteps {
			return "", ErrSteps
		}
		return "", nil
	}}
}

// count adds a call of the counting function to the beginning of every list of nodes: of the template itself, of each
// branch and of each turn of a loop. The steps are those of the list itself, without the lists inside.
func count(list *parse.ListNode) {
	if list == nil {
		return
	}
	steps := 1
	for _, n := range list.Nodes {
		steps++
		for _, child := range children(n) {
			if _, ok := child.(*parse.PipeNode); ok {
				steps += commands(child)
			}
		}
		switch n := n.(type) {
		case *parse.IfNode:
			count(n.List)
			count(n.ElseList)
		case *parse.RangeNode:
			count(n.List)
			count(n.ElseList)
		case *parse.WithNode:
			count(n.List)
			count(n.ElseList)
		}
	}
	number := &parse.NumberNode{NodeType: parse.NodeNumber, IsInt: true, Int64: int64(steps), Text: strconv.Itoa(steps)}
	call := &parse.CommandNode{NodeType: parse.NodeCommand,
		Args: []parse.Node{parse.NewIdentifier(stepName), number}}
	pipe := &parse.PipeNode{NodeType: parse.NodePipe, Cmds: []*parse.CommandNode{call}}
	list.Nodes = append([]parse.Node{&parse.ActionNode{NodeType: parse.NodeAction, Pipe: pipe}}, list.Nodes...)
}

// commands returns the number of commands in an expression.
func commands(n parse.Node) (all int) {
	for _, child := range children(n) {
		all += commands(child)
	}
	if n.Type() == parse.NodeCommand {
		all++
	}
	return all
}

// check returns an error if a template names the counting function, or nests too deeply.
func check(n parse.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("the template nests more than %d levels", maxDepth)
	}
	for _, child := range children(n) {
		if id, ok := child.(*parse.IdentifierNode); ok && id.Ident == stepName {
			return fmt.Errorf("function %q not defined", stepName)
		}
		if err := check(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func children(n parse.Node) []parse.Node {
	var all []parse.Node
	list := func(l *parse.ListNode) {
		if l != nil {
			all = append(all, l.Nodes...)
		}
	}
	pipe := func(p *parse.PipeNode) {
		if p != nil {
			all = append(all, p)
		}
	}
	branch := func(b *parse.BranchNode) {
		pipe(b.Pipe)
		list(b.List)
		list(b.ElseList)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.ActionNode:
		pipe(n.Pipe)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.TemplateNode:
		pipe(n.Pipe)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			all = append(all, c)
		}
	case *parse.CommandNode:
		all = append(all, n.Args...)
	case *parse.ChainNode:
		all = append(all, n.Node)
	}
	return all
}
