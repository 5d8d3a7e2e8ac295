package query

import "go.mongodb.org/mongo-driver/v2/bson"

func (p *filterParser) geoOperator(path, name string, v bson.RawValue, siblings []byte) (condition, error) {
	return nil, unknownFilterOperator(name)
}
