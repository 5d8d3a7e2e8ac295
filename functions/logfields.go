package functions

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// fieldQuery wants a value at a place in a line's fields. All of it is in small letters.
type fieldQuery struct {
	path  []string
	value string
}

// fieldForm is the text of a search for a field: its name, with those of the objects around it, and the value, in quotation
// marks if need be.
var fieldForm = regexp.MustCompile(`^([\p{L}_$][\p{L}\p{N}_$.-]*):(?:"([^"]*)"|([^\s"]\S*))$`)

// parseField reads a search in small letters that may be for a field.
func parseField(text string) (fieldQuery, bool) {
	parts := fieldForm.FindStringSubmatch(text)
	if parts == nil {
		return fieldQuery{}, false
	}
	return fieldQuery{path: strings.Split(parts[1], "."), value: parts[2] + parts[3]}, true
}

// in reports whether the fields have the value.
func (q fieldQuery) in(fields json.RawMessage) bool {
	if len(fields) == 0 {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(fields))
	decoder.UseNumber()
	var object map[string]any
	return decoder.Decode(&object) == nil && q.at(object, q.path)
}

// at reports whether the value lies at a path below a value. Of a list, any item will do.
func (q fieldQuery) at(value any, path []string) bool {
	if list, ok := value.([]any); ok {
		for _, item := range list {
			if q.at(item, path) {
				return true
			}
		}
		return false
	}
	if len(path) == 0 {
		return q.equals(value)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return false
	}
	for name, member := range object {
		name = strings.ToLower(name)
		// A name may have dots itself.
		for n := 1; n <= len(path); n++ {
			if name == strings.Join(path[:n], ".") && q.at(member, path[n:]) {
				return true
			}
		}
	}
	return false
}

func (q fieldQuery) equals(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.ToLower(v) == q.value
	case json.Number:
		if v.String() == q.value {
			return true
		}
		is, err := v.Float64()
		wanted, bad := strconv.ParseFloat(q.value, 64)
		return err == nil && bad == nil && is == wanted
	case bool:
		return strconv.FormatBool(v) == q.value
	case nil:
		return q.value == "null"
	}
	return false
}
