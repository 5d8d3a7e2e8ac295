package ejson

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"yunduo"
)

// failure is why a text could not be translated; the path is completed on the way out.
type failure struct {
	reason yunduo.Reason
	text   string
	path   []string // innermost first
}

func (p *parser) malformed(text string) *failure {
	return &failure{reason: yunduo.ReasonMalformedJSON, text: fmt.Sprintf("%s at byte %d", text, p.pos)}
}

// invalid says what is wrong with the value at the path: the text continues "the field 'a.b' ...".
func (p *parser) invalid(format string, args ...any) *failure {
	return &failure{reason: yunduo.ReasonInvalidRequest, text: fmt.Sprintf(format, args...)}
}

func (f *failure) at(key string) *failure {
	if f != nil {
		f.path = append(f.path, key)
	}
	return f
}

func (f *failure) atIndex(i int) *failure { return f.at(strconv.Itoa(i)) }

const longestPath = 200 // bytes of a path in a message

func (f *failure) err() error {
	if f.reason == yunduo.ReasonMalformedJSON {
		return yunduo.Errorf(f.reason, "the JSON text is malformed: %s", f.text)
	}
	slices.Reverse(f.path)
	path := strings.Join(f.path, ".")
	if len(path) > longestPath {
		path = strings.ToValidUTF8(path[:longestPath], "") + "..."
	}
	if path == "" {
		return yunduo.Errorf(f.reason, "the value %s", f.text)
	}
	return yunduo.Errorf(f.reason, "the field '%s' %s", path, f.text)
}
