package interchange

import (
	"encoding/csv"
	"io"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/ejson"
	"yunduo/data/query/value"
)

// Writer writes the documents of one collection to a file.
type Writer interface {
	Write(doc bson.Raw) error
	// Close ends the file. The underlying writer stays open.
	Close() error
}

// NewWriter returns the writer of a format other than Archive. canonical EJSON keeps every type where relaxed EJSON, as
// the consoles write it, keeps what JavaScript tells apart. columns are those of a CSV file. Errors: invalid_request.
func NewWriter(w io.Writer, format Format, canonical bool, columns []string) (Writer, error) {
	switch format {
	case Lines:
		return &jsonWriter{w: w, canonical: canonical, after: "\n"}, nil
	case JSON:
		return &jsonWriter{w: w, canonical: canonical, before: "[\n", between: ",\n", end: "\n]\n"}, nil
	case BSON:
		return bsonWriter{w}, nil
	case CSV:
		return newCSVWriter(w, columns)
	}
	return nil, malformed("format: %.20q is not one of jsonl, json, csv, bson", string(format))
}

type jsonWriter struct {
	w                           io.Writer
	canonical                   bool
	before, between, after, end string
	begun                       bool
	buf                         []byte
}

// Write adds a document.
func (j *jsonWriter) Write(doc bson.Raw) error {
	j.buf = append(j.buf[:0], j.between...)
	if !j.begun {
		j.buf = append(j.buf[:0], j.before...)
	}
	j.begun = true
	if j.canonical {
		j.buf = ejson.AppendCanonical(j.buf, doc)
	} else {
		j.buf = ejson.Append(j.buf, doc)
	}
	j.buf = append(j.buf, j.after...)
	_, err := j.w.Write(j.buf)
	return err
}

// Close ends the file.
func (j *jsonWriter) Close() error {
	text := j.end
	if !j.begun {
		text = j.before + j.end
	}
	_, err := io.WriteString(j.w, text)
	return err
}

type bsonWriter struct{ w io.Writer }

// Write adds a document.
func (b bsonWriter) Write(doc bson.Raw) error {
	_, err := b.w.Write(doc)
	return err
}

// Close has nothing to end.
func (b bsonWriter) Close() error { return nil }

// Columns finds the columns that the documents of a collection need. The zero value is ready.
type Columns struct {
	order []string
	seen  map[string]bool
}

// Add notes the fields of a document.
func (c *Columns) Add(doc bson.Raw) error {
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	return c.add("", doc)
}

func (c *Columns) add(prefix string, doc []byte) error {
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			return nil
		}
		if prefix == "" && strings.ContainsRune(string(key), '.') {
			return malformed("the field name %.60q has a dot, which means an embedded document in CSV; choose another format", string(key))
		}
		name := prefix + string(key)
		if v.Type == bson.TypeEmbeddedDocument && flat(v.Value) {
			if err := c.add(name+".", v.Value); err != nil {
				return err
			}
			continue
		}
		if c.seen[name] {
			continue
		}
		if len(c.order) == maxColumns {
			return malformed("the documents have more than %d different fields; name those that are wanted", maxColumns)
		}
		c.seen[name] = true
		c.order = append(c.order, name)
	}
}

// flat reports whether an embedded document can be columns of its own: it has fields, and their names can be parts of a
// path.
func flat(doc []byte) bool {
	if value.IsEmpty(doc) {
		return false
	}
	for it := value.Elements(doc); ; {
		key, _, ok := it.Next()
		if !ok {
			return true
		}
		if len(key) == 0 || strings.ContainsRune(string(key), '.') || key[0] == '$' {
			return false
		}
	}
}

// List returns the columns: _id first, the others as they were met. What is a document here and something else there
// is one column.
func (c *Columns) List() []string {
	list := []string{}
	for _, name := range c.order {
		if !c.within(name) {
			list = append(list, name)
		}
	}
	if at := slices.Index(list, "_id"); at > 0 {
		list = slices.Insert(slices.Delete(list, at, at+1), 0, "_id")
	}
	return list
}

// within reports whether another column holds the whole document that the name is a field of.
func (c *Columns) within(name string) bool {
	for at := range len(name) {
		if name[at] == '.' && c.seen[name[:at]] {
			return true
		}
	}
	return false
}

type csvWriter struct {
	w       *csv.Writer
	columns [][]string
	cells   []string
	buf     []byte
}

func newCSVWriter(w io.Writer, columns []string) (*csvWriter, error) {
	if len(columns) == 0 || len(columns) > maxColumns {
		return nil, malformed("fields: a CSV file has 1 to %d columns, not %d", maxColumns, len(columns))
	}
	root := &column{index: -1}
	c := &csvWriter{w: csv.NewWriter(w), cells: make([]string, len(columns))}
	for i, name := range columns {
		if err := root.add(name, i); err != nil {
			return nil, err
		}
		c.columns = append(c.columns, strings.Split(name, "."))
	}
	return c, c.w.Write(columns)
}

// Write adds a document.
func (c *csvWriter) Write(doc bson.Raw) error {
	for i, path := range c.columns {
		c.cells[i] = ""
		if v, ok := within(doc, path); ok {
			c.buf = appendCell(c.buf[:0], v)
			c.cells[i] = string(c.buf)
		}
	}
	return c.w.Write(c.cells)
}

// within returns the value at a path of embedded documents.
func within(doc []byte, path []string) (v bson.RawValue, ok bool) {
	for i, name := range path {
		if v, ok = value.Field(doc, name); !ok {
			return v, false
		}
		if i < len(path)-1 && v.Type != bson.TypeEmbeddedDocument {
			return v, false
		}
		doc = v.Value
	}
	return v, ok
}

// Close writes what is buffered.
func (c *csvWriter) Close() error {
	c.w.Flush()
	return c.w.Error()
}
