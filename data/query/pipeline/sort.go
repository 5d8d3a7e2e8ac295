package pipeline

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/value"
)

// sortStage is $sort. Rows with equal keys keep their order.
type sortStage struct {
	order *query.Sort
	top   int64 // how many rows are needed, 0 for all
}

func parseSort(p *parser, name string, arg bson.RawValue) (stage, error) {
	if arg.Type != bson.TypeEmbeddedDocument || value.IsEmpty(arg.Value) {
		return nil, invalid("%s takes an object of fields, each with 1 or -1", name)
	}
	order, err := query.ParseSort(arg.Value)
	if err != nil {
		return nil, err
	}
	return &sortStage{order: order.By(p.by)}, nil
}

func (s *sortStage) run(env *environment, in iterator) (iterator, error) {
	return &blockingRows{in: in, read: func(ctx context.Context) ([]bson.Raw, error) {
		kept, err := s.read(ctx, env, in)
		if err != nil {
			return nil, err
		}
		rows := make([]bson.Raw, len(kept))
		for i, k := range kept {
			rows[i] = k.row
		}
		return rows, nil
	}}, nil
}

type sortedRow struct {
	row bson.Raw
	key []byte
}

const sortedRowSize = 48

// read returns the rows in order. With top, it keeps at most twice as many rows as are needed and cuts them back.
func (s *sortStage) read(ctx context.Context, env *environment, in iterator) ([]sortedRow, error) {
	b := env.budget("$sort")
	var kept []sortedRow
	var key []byte
	var bar []byte // with top: the key of the last row that is still needed, once there are enough
	for {
		row, err := in.next(ctx)
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		if key, err = s.order.AppendKey(key[:0], row); err != nil {
			return nil, err
		}
		if bar != nil && bytes.Compare(key, bar) >= 0 {
			continue
		}
		if err := b.charge(len(row) + len(key) + sortedRowSize); err != nil {
			return nil, err
		}
		memory := append(append(make([]byte, 0, len(row)+len(key)), row...), key...)
		kept = append(kept, sortedRow{memory[:len(row):len(row)], memory[len(row):]})
		if s.top > 0 && int64(len(kept)/2) >= s.top && len(kept) > 64 {
			kept = s.cut(kept, &b)
			bar = kept[len(kept)-1].key
		}
	}
	return s.cut(kept, &b), nil
}

// cut sorts rows and drops those beyond top.
func (s *sortStage) cut(rows []sortedRow, b *budget) []sortedRow {
	slices.SortStableFunc(rows, func(x, y sortedRow) int { return bytes.Compare(x.key, y.key) })
	if s.top == 0 || int64(len(rows)) <= s.top {
		return rows
	}
	for _, r := range rows[s.top:] {
		b.left += int64(len(r.row) + len(r.key) + sortedRowSize)
	}
	clear(rows[s.top:])
	return rows[:s.top]
}
