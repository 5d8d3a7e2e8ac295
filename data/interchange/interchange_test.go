package interchange_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc64"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/interchange"
)

func raw(t testing.TB, v any) bson.Raw {
	t.Helper()
	doc, err := bson.Marshal(v)
	require.NoError(t, err)
	return doc
}

// everything has every type of BSON and every spelling that a text format could mistake for another.
func everything(t testing.TB) bson.Raw {
	decimal, err := bson.ParseDecimal128("1.10")
	require.NoError(t, err)
	id, err := bson.ObjectIDFromHex("64b7186db801582111866f23")
	require.NoError(t, err)
	return raw(t, bson.D{
		{Key: "_id", Value: "d1"}, {Key: "int", Value: int32(5)}, {Key: "negative", Value: int32(-7)},
		{Key: "long", Value: int64(5)}, {Key: "longer", Value: int64(1) << 40}, {Key: "longest", Value: int64(math.MaxInt64)},
		{Key: "double", Value: 5.0}, {Key: "fraction", Value: 0.1}, {Key: "huge", Value: 1e300}, {Key: "nan", Value: math.NaN()},
		{Key: "inf", Value: math.Inf(-1)}, {Key: "zero", Value: math.Copysign(0, -1)}, {Key: "decimal", Value: decimal},
		{Key: "yes", Value: true}, {Key: "no", Value: false}, {Key: "null", Value: nil},
		{Key: "date", Value: bson.DateTime(1535736600882)}, {Key: "ancient", Value: bson.DateTime(-62135596800000)},
		{Key: "objectid", Value: id}, {Key: "binary", Value: bson.Binary{Subtype: 4, Data: []byte("0123456789abcdef")}},
		{Key: "regex", Value: bson.Regex{Pattern: "^a.b$", Options: "i"}}, {Key: "timestamp", Value: bson.Timestamp{T: 1, I: 2}},
		{Key: "min", Value: bson.MinKey{}}, {Key: "max", Value: bson.MaxKey{}}, {Key: "code", Value: bson.JavaScript("f()")},
		{Key: "text", Value: "plain"}, {Key: "empty", Value: ""}, {Key: "lines", Value: "a\nb\r\"c\",d;\t"}, {Key: "chinese", Value: "云朵 ☁"},
		{Key: "numeric", Value: "5"}, {Key: "zip", Value: "007"}, {Key: "card", Value: "110101199001011234"}, {Key: "bool", Value: "true"},
		{Key: "nulls", Value: "null"}, {Key: "json", Value: `{"a":1}`}, {Key: "quoted", Value: `"x"`}, {Key: "oid", Value: "ObjectId(64b7186db801582111866f23)"},
		{Key: "array", Value: bson.A{int32(1), "a", bson.A{}, bson.D{{Key: "b", Value: int64(2)}}}}, {Key: "none", Value: bson.A{}},
		{Key: "nested", Value: bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: 1.5}}}, {Key: "c", Value: "x"}}}, {Key: "hollow", Value: bson.D{}},
		{Key: "dotted", Value: bson.D{{Key: "a.b", Value: int32(1)}, {Key: "", Value: int32(2)}}},
	})
}

func readAll(t testing.TB, text []byte, format interchange.Format) (docs []bson.Raw, rejected []int64) {
	t.Helper()
	r, err := interchange.NewReader(bytes.NewReader(text), format, interchange.Options{})
	require.NoError(t, err)
	for {
		record, err := r.Next()
		var wrong *interchange.Rejection
		switch {
		case errors.Is(err, io.EOF):
			return docs, rejected
		case errors.As(err, &wrong):
			rejected = append(rejected, wrong.Number)
		default:
			require.NoError(t, err)
			docs = append(docs, record.Document)
		}
	}
}

func write(t testing.TB, format interchange.Format, docs ...bson.Raw) []byte {
	t.Helper()
	var out bytes.Buffer
	if format == interchange.Archive {
		w, err := interchange.NewArchiveWriter(&out, "shop", []interchange.Collection{{Name: "notes"}})
		require.NoError(t, err)
		require.NoError(t, w.Begin("notes"))
		for _, doc := range docs {
			require.NoError(t, w.Write(doc))
		}
		require.NoError(t, w.Close())
		return out.Bytes()
	}
	var columns interchange.Columns
	for _, doc := range docs {
		require.NoError(t, columns.Add(doc))
	}
	w, err := interchange.NewWriter(&out, format, true, columns.List())
	require.NoError(t, err)
	for _, doc := range docs {
		require.NoError(t, w.Write(doc))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

var formats = []interchange.Format{interchange.Lines, interchange.JSON, interchange.CSV, interchange.BSON, interchange.Archive}

func TestRoundTrip_EveryType(t *testing.T) {
	docs := []bson.Raw{everything(t), raw(t, bson.D{{Key: "_id", Value: int32(2)}, {Key: "text", Value: "other"}, {Key: "nested", Value: bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: nil}}}}}})}
	for _, format := range formats {
		t.Run(string(format), func(t *testing.T) {
			text := write(t, format, docs...)
			var zipped bytes.Buffer
			z := gzip.NewWriter(&zipped)
			_, err := z.Write(text)
			require.NoError(t, errors.Join(err, z.Close()))
			for _, file := range [][]byte{text, zipped.Bytes()} {
				got, rejected := readAll(t, file, format)
				require.Empty(t, rejected)
				require.Len(t, got, len(docs))
				for i, doc := range docs {
					require.Equal(t, doc.String(), got[i].String(), "%s", text)
					require.Equal(t, doc, got[i])
				}
			}
		})
	}
}

func TestRoundTrip_NoDocuments(t *testing.T) {
	for _, format := range formats {
		if format == interchange.CSV {
			continue // has no columns then
		}
		docs, rejected := readAll(t, write(t, format), format)
		require.Empty(t, docs)
		require.Empty(t, rejected)
	}
	docs, _ := readAll(t, nil, interchange.JSON)
	require.Empty(t, docs)
}

func TestJSON_Shapes(t *testing.T) {
	for name, c := range map[string]struct {
		format   interchange.Format
		text     string
		n        int
		rejected []int64
	}{
		"lines":                    {interchange.Lines, "{\"a\":1}\n\n {\"a\":2} \r\n{\"a\":3}", 3, nil},
		"lines called json":        {interchange.JSON, "\ufeff{\"a\":1}\n{\"a\":2}\n", 2, nil},
		"broken lines":             {interchange.Lines, "{\"a\":1}\n{\"a\":\n7\n{\"a\":{\"$date\":\"no\"}}\n{\"a\":2}\n", 2, []int64{2, 3, 4}},
		"broken lines called json": {interchange.JSON, "{\"a\":1}\n{\"a\":\n{\"a\":2}\n", 2, []int64{2}},
		"several on a line":        {interchange.JSON, "{\n\"a\":1} {\"a\":2}{\"a\":3}", 3, nil},
		"pretty":                   {interchange.JSON, "{\n  \"a\": \"}\\\"{\"\n}\n{\n  \"a\": [2, {}]\n}\n", 2, nil},
		"array":                    {interchange.JSON, " [\n{\"a\":1},\n{\"a\":{\"$numberLong\":\"x\"}},\n{\"a\":3}\n]\n", 2, []int64{3}},
		"empty array":              {interchange.JSON, "[]", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			docs, rejected := readAll(t, []byte(c.text), c.format)
			require.Len(t, docs, c.n)
			require.Equal(t, c.rejected, rejected)
		})
	}
}

// What cannot be read to its end says so, and where.
func TestRead_Fails(t *testing.T) {
	dump := write(t, interchange.Archive, everything(t))
	damaged := bytes.Clone(dump)
	damaged[bytes.Index(damaged, []byte("plain"))] = 'P'
	plain := write(t, interchange.BSON, everything(t), everything(t))
	for name, c := range map[string]struct {
		format interchange.Format
		text   []byte
		want   string
	}{
		"array without end":       {interchange.JSON, []byte("[{\"a\":1}\n"), "line 2: the array does not end"},
		"array without commas":    {interchange.JSON, []byte("[{} {}]"), "line 1: a comma or ]"},
		"array and more":          {interchange.JSON, []byte("[{}]\n{}"), "line 2"},
		"array of numbers":        {interchange.JSON, []byte("[1]"), "an object was expected"},
		"object without end":      {interchange.JSON, []byte("{\n\"a\":1\n"), "the object does not end"},
		"unknown format":          {"xlsx", nil, "xlsx"},
		"csv without lines":       {interchange.CSV, nil, "empty"},
		"csv with one name twice": {interchange.CSV, []byte("a,a\n"), "contradicts"},
		"csv with a.b and a":      {interchange.CSV, []byte("a.b,a\n"), "contradicts"},
		"csv with a and a.b":      {interchange.CSV, []byte("a,a.b\n"), "contradicts"},
		"csv with .a":             {interchange.CSV, []byte("_id,.a\n"), "column 2"},
		"csv with a..b":           {interchange.CSV, []byte("a..b\n"), "column 1"},
		"csv with an operator":    {interchange.CSV, []byte("$set\n"), "column 1"},
		"bson cut":                {interchange.BSON, plain[:len(plain)-3], "document 2: the file ends"},
		"bson of nothing":         {interchange.BSON, []byte{1, 0, 0, 0, 0}, "document 1"},
		"bson too long":           {interchange.BSON, []byte{255, 255, 255, 127, 0}, "document 1"},
		"no archive":              {interchange.Archive, plain, "does not begin"},
		"archive cut":             {interchange.Archive, dump[:len(dump)-300], `collection "notes", document 1`},
		"archive without end":     {interchange.Archive, dump[:len(dump)-4], "does not end"},
		"archive damaged":         {interchange.Archive, damaged, "checksum"},
		"no gzip":                 {interchange.JSON, []byte{0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := interchange.NewReader(bytes.NewReader(c.text), c.format, interchange.Options{})
			for err == nil {
				_, err = r.Next()
			}
			require.ErrorContains(t, err, c.want)
			require.Equal(t, yunduo.ReasonInvalidRequest, yunduo.ReasonOf(err))
			if r != nil {
				_, again := r.Next()
				require.Error(t, again)
			}
		})
	}
}

func TestCSV_Cells(t *testing.T) {
	text := "\ufeff_id,age,address.city,address.zip,born.date(),tags,note.string(),\"n.int64()\"\n" +
		"xxxxxx,45,北京,007,2018-08-31T17:30:00.882Z,\"[\"\"a\"\",1]\",5,7\n" +
		"yyyyyy,-0,,,,{broken,true,\n" +
		"zzzzzz,1,\n" +
		"qqqqqq,1,a,b,yesterday,,,\n" +
		"last,1e3,,,2018-08-31,,,x\n"
	docs, rejected := readAll(t, []byte(text), interchange.CSV)
	require.Equal(t, []int64{4, 5, 6}, rejected)
	require.Equal(t, []bson.Raw{
		raw(t, bson.D{
			{Key: "_id", Value: "xxxxxx"}, {Key: "age", Value: int32(45)}, {Key: "address", Value: bson.D{{Key: "city", Value: "北京"}, {Key: "zip", Value: "007"}}},
			{Key: "born", Value: bson.NewDateTimeFromTime(time.Date(2018, 8, 31, 17, 30, 0, 882e6, time.UTC))},
			{Key: "tags", Value: bson.A{"a", int32(1)}}, {Key: "note", Value: "5"}, {Key: "n", Value: int64(7)},
		}),
		raw(t, bson.D{{Key: "_id", Value: "yyyyyy"}, {Key: "age", Value: "-0"}, {Key: "tags", Value: "{broken"}, {Key: "note", Value: "true"}}),
	}, docs)
}

func TestCSV_DateLayouts(t *testing.T) {
	docs, rejected := readAll(t, []byte("a.date(02.01.2006),b.date_go(2006-01),c (x)\n31.12.2025,2026-02,1\n2025-12-31,2026-02,1\n"), interchange.CSV)
	require.Equal(t, []int64{3}, rejected)
	day := func(y int, m time.Month, d int) bson.DateTime {
		return bson.NewDateTimeFromTime(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
	}
	require.Equal(t, []bson.Raw{raw(t, bson.D{{Key: "a", Value: day(2025, 12, 31)}, {Key: "b", Value: day(2026, 2, 1)}, {Key: "c (x)", Value: int32(1)}})}, docs)
}

func TestCSV_ColumnsOfDifferentDocuments(t *testing.T) {
	a := raw(t, bson.D{{Key: "x", Value: bson.D{{Key: "y", Value: int32(1)}}}, {Key: "_id", Value: "a"}})
	b := raw(t, bson.D{{Key: "_id", Value: "b"}, {Key: "x", Value: int32(2)}})
	text := write(t, interchange.CSV, a, b)
	require.Equal(t, "_id,x\na,\"{\"\"y\"\":{\"\"$numberInt\"\":\"\"1\"\"}}\"\nb,2\n", string(text))
	var columns interchange.Columns
	require.Error(t, columns.Add(raw(t, bson.D{{Key: "a.b", Value: 1}})), "it would come back as another document")
	many := bson.D{}
	for i := range 1001 {
		many = append(many, bson.E{Key: strings.Repeat("a", i+1), Value: 1})
	}
	require.ErrorContains(t, columns.Add(raw(t, many)), "1000")
}

func TestMetadata(t *testing.T) {
	indexes := []driver.Index{
		{Name: "a_1_b_-1", Fields: []driver.IndexField{{Path: "a"}, {Path: "b.c", Descending: true}}, Unique: true, Sparse: true},
		{Name: "at", Fields: []driver.IndexField{{Path: "at"}}, ExpireAfter: time.Hour},
		{Name: "place", Fields: []driver.IndexField{{Path: "place", Kind: driver.KindPlaces}}},
		{Name: "zh", Fields: []driver.IndexField{{Path: "s"}}, Collation: raw(t, bson.D{{Key: "locale", Value: "zh"}, {Key: "strength", Value: int32(2)}})},
		{Name: "part", Fields: []driver.IndexField{{Path: "a"}}, Partial: raw(t, bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: int32(5)}}}})},
	}
	text := interchange.Metadata(interchange.Collection{Name: "notes", Indexes: indexes})
	got, skipped, err := interchange.ParseMetadata(text)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Equal(t, indexes, got)

	got, skipped, err = interchange.ParseMetadata([]byte(`{"options":{},"indexes":[{"v":2,"key":{"_id":1},"name":"_id_","ns":"a.b"},
		{"v":{"$numberInt":"2"},"key":{"t":"text"},"name":"t","weights":{"t":1}},{"key":{"a":1.0},"name":"a"},{"key":{"$**":1},"name":"all"},
		{"key":{"c":1},"name":"c","collation":{"locale":"nowhere"}},{"name":"none"},
		{"key":{"d":1},"name":"d","collation":{"locale":"simple"}}]}`))
	require.NoError(t, err)
	require.Equal(t, []driver.Index{{Name: "a", Fields: []driver.IndexField{{Path: "a"}}}, {Name: "d", Fields: []driver.IndexField{{Path: "d"}}}}, got)
	require.Len(t, skipped, 4)
	for _, bad := range []string{``, `{`, `{"indexes":[1]}`} {
		_, _, err = interchange.ParseMetadata([]byte(bad))
		require.Error(t, err)
	}
}

func TestArchive_ManyCollections(t *testing.T) {
	var out bytes.Buffer
	collections := []interchange.Collection{{Name: "a", Indexes: []driver.Index{{Name: "n", Fields: []driver.IndexField{{Path: "n"}}}}}, {Name: "b"}, {Name: "system.views"}}
	w, err := interchange.NewArchiveWriter(&out, "shop", collections)
	require.NoError(t, err)
	require.Error(t, w.Write(everything(t)))
	for _, c := range collections {
		require.NoError(t, w.Begin(c.Name))
		require.NoError(t, w.Write(raw(t, bson.D{{Key: "_id", Value: c.Name}})))
	}
	require.NoError(t, w.Close())
	r, err := interchange.NewReader(&out, interchange.Archive, interchange.Options{})
	require.NoError(t, err)
	archive, ok := r.(*interchange.ArchiveReader)
	require.True(t, ok)
	require.Equal(t, collections[:2], archive.Collections())
	for _, name := range []string{"a", "b"} {
		record, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, name, record.Collection)
		require.EqualValues(t, 1, record.Number)
	}
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
}

// dumped is an archive as mongodump writes one of a server, built here by its published layout: two collections come by
// turns, the size of one needs 64 bits, and there is a collection of the server's own.
func dumped(t *testing.T) []byte {
	t.Helper()
	crcs := map[string]hash.Hash64{}
	out := binary.LittleEndian.AppendUint32(nil, 0x8199e26d)
	add := func(d bson.D) { out = append(out, raw(t, d)...) }
	end := func() { out = binary.LittleEndian.AppendUint32(out, 0xffffffff) }
	section := func(name string, docs ...bson.D) {
		if crcs[name] == nil {
			crcs[name] = crc64.New(crc64.MakeTable(crc64.ECMA))
		}
		add(bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: name}, {Key: "EOF", Value: len(docs) == 0}, {Key: "CRC", Value: int64(0)}})
		for _, d := range docs {
			crcs[name].Write(raw(t, d))
			add(d)
		}
		end()
	}
	closed := func(name string) {
		add(bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: name}, {Key: "EOF", Value: true}, {Key: "CRC", Value: int64(crcs[name].Sum64())}})
		end()
	}
	add(bson.D{{Key: "concurrent_collections", Value: int32(4)}, {Key: "version", Value: "0.1"}, {Key: "server_version", Value: "7.0.14"}, {Key: "tool_version", Value: "100.10.0"}})
	add(bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: "orders"}, {Key: "size", Value: int64(5 << 30)}, {Key: "type", Value: "collection"},
		{Key: "metadata", Value: `{"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"},` +
			`{"v":{"$numberInt":"2"},"key":{"n":{"$numberInt":"-1"}},"name":"n_-1","unique":true}],"uuid":"1d0a","collectionName":"orders","type":"collection"}`}})
	add(bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: "users"}, {Key: "size", Value: int32(2)}, {Key: "type", Value: "collection"},
		{Key: "metadata", Value: `{"indexes":[{"v":2,"key":{"_id":1},"name":"_id_"}],"uuid":"1d0b","collectionName":"users","type":"collection"}`}})
	add(bson.D{{Key: "db", Value: "admin"}, {Key: "collection", Value: "system.version"}, {Key: "metadata", Value: ""}, {Key: "size", Value: int32(0)}, {Key: "type", Value: "collection"}})
	end()
	section("orders", bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: int64(1)}})
	section("users", bson.D{{Key: "_id", Value: "li"}})
	section("orders", bson.D{{Key: "_id", Value: 2}, {Key: "n", Value: 2.5}})
	closed("orders")
	section("users", bson.D{{Key: "_id", Value: "wang"}})
	closed("users")
	return out
}

func TestArchive_AsMongodumpWritesIt(t *testing.T) {
	file := dumped(t)
	r, err := interchange.NewReader(bytes.NewReader(file), interchange.Archive, interchange.Options{})
	require.NoError(t, err)
	archive, ok := r.(*interchange.ArchiveReader)
	require.True(t, ok)
	require.Equal(t, []interchange.Collection{
		{Name: "orders", Indexes: []driver.Index{{Name: "n_-1", Unique: true, Fields: []driver.IndexField{{Path: "n", Descending: true}}}}}, {Name: "users"},
	}, archive.Collections())
	var got []string
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		got = append(got, record.Collection+record.Document.String())
	}
	require.Equal(t, []string{
		`orders{"_id": {"$numberInt":"1"},"n": {"$numberLong":"1"}}`, `users{"_id": "li"}`,
		`orders{"_id": {"$numberInt":"2"},"n": {"$numberDouble":"2.5"}}`, `users{"_id": "wang"}`,
	}, got)

	file[bytes.Index(file, []byte("wang"))] = 'W' // the checksum tells
	r, err = interchange.NewReader(bytes.NewReader(file), interchange.Archive, interchange.Options{})
	require.NoError(t, err)
	for err == nil {
		_, err = r.Next()
	}
	require.NotEqual(t, io.EOF, err)
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]interchange.Format{
		"a.json": interchange.JSON, "dir/a.JSONL.gz": interchange.Lines, "a.csv": interchange.CSV, "a.bson.gz": interchange.BSON,
		"dump.archive": interchange.Archive, "a.xlsx": "", "json": "",
	} {
		require.Equal(t, want, interchange.FormatOf(name), name)
	}
}

// endless is an object whose text does not end.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	if !e.begun {
		e.begun = true
		copy(p, "\"a\n{\"")
	}
	return len(p), nil
}

func TestRead_BoundsMemory(t *testing.T) {
	for _, format := range []interchange.Format{interchange.CSV, interchange.JSON} {
		r, err := interchange.NewReader(&endless{}, format, interchange.Options{})
		for n := 0; err == nil && n < 3; n++ {
			_, err = r.Next()
		}
		require.Error(t, err)
	}
}
