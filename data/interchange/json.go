package interchange

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"yunduo"
	"yunduo/data/query/ejson"
)

// jsonReader reads JSON objects. In a file of lines each line stands for itself, so that a broken one costs nothing but
// itself; otherwise objects are found by their braces.
type jsonReader struct {
	r     *bufio.Reader
	o     ejson.Options
	line  int64 // of what is read next
	lines bool
	array bool // inside the brackets of an array
	begun bool // an element of the array was read
	ended bool
	buf   []byte
}

func newJSONReader(r *bufio.Reader, format Format, o Options) (Reader, error) {
	j := &jsonReader{r: r, o: ejson.Options{Now: o.Now}, line: 1, lines: format == Lines}
	if head, err := r.Peek(3); err == nil && bytes.Equal(head, []byte("\ufeff")) {
		if _, err := r.Discard(3); err != nil {
			return nil, err
		}
	}
	if j.lines {
		return j, nil
	}
	c, err := j.skipSpace()
	switch {
	case errors.Is(err, io.EOF):
		j.ended = true
		return j, nil
	case err != nil:
		return nil, err
	case c == '[':
		j.array = true
		_, err = r.Discard(1)
	default:
		j.lines = oneLineEach(r)
	}
	return j, err
}

// oneLineEach reports whether the object that comes next ends on its line.
func oneLineEach(r *bufio.Reader) bool {
	head, _ := r.Peek(r.Size())
	end := bytes.IndexByte(head, '\n')
	if end < 0 {
		end = len(head)
	}
	var b braces
	return b.feed(head[:end]) > 0 || end == r.Size()
}

// skipSpace returns the next byte that is no white space, without reading it.
func (j *jsonReader) skipSpace() (byte, error) {
	for {
		c, err := j.r.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			j.line++
		case ' ', '\t', '\r':
		default:
			return c, j.r.UnreadByte()
		}
	}
}

// Next returns the next document.
func (j *jsonReader) Next() (Record, error) {
	if j.ended {
		return Record{}, io.EOF
	}
	if j.lines {
		return j.nextLine()
	}
	return j.nextObject()
}

func (j *jsonReader) nextLine() (Record, error) {
	for {
		number := j.line
		j.line++
		long, err := j.readLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return Record{}, err
		}
		j.ended = err != nil
		text := bytes.TrimSpace(j.buf)
		switch {
		case long:
			return Record{}, &Rejection{Number: number, Cause: tooLong()}
		case len(text) > 0:
			return j.parse(number, text)
		case j.ended:
			return Record{}, io.EOF
		}
	}
}

// readLine reads up to the next line break. Of a line that is too long it keeps nothing.
func (j *jsonReader) readLine() (long bool, err error) {
	j.buf = j.buf[:0]
	for {
		part, err := j.r.ReadSlice('\n')
		if len(j.buf)+len(part) > MaxDocument {
			long, part, j.buf = true, nil, j.buf[:0]
		}
		if !long {
			j.buf = append(j.buf, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return long, err
		}
	}
}

func tooLong() error {
	return yunduo.Errorf(yunduo.ReasonDocumentTooLarge, "the document has more than %d MiB of text", MaxDocument>>20)
}

// nextObject reads one object of an array or of objects that go over several lines. Where its end cannot be found,
// nothing behind it can.
func (j *jsonReader) nextObject() (Record, error) {
	c, err := j.skipSpace()
	if j.array {
		c, err = j.separator(c, err)
	}
	if err != nil {
		j.ended = true
		if errors.Is(err, io.EOF) && j.array {
			err = malformed("line %d: the array does not end", j.line)
		}
		return Record{}, err
	}
	if j.ended {
		return Record{}, io.EOF
	}
	if c != '{' {
		j.ended = true
		return Record{}, malformed("line %d: an object was expected, not %q", j.line, string(rune(c)))
	}
	number := j.line
	if err := j.readObject(); err != nil {
		j.ended = true
		return Record{}, err
	}
	return j.parse(number, j.buf)
}

// separator reads what stands between the elements of an array, or its end.
func (j *jsonReader) separator(c byte, err error) (byte, error) {
	switch {
	case err != nil:
		return c, err
	case c == ']':
		j.ended = true
		_, err = j.r.Discard(1)
		if rest, restErr := j.skipSpace(); restErr == nil {
			return 0, malformed("line %d: %q stands behind the end of the array", j.line, string(rune(rest)))
		}
		return c, err
	case j.begun && c == ',':
		if _, err := j.r.Discard(1); err != nil {
			return c, err
		}
		return j.skipSpace()
	case j.begun:
		return 0, malformed("line %d: a comma or ] was expected, not %q", j.line, string(rune(c)))
	}
	j.begun = true
	return c, nil
}

// readObject reads to the brace that closes the object.
func (j *jsonReader) readObject() error {
	j.buf = j.buf[:0]
	var b braces
	for {
		if _, err := j.r.Peek(1); err != nil {
			return malformed("line %d: the object does not end", j.line)
		}
		part, _ := j.r.Peek(j.r.Buffered())
		n := b.feed(part)
		if n == 0 {
			n = len(part)
		}
		j.buf = append(j.buf, part[:n]...)
		j.line += int64(bytes.Count(part[:n], []byte{'\n'}))
		if _, err := j.r.Discard(n); err != nil {
			return err
		}
		switch {
		case b.closed:
			return nil
		case len(j.buf) > MaxDocument:
			return tooLong()
		}
	}
}

func (j *jsonReader) parse(number int64, text []byte) (Record, error) {
	doc, err := ejson.Parse(text, j.o)
	if err != nil {
		return Record{}, &Rejection{Number: number, Cause: err}
	}
	return Record{Number: number, Document: doc}, nil
}

// braces finds where an object ends.
type braces struct {
	depth           int
	quoted, escaped bool
	closed          bool
}

// feed takes more text and returns how much of it belongs to the object, once that is closed; 0 before.
func (b *braces) feed(text []byte) int {
	for i, c := range text {
		switch {
		case b.escaped:
			b.escaped = false
		case b.quoted:
			b.escaped = c == '\\'
			b.quoted = c != '"'
		case c == '"':
			b.quoted = true
		case c == '{' || c == '[':
			b.depth++
		case c == '}' || c == ']':
			if b.depth--; b.depth <= 0 {
				b.closed = true
				return i + 1
			}
		}
	}
	return 0
}
