package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"

	"yunduo"
)

// maxConfigBytes bounds a configuration file.
const maxConfigBytes = 1 << 20

// readFile reads a configuration file; nil if there is none.
func readFile(name, shown string) ([]byte, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.IsDir() {
		return nil, nil
	}
	if err == nil && info.Size() > maxConfigBytes {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s is larger than %d KiB", shown, maxConfigBytes>>10)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "%s cannot be read", shown)
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
}

// decodeJSON reads JSON with comments and trailing commas. Errors name the line and column.
func decodeJSON(data []byte, shown string, target any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	plain, err := hujson.Standardize(data)
	if err != nil {
		return syntaxError(err, shown)
	}
	err = json.Unmarshal(plain, target)
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) {
		// Standardize keeps every byte at its place, so offsets are those of the author's text.
		line, column := position(data, typed.Offset)
		field := ""
		if typed.Field != "" {
			field = typed.Field + ": "
		}
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s:%d:%d: %sa %s is not expected here", shown, line, column, field, typed.Value)
	}
	if err != nil {
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: %s", shown, err)
	}
	return nil
}

var hujsonPlace = regexp.MustCompile(`^hujson: line (\d+), column (\d+): (.*)$`)

func syntaxError(err error, shown string) error {
	if m := hujsonPlace.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " ")); m != nil {
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s:%s:%s: %s", shown, m[1], m[2], m[3])
	}
	return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: %s", shown, strings.TrimPrefix(err.Error(), "hujson: "))
}

func position(data []byte, offset int64) (line, column int) {
	before := data[:min(max(offset, 0), int64(len(data)))]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
}

// number is a JSON number, or a text that holds one: templates give texts.
type number float64

func (n *number) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" {
		return nil
	}
	var s string
	if json.Unmarshal(data, &s) == nil {
		text = strings.TrimSpace(s)
		if text == "" {
			return nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%s is not a number", text)
	}
	*n = number(f)
	return nil
}

// variables are names and values of an environment. Numbers and booleans are taken as they are written.
type variables map[string]string

func (v *variables) UnmarshalJSON(data []byte) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(data, &values); err != nil {
		// Some generators write a list of {"key","value"}.
		var list []struct{ Key, Value string }
		if json.Unmarshal(data, &list) != nil {
			return errors.New("variables must be an object of names and values")
		}
		*v = make(variables, len(list))
		for _, item := range list {
			(*v)[item.Key] = item.Value
		}
		return nil
	}
	*v = make(variables, len(values))
	for name, raw := range values {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			(*v)[name] = s
		} else {
			(*v)[name] = string(raw)
		}
	}
	return nil
}

func (l *loader) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(l.project.Warnings, text) {
		l.project.Warnings = append(l.project.Warnings, text)
	}
}

// note remembers that a file was read, so that changes of it can be watched.
func (l *loader) note(name string) string {
	path := filepath.Join(l.project.Dir, name)
	l.project.Files = append(l.project.Files, path)
	return path
}
