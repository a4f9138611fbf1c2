package settings

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// set sets a flag to a value of YAML or the text of a variable, if it is what the
// flag takes. Several values may be one text.
func (s Row) set(to pflag.Value, value any) error {
	text, isText := value.(string)
	shown := fmt.Sprint(value)
	if isText {
		shown = strconv.Quote(text)
	}
	var wanted string
	ok := isText
	switch kind := to.Type(); kind {
	case "duration":
		wanted = "not a duration, such as 150ms"
	case "int":
		_, isInt := value.(int)
		wanted, ok = "not a whole number", isText || isInt
	case "bool":
		_, isBool := value.(bool)
		wanted, ok = "neither true nor false", isText || isBool
	case "stringSlice", "stringArray":
		return s.setList(to.(pflag.SliceValue), value, shown)
	default:
		wanted = "not a text: put it in quotes"
	}
	if !ok || to.Set(fmt.Sprint(value)) != nil {
		return fmt.Errorf("%s is %s", shown, wanted)
	}
	return nil
}

func (s Row) setList(to pflag.SliceValue, value any, shown string) error {
	var texts []string
	switch value := value.(type) {
	case string:
		separator := ","
		if r, is := s.value.(Repeated); is {
			separator = r.separator
		}
		for part := range strings.SplitSeq(value, separator) {
			if part = strings.TrimSpace(part); part != "" {
				texts = append(texts, part)
			}
		}
	case []any:
		for _, item := range value {
			text, isText := item.(string)
			if !isText {
				return fmt.Errorf("%v is not a text: put it in quotes", item)
			}
			texts = append(texts, text)
		}
	default:
		return fmt.Errorf("%s is neither a text nor a list of texts", shown)
	}
	return to.Replace(texts)
}

// saved is what sets a flag to the value that another, or it itself, has now.
func saved(v pflag.Value) (restore func(to pflag.Value) error) {
	if list, is := v.(pflag.SliceValue); is {
		values := list.GetSlice()
		return func(to pflag.Value) error { return to.(pflag.SliceValue).Replace(values) }
	}
	text := v.String()
	return func(to pflag.Value) error { return to.Set(text) }
}

// textOf is the value of a flag as a variable would say it.
func (s Row) textOf(v pflag.Value) string {
	list, is := v.(pflag.SliceValue)
	if !is {
		return v.String()
	}
	separator := ","
	if r, is := s.value.(Repeated); is {
		separator = r.separator
	}
	return strings.Join(list.GetSlice(), separator)
}
