package world

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// known is what is not as the SDKs declare it, and why it stays.
var known = []*regexp.Regexp{
	// Declared as the rules of a group; it is the flag that the SDKs themselves send.
	regexp.MustCompile(`\.is_default is (true|false)$`),
	// Declared as if every type of integration had all three; one that was not sent breaks the Terraform provider.
	regexp.MustCompile(`^Integration\.config\.(auth_url|client_id|api_url) is missing$`),
}

// Declared holds a value that a generated SDK read against what it declares: a member that is always there is
// missing, one is null or of another type, a value is none of those that there are.
func Declared(t *testing.T, v any) {
	t.Helper()
	of := reflect.TypeOf(v)
	for of != nil && of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of == nil {
		return
	}
	var found []string
	look(reflect.ValueOf(v), of.Name(), &found)
next:
	for _, one := range found {
		for _, k := range known {
			if k.MatchString(one) {
				continue next
			}
		}
		t.Errorf("not as declared: %s", one)
	}
}

// field is how an SDK keeps what it found for a member.
type field interface {
	IsMissing() bool
	IsNull() bool
	IsInvalid() bool
	Raw() string
}

func look(v reflect.Value, at string, found *[]string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			look(v.Elem(), at, found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			look(v.Index(i), at+"[]", found)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			look(v.MapIndex(key), fmt.Sprint(at, ".", key), found)
		}
	case reflect.Struct:
		lookInto(v, at, found)
	}
}

func lookInto(v reflect.Value, at string, found *[]string) {
	if union := v.MethodByName("AsUnion"); union.IsValid() {
		look(union.Call(nil)[0], at, found)
		return
	}
	kept := v.FieldByName("JSON")
	if !kept.IsValid() || v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range v.NumField() {
		declared := v.Type().Field(i)
		name, options, _ := strings.Cut(declared.Tag.Get("json"), ",")
		meta := kept.FieldByName(declared.Name)
		if !declared.IsExported() || name == "" || name == "-" || !meta.IsValid() {
			continue
		}
		f, ok := meta.Interface().(field)
		if !ok {
			continue
		}
		api, here := declared.Tag.Get("api")+" "+options, at+"."+name
		switch {
		case f.IsMissing():
			if strings.Contains(api, "required") {
				*found = append(*found, here+" is missing")
			}
		case f.IsInvalid():
			*found = append(*found, here+" is "+f.Raw())
		case f.IsNull():
			if !strings.Contains(api, "nullable") && declared.Type.Kind() != reflect.Interface {
				*found = append(*found, here+" is null")
			}
		default:
			if k, ok := v.Field(i).Interface().(interface{ IsKnown() bool }); ok && !k.IsKnown() {
				*found = append(*found, here+" is "+f.Raw()+", which is no known value")
			}
			look(v.Field(i), here, found)
		}
	}
}
