package documents

import (
	"bytes"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// ChangedPaths returns the paths at which two states of a document differ, in the order of the fields: those of the
// first state, then those that only the second has. It looks into documents but not into arrays. A nil state has no
// fields.
func ChangedPaths(before, after bson.Raw) []string {
	return appendChanged([]string{}, "", before, after)
}

func appendChanged(paths []string, prefix string, before, after []byte) []string {
	for it := value.Elements(before); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		w, found := value.Field(after, string(key))
		switch {
		case found && v.Type == w.Type && bytes.Equal(v.Value, w.Value):
		case found && v.Type == bson.TypeEmbeddedDocument && w.Type == v.Type:
			paths = appendChanged(paths, prefix+string(key)+".", v.Value, w.Value)
		default:
			paths = append(paths, prefix+string(key))
		}
	}
	for it := value.Elements(after); ; {
		key, _, ok := it.Next()
		if !ok {
			return paths
		}
		if _, found := value.Field(before, string(key)); !found {
			paths = append(paths, prefix+string(key))
		}
	}
}
