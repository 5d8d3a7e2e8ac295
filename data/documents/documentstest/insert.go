package documentstest

import (
	"bytes"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

var insertTests = map[string]func(f *fixture){
	"RoundTrip": func(f *fixture) {
		decimal, err := bson.ParseDecimal128("1.50")
		require.NoError(f, err)
		doc := raw(d("_id", bson.NewObjectID(), "s", "text\x00with zero", "i", int32(1), "l", int64(1)<<60, "f", 1.5, "d", decimal,
			"t", bson.NewDateTimeFromTime(time.Now()), "n", nil, "a", bson.A{1, d("x", bson.A{})}, "o", d(), "b", bson.Binary{Subtype: 4, Data: []byte{1}},
			"r", bson.Regex{Pattern: "a", Options: "i"}, "ts", bson.Timestamp{T: 1, I: 2}, "min", bson.MinKey{}, "max", bson.MaxKey{}))
		require.NoError(f, f.e.Insert(f.ctx, f.ns, []bson.Raw{doc}, driver.WriteOptions{}))
		c, err := f.e.Find(f.ctx, f.ns, driver.Find{})
		require.NoError(f, err)
		require.True(f, c.Next(f.ctx))
		require.Equal(f, doc, bson.Raw(bytes.Clone(c.Current())))
		require.False(f, c.Next(f.ctx))
		require.NoError(f, c.Close())
	},
	"InputMayBeReused": func(f *fixture) {
		doc := raw(d("_id", 1, "a", "before"))
		require.NoError(f, f.e.Insert(f.ctx, f.ns, []bson.Raw{doc}, driver.WriteOptions{}))
		copy(doc, raw(d("_id", 2, "a", "after!")))
		require.Equal(f, texts(f, d("_id", 1, "a", "before")), f.all())
	},
	"Nothing": func(f *fixture) {
		require.NoError(f, f.e.Insert(f.ctx, f.ns, nil, driver.WriteOptions{}))
		require.Empty(f, f.all())
	},
	"SameID_Refused": func(f *fixture) {
		f.insert(d("_id", 1, "a", 1))
		for _, id := range []any{1, int64(1), 1.0} {
			f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", id))}, driver.WriteOptions{}))
		}
		f.insert(d("_id", "1"))
		require.Len(f, f.all(), 2)
	},
	"AllOrNothing": func(f *fixture) {
		f.insert(d("_id", 3))
		docs := raws([]bson.D{d("_id", 1), d("_id", 2), d("_id", 3)})
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}))
		require.Equal(f, texts(f, d("_id", 3)), f.all())
		docs = raws([]bson.D{d("_id", 1), d("_id", 1)})
		f.reason(yunduo.ReasonDuplicateKey, f.e.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}))
		require.Equal(f, texts(f, d("_id", 3)), f.all())
	},
	"BadDocuments_Refused": func(f *fixture) {
		for name, doc := range map[string]bson.Raw{
			"empty":          {},
			"truncated":      raw(d("_id", 1, "a", 2))[:10],
			"wrong length":   append(raw(d("_id", 1)), 0),
			"without _id":    raw(d("a", 1)),
			"array as _id":   raw(d("_id", bson.A{1})),
			"regex as _id":   raw(d("_id", bson.Regex{Pattern: "a"})),
			"very long _id":  raw(d("_id", string(make([]byte, 20<<10)))),
			"broken element": append(append([]byte{14, 0, 0, 0, 0x10}, "_id\x00"...), 1, 0, 0, 0, 9),
		} {
			err := f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", name)), doc}, driver.WriteOptions{})
			require.Equal(f, yunduo.ReasonInvalidDocument, yunduo.ReasonOf(err), name)
		}
		require.Empty(f, f.all())
	},
	"TooLarge_Refused": func(f *fixture) {
		doc := raw(d("_id", 1, "a", string(make([]byte, 16<<20))))
		f.reason(yunduo.ReasonDocumentTooLarge, f.e.Insert(f.ctx, f.ns, []bson.Raw{doc}, driver.WriteOptions{}))
		require.Empty(f, f.all())
	},
	"Large": func(f *fixture) {
		doc := raw(d("_id", 1, "a", string(bytes.Repeat([]byte("x"), 15<<20))))
		require.NoError(f, f.e.Insert(f.ctx, f.ns, []bson.Raw{doc}, driver.WriteOptions{}))
		list, err := f.e.Collections(f.ctx, f.ns.App)
		require.NoError(f, err)
		require.EqualValues(f, len(doc), list[0].Bytes)
		require.Len(f, f.all(), 1)
	},
	"Many": func(f *fixture) {
		docs := make([]bson.Raw, 3000)
		for i := range docs {
			docs[i] = raw(d("_id", i, "a", i%7))
		}
		require.NoError(f, f.e.Insert(f.ctx, f.ns, docs, driver.WriteOptions{}))
		n, err := f.e.Count(f.ctx, f.ns, nil, "")
		require.NoError(f, err)
		require.EqualValues(f, 3000, n)
		require.Len(f, f.all(), 3000)
	},
}
