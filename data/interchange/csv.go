package interchange

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/value"
)

const maxColumns = 1000

// csvReader reads records under a header. A dotted name such as "address.city" makes a field of an embedded document;
// an empty cell makes no field.
type csvReader struct {
	r     *csv.Reader
	meter *meter
	root  *column
	width int
}

// column is a field; those with children are embedded documents.
type column struct {
	name     string
	index    int // of its cell; -1 for documents
	parse    columnType
	children []*column
}

func newCSVReader(r *bufio.Reader) (Reader, error) {
	m := &meter{r: r}
	c := &csvReader{r: csv.NewReader(m), meter: m, root: &column{index: -1}}
	c.r.ReuseRecord = true
	c.r.FieldsPerRecord = -1
	header, err := c.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, malformed("the file is empty: a first line with the names of the fields was expected")
	}
	if err != nil {
		return nil, malformed("the first line cannot be read: %s", err.Error())
	}
	if len(header) > maxColumns {
		return nil, malformed("the file has more than %d columns", maxColumns)
	}
	c.width = len(header)
	for i, name := range header {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		if err := c.root.add(name, i); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// add puts the column of a header cell into the tree.
func (c *column) add(header string, index int) error {
	parse := columnTypes["auto"]
	path := header
	if name, argument, ok := strings.Cut(header, "("); ok && strings.HasSuffix(header, ")") {
		if at := strings.LastIndexByte(name, '.'); at > 0 {
			if found := typeOf(name[at+1:], strings.TrimSuffix(argument, ")")); found != nil {
				path, parse = name[:at], found
			}
		}
	}
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if part == "" || part[0] == '$' || len(parts) > value.MaxDepth {
			return malformed("column %d: %.60q cannot be the name of a field", index+1, header)
		}
		next := c.child(part)
		last := i == len(parts)-1
		if next != nil && (last || next.index >= 0) {
			return malformed("column %d: %.60q contradicts another column", index+1, header)
		}
		if next == nil {
			next = &column{name: part, index: -1}
			if last {
				next.index, next.parse = index, parse
			}
			c.children = append(c.children, next)
		}
		c = next
	}
	return nil
}

func (c *column) child(name string) *column {
	for _, child := range c.children {
		if child.name == name {
			return child
		}
	}
	return nil
}

// Next returns the next document.
func (c *csvReader) Next() (Record, error) {
	c.meter.read = 0
	cells, err := c.r.Read()
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		return Record{}, &Rejection{Number: int64(wrong.StartLine), Cause: malformed("%s", wrong.Err.Error())}
	case err != nil:
		return Record{}, err
	}
	line, _ := c.r.FieldPos(0)
	if len(cells) != c.width {
		return Record{}, &Rejection{Number: int64(line), Cause: malformed("the line has %d cells, the first line %d", len(cells), c.width)}
	}
	doc, _, err := c.root.document(nil, cells)
	if err != nil {
		return Record{}, &Rejection{Number: int64(line), Cause: err}
	}
	return Record{Number: int64(line), Document: doc}, nil
}

// document appends the document of a column's children; any tells whether it has fields.
func (c *column) document(dst []byte, cells []string) (doc []byte, any bool, err error) {
	start := len(dst)
	dst = value.BeginDocument(dst)
	for _, child := range c.children {
		before := len(dst)
		if child.index < 0 {
			dst = value.AppendHeader(dst, bson.TypeEmbeddedDocument, child.name)
			var some bool
			if dst, some, err = child.document(dst, cells); err != nil {
				return dst, any, err
			}
			if !some {
				dst = dst[:before]
			}
			any = any || some
			continue
		}
		cell := cells[child.index]
		if cell == "" {
			continue
		}
		v, err := child.parse(cell)
		if err != nil {
			e := yunduo.AsError(err)
			return dst, any, yunduo.Wrap(e.Cause, e.Reason, "field %q: %s", child.name, e.Message)
		}
		dst, any = value.Append(dst, child.name, v), true
	}
	return value.EndDocument(dst, start), any, nil
}

// meter ends a file whose record does not: an open quote would have the rest of it read into memory.
type meter struct {
	r    io.Reader
	read int
}

// Read reads.
func (m *meter) Read(p []byte) (int, error) {
	if m.read > MaxDocument {
		return 0, tooLong()
	}
	n, err := m.r.Read(p)
	m.read += n
	return n, err
}
