package mongowire

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/value"
)

// matching returns the documents that match a filter.
func matching(list []bson.D, filter bson.Raw) ([]bson.Raw, error) {
	parsed, err := query.ParseFilter(filter)
	if err != nil {
		return nil, err
	}
	found := []bson.Raw{}
	for _, d := range list {
		raw, err := bson.Marshal(d)
		if err != nil {
			return nil, err
		}
		ok, err := parsed.Match(raw)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, raw)
		}
	}
	return found, nil
}

func create(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	for key, v := range c.arguments() {
		switch key {
		case "idIndex", "autoIndexId", "storageEngine", "indexOptionDefaults", "flags":
		case "changeStreamPreAndPostImages": // there always are both
		case "collation":
			err = plainCollation(v)
		default: // capped, timeseries, viewOn, validator, clusteredIndex, encryptedFields
			err = refuseTrue(key, v)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := docs.CreateCollection(ctx, collection); err != nil {
		if yunduo.ReasonOf(err) == yunduo.ReasonCollectionExists {
			return nil, &failure{code: codeNamespaceExists, message: "Collection already exists. NS: " + c.namespace(collection), cause: err}
		}
		return nil, err
	}
	return ok()
}

// drop of what is not there is no error, as since MongoDB 7.
func drop(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	indexes, err := docs.Indexes(ctx, collection)
	if err == nil {
		err = docs.DropCollection(ctx, collection)
	}
	if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
		return ok()
	}
	if err != nil {
		return nil, err
	}
	return ok(bson.E{Key: "nIndexesWas", Value: int32(len(indexes) + 1)}, bson.E{Key: "ns", Value: c.namespace(collection)})
}

// dropDatabase drops the app's collections. The app itself, its users, files and functions stay.
func dropDatabase(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	if docs.Caller().Role == yunduo.RoleSystem {
		if err := c.conn.server.options.Documents.DropApp(ctx, docs.Caller(), docs.App()); err != nil {
			return nil, err
		}
		return ok(bson.E{Key: "dropped", Value: c.database})
	}
	infos, err := docs.Collections(ctx)
	if err != nil {
		return nil, err
	}
	for _, info := range infos {
		if err := docs.DropCollection(ctx, info.Name); notFoundIsFine(err) != nil {
			return nil, err
		}
	}
	return ok(bson.E{Key: "dropped", Value: c.database})
}

// renameCollection renames within one database.
func renameCollection(ctx context.Context, c *command, _ *documents.Session) ([]byte, error) {
	from, err := asText(c.name, c.argument)
	if err != nil {
		return nil, err
	}
	to, dropTarget := "", false
	for key, v := range c.arguments() {
		switch key {
		case "to":
			to, err = asText(key, v)
		case "dropTarget":
			dropTarget, err = asBool(key, v)
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	database, collection, _ := strings.Cut(from, ".")
	other, target, _ := strings.Cut(to, ".")
	if database != other || collection == "" || target == "" {
		return nil, failf(codeInvalidNamespace, "a collection is renamed within one database, from DATABASE.NAME to DATABASE.NAME")
	}
	inside := *c
	inside.database = database
	docs, err := inside.documents(ctx)
	if err != nil {
		return nil, err
	}
	if dropTarget && target != collection {
		if _, err := docs.Indexes(ctx, collection); err != nil { // before anything is dropped
			return nil, err
		}
		if err := docs.DropCollection(ctx, target); notFoundIsFine(err) != nil {
			return nil, err
		}
	}
	if err := docs.RenameCollection(ctx, collection, target); err != nil {
		return nil, err
	}
	return ok()
}

func notFoundIsFine(err error) error {
	if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
		return nil
	}
	return err
}

func listCollections(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	var filter bson.Raw
	nameOnly, b := false, defaultBatching()
	b.size = maxWriteBatch
	var err error
	for key, v := range c.arguments() {
		switch key {
		case "filter":
			filter, err = asDocument(key, v)
		case "nameOnly":
			nameOnly, err = asBool(key, v)
		case "cursor":
			err = b.parse(v)
		case "authorizedCollections":
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	infos, err := docs.Collections(ctx)
	if err != nil {
		return nil, err
	}
	list := []bson.D{}
	for _, info := range infos {
		d := bson.D{{Key: "name", Value: info.Name}, {Key: "type", Value: "collection"}}
		if !nameOnly {
			d = append(d,
				bson.E{Key: "options", Value: bson.D{}},
				bson.E{Key: "info", Value: bson.D{{Key: "readOnly", Value: false}}},
				bson.E{Key: "idIndex", Value: idIndex()},
			)
		}
		list = append(list, d)
	}
	found, err := matching(list, filter)
	if err != nil {
		return nil, err
	}
	return c.listReply(ctx, docs, found, c.database+".$cmd.listCollections", b)
}

// stats describes a collection. Sizes are those of the documents; what they take on disk is shared by all apps.
func stats(ctx context.Context, c *command, docs *documents.Session, collection string) (bson.D, error) {
	infos, err := docs.Collections(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(infos, func(i driver.CollectionInfo) bool { return i.Name == collection })
	var info driver.CollectionInfo
	indexes := []driver.Index{}
	if at >= 0 {
		info = infos[at]
		if indexes, err = docs.Indexes(ctx, collection); notFoundIsFine(err) != nil {
			return nil, err
		}
	}
	d := bson.D{
		{Key: "ns", Value: c.namespace(collection)}, {Key: "size", Value: info.Bytes}, {Key: "count", Value: info.Documents},
	}
	if info.Documents > 0 {
		d = append(d, bson.E{Key: "avgObjSize", Value: info.Bytes / info.Documents})
	}
	return append(d,
		bson.E{Key: "storageSize", Value: info.Bytes}, bson.E{Key: "totalSize", Value: info.Bytes + info.IndexBytes},
		bson.E{Key: "nindexes", Value: int32(len(indexes) + 1)}, bson.E{Key: "totalIndexSize", Value: info.IndexBytes},
		bson.E{Key: "indexSizes", Value: bson.D{}}, bson.E{Key: "capped", Value: false}, bson.E{Key: "scaleFactor", Value: int32(1)},
	), nil
}

func collStats(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	d, err := stats(ctx, c, docs, collection)
	if err != nil {
		return nil, err
	}
	return ok(d...)
}

// collStatsStage answers a pipeline that begins with $collStats.
func (c *command) collStatsStage(ctx context.Context, docs *documents.Session, collection string, stages []bson.Raw, b batching) ([]byte, error) {
	_, argument, _ := stageOf(stages[0])
	asked, err := asDocument("$collStats", argument)
	if err != nil {
		return nil, err
	}
	d, err := stats(ctx, c, docs, collection)
	if err != nil {
		return nil, err
	}
	row := bson.D{{Key: "ns", Value: c.namespace(collection)}, {Key: "host", Value: c.conn.socket.LocalAddr().String()}, {Key: "localTime", Value: c.conn.server.options.Now()}}
	for key := range statement(asked) {
		switch key {
		case "count":
			row = append(row, bson.E{Key: "count", Value: valueOf(d, "count")})
		case "storageStats":
			row = append(row, bson.E{Key: "storageStats", Value: d[1:]})
		default:
			return nil, failf(codeUnknownField, "$collStats: '%s' is not known here", key)
		}
	}
	raw, err := bson.Marshal(row)
	if err != nil {
		return nil, err
	}
	found, err := pipe(ctx, stages[1:], collection, raw)
	if err != nil {
		return nil, err
	}
	return c.listReply(ctx, docs, found, c.namespace(collection), b)
}

func valueOf(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

func dbStats(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	scale := int64(1)
	if v := c.field("scale"); v.Type != 0 {
		var err error
		if scale, err = asInteger("scale", v); err != nil || scale < 1 {
			return nil, failf(codeBadValue, "scale: a positive number")
		}
	}
	infos, err := docs.Collections(ctx)
	if err != nil {
		return nil, err
	}
	var objects, bytes, indexes, indexBytes int64
	for _, info := range infos {
		list, err := docs.Indexes(ctx, info.Name)
		if notFoundIsFine(err) != nil {
			return nil, err
		}
		objects, bytes = objects+info.Documents, bytes+info.Bytes
		indexes, indexBytes = indexes+int64(len(list))+1, indexBytes+info.IndexBytes
	}
	average := 0.0
	if objects > 0 {
		average = float64(bytes) / float64(objects)
	}
	return ok(
		bson.E{Key: "db", Value: c.database}, bson.E{Key: "collections", Value: int64(len(infos))}, bson.E{Key: "views", Value: int64(0)},
		bson.E{Key: "objects", Value: objects}, bson.E{Key: "avgObjSize", Value: average},
		bson.E{Key: "dataSize", Value: float64(bytes) / float64(scale)}, bson.E{Key: "storageSize", Value: float64(bytes) / float64(scale)},
		bson.E{Key: "indexes", Value: indexes}, bson.E{Key: "indexSize", Value: float64(indexBytes) / float64(scale)},
		bson.E{Key: "totalSize", Value: float64(bytes+indexBytes) / float64(scale)}, bson.E{Key: "scaleFactor", Value: scale},
	)
}

// validate reads every document of a collection and checks that it is whole.
func validate(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	found, err := docs.Find(ctx, collection, documents.Query{NoLimit: true})
	if err != nil {
		return nil, err
	}
	defer found.Close()
	problems, n, invalid := bson.A{}, int64(0), int64(0)
	for found.Next(ctx) {
		n++
		if err := value.Validate(found.Current()); err != nil {
			invalid++
			if len(problems) < 100 {
				id, _ := value.Field(found.Current(), "_id")
				problems = append(problems, id.String()+": "+yunduo.AsError(err).Message)
			}
		}
	}
	indexes, listed := docs.Indexes(ctx, collection)
	if err := errors.Join(found.Err(), listed); err != nil {
		return nil, err
	}
	return ok(
		bson.E{Key: "ns", Value: c.namespace(collection)}, bson.E{Key: "nInvalidDocuments", Value: invalid}, bson.E{Key: "nrecords", Value: n},
		bson.E{Key: "nIndexes", Value: int32(len(indexes) + 1)}, bson.E{Key: "valid", Value: invalid == 0},
		bson.E{Key: "warnings", Value: bson.A{"documents were read; indexes were not compared with them"}}, bson.E{Key: "errors", Value: problems},
	)
}
