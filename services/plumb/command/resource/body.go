package resource

import (
	"context"

	"plumbline.dev/services/plumb/client"
)

// Set sets a member of an object to a flag's value and returns 1, or returns 0 if the flag was not given.
func Set[T any](object map[string]any, name string, value *T) int {
	if value == nil {
		return 0
	}
	object[name] = *value
	return 1
}

// SetOrReset sets a member to a flag's text, or to null if the text is empty. It returns the number of changed members.
func SetOrReset(object map[string]any, name string, text *string) int {
	if text != nil && *text == "" {
		object[name] = nil
		return 1
	}
	return Set(object, name, text)
}

// SetAll sets the members of an object with a list that is not empty, and returns their number.
func SetAll[T any](object map[string]any, lists map[string][]T) int {
	changed := 0
	for name, list := range lists {
		if len(list) > 0 {
			object[name] = list
			changed++
		}
	}
	return changed
}

// Member returns the member of an object that is an object too. If there is none, it sets the member to an empty one.
func Member(object map[string]any, name string) map[string]any {
	member, _ := object[name].(map[string]any)
	if member == nil {
		member = map[string]any{}
		object[name] = member
	}
	return member
}

// ID returns the id of a resource given by id or name.
func ID[T client.Named](ctx context.Context, all client.Collection[T], name string) (string, error) {
	item, err := all.Find(ctx, name)
	if err != nil {
		return "", err
	}
	return item.Value.ResourceID(), nil
}

// IDs returns the ids of resources given by id or name.
func IDs[T client.Named](ctx context.Context, all client.Collection[T], names []string) ([]string, error) {
	var found []string
	for _, name := range names {
		id, err := ID(ctx, all, name)
		if err != nil {
			return nil, err
		}
		found = append(found, id)
	}
	return found, nil
}
