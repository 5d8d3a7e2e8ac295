package documentstest

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/ejson"
	values "yunduo/data/query/value"
)

// The cases are Extended JSON, one value a line. A line that holds an object begins a group: what its cases have in
// common. A line that holds an array is a case: what is done and what must come out, as the group's kind says:
//
//	find      [filter, ids]  [filter, sort, ids]  [filter, sort, {skip, limit}, ids]
//	project   [projection, result]  [filter, projection, result]
//	expr      [expression, value]
//	update    [before, update, after]  [before, update, {filter, arrayFilters, multi}, after]
//	upsert    [filter, update, after]  [filter, update, {docs, arrayFilters}, after]
//	pipeline  [stages, results]
//
// A result that begins with an exclamation mark is the reason of the error that must come instead, with MongoDB's
// number where it matters ("!update_not_applicable 28"). A number in the place of a document stands for the group's
// document with this _id, {"$allBut": ids} for all the others, "=" for the document before the update, "!missing" for
// an expression without a value. Documents that are given without an _id get their number in the list, from 1. Lines
// that begin with // are comments.
//
//go:embed testdata/cases/*.ejsonl
var caseFiles embed.FS

// caseGroup is a set of cases on the same documents.
type caseGroup struct {
	name   string
	kind   string
	docs   []bson.Raw
	other  map[string][]bson.Raw // further collections
	by     *collation.Collation
	places string // the field with places: it has an index of its own kind
	cases  []*conformanceCase
}

// conformanceCase is one operation and what must come of it.
type conformanceCase struct {
	group *caseGroup
	place string // file and line
	text  string

	docs         []bson.Raw // before an update
	filter       bson.Raw
	sort         bson.Raw
	projection   bson.Raw
	update       bson.Raw
	arrayFilters []bson.Raw
	multi        bool
	skip, limit  int64
	pipeline     []bson.Raw
	expression   bson.RawValue

	want   []bson.Raw
	reason string // of the error that must come instead
	code   int    // MongoDB's number of this error, 0 if any may come
}

func (c *conformanceCase) String() string { return c.place + ": " + c.text }

// allCases parses the case files.
var allCases = sync.OnceValues(func() ([]*caseGroup, error) {
	var groups []*caseGroup
	err := fs.WalkDir(caseFiles, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := caseFiles.ReadFile(path)
		if err != nil {
			return err
		}
		read, err := parseCases(strings.TrimPrefix(path, "testdata/cases/"), content)
		groups = append(groups, read...)
		return err
	})
	return groups, err
})

func parseCases(file string, content []byte) (groups []*caseGroup, err error) {
	for i, line := range bytes.Split(content, []byte("\n")) {
		place := fmt.Sprintf("%s:%d", file, i+1)
		line = bytes.TrimSpace(line)
		if len(line) == 0 || bytes.HasPrefix(line, []byte("//")) {
			continue
		}
		v, err := ejson.ParseValue(line, ejson.Options{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		switch {
		case v.Type == bson.TypeEmbeddedDocument:
			g, err := parseGroup(v.Value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", place, err)
			}
			groups = append(groups, g)
		case v.Type == bson.TypeArray && len(groups) > 0:
			g := groups[len(groups)-1]
			c := &conformanceCase{group: g, place: place, text: string(line)}
			if err := c.parse(elements(v)); err != nil {
				return nil, fmt.Errorf("%s: %w", place, err)
			}
			g.cases = append(g.cases, c)
		default:
			return nil, fmt.Errorf("%s: a line must be a group or a case of one", place)
		}
	}
	return groups, nil
}

func parseGroup(doc bson.Raw) (*caseGroup, error) {
	g := &caseGroup{other: map[string][]bson.Raw{}}
	for it := values.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "group":
			g.name = v.StringValue()
		case "kind":
			g.kind = v.StringValue()
		case "docs":
			g.docs = documents(v)
		case "other":
			for it := values.Elements(v.Value); ; {
				name, list, ok := it.Next()
				if !ok {
					break
				}
				g.other[string(name)] = documents(list)
			}
		case "places":
			g.places = v.StringValue()
		case "collation":
			var err error
			if g.by, err = collation.Parse(v.Value); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("a group has no field %q", key)
		}
	}
	if g.name == "" || kinds[g.kind] == nil {
		return nil, fmt.Errorf("a group needs a name and a kind")
	}
	if len(g.docs) == 0 && (g.kind == "expr" || g.kind == "project") {
		g.docs = documents(values.ArrayOf(values.Document(raw(bson.D{}))))
	}
	return g, nil
}

// elements returns the elements of an array.
func elements(v bson.RawValue) (list []bson.RawValue) {
	for it := values.Elements(v.Value); ; {
		_, e, ok := it.Next()
		if !ok {
			return list
		}
		list = append(list, e)
	}
}

// documents returns documents of one value, each with an _id.
func documents(v bson.RawValue) []bson.Raw {
	list := []bson.RawValue{v}
	if v.Type == bson.TypeArray {
		list = elements(v)
	}
	out := make([]bson.Raw, 0, len(list))
	for i, doc := range list {
		out = append(out, withID(doc.Value, values.Int32(int32(i+1))))
	}
	return out
}

// withID returns the document with an _id in front, if it has none.
func withID(doc bson.Raw, id bson.RawValue) bson.Raw {
	if _, ok := values.Field(doc, "_id"); ok {
		return doc
	}
	dst := values.Append(values.BeginDocument(nil), "_id", id)
	for it := values.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			return values.EndDocument(dst, 0)
		}
		dst = values.AppendElement(dst, key, v)
	}
}

// parse reads a case as the kind of its group says.
func (c *conformanceCase) parse(parts []bson.RawValue) error {
	if len(parts) < 2 {
		return fmt.Errorf("a case needs an operation and a result")
	}
	result := parts[len(parts)-1]
	if result.Type == bson.TypeString && strings.HasPrefix(result.StringValue(), "!") && result.StringValue() != "!missing" {
		reason, code, coded := strings.Cut(result.StringValue()[1:], " ")
		c.reason = reason
		if coded {
			var err error
			if c.code, err = strconv.Atoi(code); err != nil {
				return err
			}
		}
	}
	return kinds[c.group.kind](c, parts[:len(parts)-1], result)
}

// results reads the documents that must come out.
func (c *conformanceCase) results(v bson.RawValue) error {
	if c.reason != "" {
		return nil
	}
	if v.Type == bson.TypeEmbeddedDocument {
		if but, ok := values.Field(v.Value, "$allBut"); ok {
			return c.allBut(elements(but))
		}
	}
	list := []bson.RawValue{v}
	if v.Type == bson.TypeArray {
		list = elements(v)
	}
	for _, e := range list {
		switch e.Type {
		case bson.TypeEmbeddedDocument:
			c.want = append(c.want, e.Value)
		case bson.TypeInt32, bson.TypeString, bson.TypeInt64, bson.TypeObjectID:
			found := false
			for _, doc := range c.group.docs {
				if id, _ := values.Field(doc, "_id"); values.Equal(id, e) {
					c.want, found = append(c.want, doc), true
				}
			}
			if !found {
				return fmt.Errorf("the group has no document %s", e)
			}
		default:
			return fmt.Errorf("a result cannot be of type %s", values.TypeName(e.Type))
		}
	}
	return nil
}

// allBut expects the group's documents without those of the ids.
func (c *conformanceCase) allBut(ids []bson.RawValue) error {
	left := 0
	for _, doc := range c.group.docs {
		own, _ := values.Field(doc, "_id")
		if slices.ContainsFunc(ids, func(id bson.RawValue) bool { return values.Equal(id, own) }) {
			left++
			continue
		}
		c.want = append(c.want, doc)
	}
	if left != len(ids) {
		return fmt.Errorf("the group has no document for one of the ids")
	}
	return nil
}
