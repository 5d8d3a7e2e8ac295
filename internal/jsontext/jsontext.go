// Package jsontext checks JSON texts that are passed on as they are, which is done for every event and every result.
package jsontext

import (
	"bytes"
	"encoding/json"

	"github.com/tidwall/gjson"
)

// maxDepth is how deep encoding/json lets a text be nested.
const maxDepth = 10_000

// Valid reports whether text is one JSON value. It agrees with json.Valid and takes a fraction of its time.
func Valid(text []byte) bool {
	if len(text) > maxDepth && bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) > maxDepth {
		return json.Valid(text) // gjson nests calls as deep as the text
	}
	return gjson.ValidBytes(text)
}
