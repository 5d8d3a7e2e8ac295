package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
)

// sortItem is a document in a blocking sort.
type sortItem struct {
	key, id  []byte
	document bson.Raw
}

func (i sortItem) bytes() int64 { return int64(len(i.key)+len(i.id)+len(i.document)) + 72 }

func compareItems(a, b sortItem) int {
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	return bytes.Compare(a.id, b.id)
}

// sortRows reads all rows and returns the first want of them in order (0: all). It returns query_too_expensive if
// they take more than memory bytes.
func sortRows(ctx context.Context, r *rows, sort *query.Sort, want, memory int64) ([]sortItem, error) {
	near := r.filter.Near()
	var items []sortItem
	var size int64
	cut := func() {
		slices.SortFunc(items, compareItems)
		if want > 0 && int64(len(items)) > want {
			clear(items[want:])
			items = items[:want]
		}
		size = 0
		for _, i := range items {
			size += i.bytes()
		}
	}
	for {
		ok, err := r.next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			cut()
			return items, nil
		}
		item := sortItem{id: slices.Clone(r.id), document: slices.Clone(r.document)}
		if len(sort.Fields()) > 0 {
			if item.key, err = sort.AppendKey(nil, r.document); err != nil {
				return nil, err
			}
		} else if near != nil {
			distance, _ := near.Distance(r.document)
			item.key = binary.BigEndian.AppendUint64(nil, math.Float64bits(math.Abs(distance)))
		}
		items = append(items, item)
		size += item.bytes()
		if want > 0 && int64(len(items)) >= 2*want+64 {
			cut()
		}
		if err := r.keep(size); err != nil {
			return nil, err
		}
		if size > memory {
			if cut(); size > memory {
				return nil, yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "sorting needs more than %d MiB of memory: add an index that gives this order, or a limit", memory>>20)
			}
		}
	}
}
