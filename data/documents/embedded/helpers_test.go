package embedded_test

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
)

func mustRaw(v any) bson.Raw {
	data, err := bson.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func mustFilter(v any) *query.Filter {
	f, err := query.ParseFilter(mustRaw(v))
	if err != nil {
		panic(err)
	}
	return f
}

func mustUpdate(v any) *query.Update {
	u, err := query.ParseUpdate(mustRaw(v))
	if err != nil {
		panic(err)
	}
	return u
}

func mustSort(v any) *query.Sort {
	s, err := query.ParseSort(mustRaw(v))
	if err != nil {
		panic(err)
	}
	return s
}
