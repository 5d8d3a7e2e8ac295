package documentstest

import (
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

var countTests = map[string]func(f *fixture){
	"Count": func(f *fixture) {
		for i := range 50 {
			f.insert(d("_id", i, "a", i%5, "tags", bson.A{i % 2, i % 3}))
		}
		for _, c := range []struct {
			filter any
			want   int64
		}{
			{nil, 50}, {d(), 50}, {d("a", 0), 10}, {d("a", d("$gt", 2)), 20}, {d("_id", 7), 1}, {d("_id", 77), 0},
			{d("_id", d("$lt", 7)), 7}, {d("tags", 1), 33}, {d("tags", d("$gte", 0)), 50}, {d("b", nil), 50},
		} {
			n, err := f.e.Count(f.ctx, f.ns, f.filter(c.filter), "")
			require.NoError(f, err)
			require.Equal(f, c.want, n, "%v", c.filter)
		}
	},
}
